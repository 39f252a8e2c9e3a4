"""A process of its own that runs the real code and kills itself (SIGKILL) at its N-th step that touches the world.

Run as `python -m tests.offline.offline_crash`; each line on stdin is a JSON order, each on stdout its outcome.
The imports happen once; every order runs in a new forked process. Steps are: os.fsync, os.replace, os.unlink, a commit
(before and after), a request (before it is sent and after its answer).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from app.net.http import ClinicHttp, Credentials
from app.offline.capture import Part, Words, save_sealed, seal_submission
from app.offline.drafts import DraftBook
from app.offline.keys import open_store_key
from app.offline.outbox import Transfer
from app.offline.plan import Stage
from app.offline.profile import Profile
from app.offline.recovery import sweep
from app.offline.store import Store, StoreCore
from app.offline.trust import sender
from app.offline.worker import OutboxWorker
from tests.offline.offline_kit import CANARY, NOW, PATIENT, Until

TLS = ssl.create_default_context()  # made once, before the forks; the service here is plain HTTP


@dataclass(frozen=True)
class Order:
    profile: str
    url: str
    act: str
    kill_at: int  # 0: never


class Steps:
    """Counts steps and kills the process at the one that was ordered."""

    def __init__(self, kill_at: int) -> None:
        self.count = 0
        self.names: list[str] = []
        self._kill_at = kill_at

    def step(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        def before(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                self.step(name)
                return function(*args, **kwargs)

            return call

        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, before(name, getattr(os, name)))

        def commit(db: apsw.Connection) -> None:
            self.step("before commit")
            db.execute("COMMIT")
            self.step("after commit")

        StoreCore._commit = staticmethod(commit)  # type: ignore[method-assign]
        watch_requests(self.step)


def watch_requests(step: Callable[[str], None]) -> None:
    """`step` is told before and after each exchange with the clinic."""
    request = ClinicHttp.request

    async def counted(http: ClinicHttp, method: str, path: str, **more: Any) -> Any:
        step(f"before {method}")
        response = await request(http, method, path, **more)
        step(f"after {method}")
        return response

    ClinicHttp.request = counted  # type: ignore[assignment, method-assign]


def photo() -> bytes:
    return b"\xff\xd8\xff" + CANARY + bytes(range(256)) * 400 + CANARY


def capture(profile: Profile, key: bytes, say: Callable[[str], None]) -> None:
    core = StoreCore(profile.store_path, key)
    words = Words("wound", CANARY.decode())
    sealed = seal_submission(sender(core), [Part(photo(), CANARY.decode(), "image/jpeg")], words, NOW)
    save_sealed(core, profile.blobs, sealed)
    say(f"saved {sealed.submission}\n")


PART = "b" * 32
DRAFT_ACTS: dict[str, Callable[[DraftBook, str], Awaitable[object]]] = {
    "draft-add": lambda book, draft: book.add_part(draft, Part(photo(), "2.jpg", "image/jpeg")),
    "draft-remove": lambda book, draft: book.remove_part(draft, PART),
    "draft-note": lambda book, draft: book.set_note(draft, CANARY.decode()),
    "draft-finish": lambda book, draft: book.finish(draft),
    "draft-discard": lambda book, draft: book.discard(draft),
}


async def change_draft(profile: Profile, key: bytes, act: str, say: Callable[[str], None]) -> None:
    store = await Store.open(profile.store_path, key)
    book = DraftBook(store, profile.blobs)
    (draft,) = await book.drafts()
    await DRAFT_ACTS[act](book, draft.draft)
    say("done\n")
    await store.close()


def recover(profile: Profile, key: bytes, say: Callable[[str], None]) -> None:
    core = StoreCore(profile.store_path, key)
    sweep(core, profile.blobs)
    say("swept\n")


async def deliver(profile: Profile, key: bytes, url: str, say: Callable[[str], None]) -> None:
    store = await Store.open(profile.store_path, key)
    until = Until()
    async with asyncio.timeout(30), ClinicHttp(url, TLS, Credentials(PATIENT, lambda nonce: b"s" * 64)) as http:
        worker = OutboxWorker(store, profile.blobs, http, on_change=until.changed)
        worker.start()
        kept = await store.call(StoreCore.submissions)

        def all_erased() -> bool:
            blobs = [blob for submission in worker._submissions for blob in submission.blobs]
            erased = all(blob.state is Transfer.ERASED for blob in blobs)
            return len(worker.snapshot()) >= len(kept) and erased and not any(profile.blobs.iterdir())

        await until.holds(all_erased, timeout=25)
        assert all(status.stage is Stage.RECEIVED for status in worker.snapshot())
        await worker.stop()
        rows = await store.call(StoreCore.submissions)
    await store.close()
    say(json.dumps([[blob.state for blob in row.blobs] for row in rows]) + "\n")


def act(order: Order, say: Callable[[str], None]) -> None:
    steps = Steps(order.kill_at)
    profile = Profile.open(Path(order.profile))
    key = open_store_key(profile, None).secret
    steps.install()
    if order.act == "capture":
        capture(profile, key, say)
    elif order.act in DRAFT_ACTS:
        asyncio.run(change_draft(profile, key, order.act, say))
    elif order.act == "recover":
        recover(profile, key, say)
    else:
        asyncio.run(deliver(profile, key, order.url, say))
    say("steps " + json.dumps(steps.names) + "\n")


def in_new_process(order: Order) -> tuple[int, str]:
    """Wait status and all that was said before the end."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            act(order, lambda text: os.write(write_end, text.encode()) and None)
        except BaseException as exc:
            os.write(write_end, f"failed {exc!r}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


def main() -> None:
    for name in ("httpcore", "anyio._backends._asyncio"):  # else every fork imports them at its first request
        importlib.import_module(name)
    for line in sys.stdin:
        code, said = in_new_process(Order(**json.loads(line)))
        print(json.dumps({"code": code, "said": said}), flush=True)


if __name__ == "__main__":
    main()
