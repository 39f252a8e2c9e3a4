"""The outbox at the command line: `thinline outbox enrol | add | list | send | withdraw | open`.

For kiosk staff, scripts and tests, on the same objects as the windows. Exit codes: 0 done; 1 it did not work, a
sentence on standard error says why; 2 the command line is wrong; 3 something still waits; 4 a person must decide.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.net.address import AddressError
from app.net.errors import NetError
from app.offline.draft import MAX_TEXT, Draft
from app.offline.drafts import DraftBook
from app.offline.errors import OfflineError
from app.offline.finishing import originals_with
from app.offline.from_file import Answers, Found, Measured, Parts, read_file
from app.offline.inbox import InboxReader, OpenedSubmission
from app.offline.keys import system_ring
from app.offline.life import Life
from app.offline.opened import holds
from app.offline.outbox import OutboxSubmission
from app.offline.parts import AVIF, CLIP, FHIR, HEIC, JPEG, PDF, PNG, TEXT, VOICE, WEBP, PartRefused
from app.offline.passphrase_source import FD_HELP, asker, at_terminal
from app.offline.profile import default_folder
from app.offline.purposes import Purpose
from app.offline.quick import QuickBook
from app.offline.standing import Stage, view
from app.offline.store import StoreCore
from app.offline.worker import OutboxWorker
from app.presenters.account import Account
from app.wire.code import CodeError
from app.wire.intake import InboxItem
from app.wire.trust import CareTeamList, Role

DONE, FAILED, WAITING, NEEDS_YOU = 0, 1, 3, 4
QUIET_S = 180.0
"""Without --wait: when nothing at all has changed for so long, it is left for the next time."""

_EXTENSIONS = {
    JPEG: "jpg", PNG: "png", WEBP: "webp", AVIF: "avif", PDF: "pdf", CLIP: "mp4", VOICE: "ogg", TEXT: "txt",
    FHIR: "json", HEIC: "heic",
}  # fmt: skip
_EPILOG = (
    "exit codes: 0 done; 1 it did not work, standard error says why; 2 the command line is wrong; 3 something still"
    " waits; 4 a person must decide. With --json one object comes on standard output."
)


class OutboxLineError(Exception):
    """`str()` is a sentence for a person."""


@dataclass(frozen=True)
class Outcome:
    """What a command has done: the object for --json, the lines for people, the exit code."""

    answer: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    code: int = DONE


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        outcome = asyncio.run(_run(options))
    except (AddressError, CodeError, NetError, OfflineError, OutboxLineError) as exc:
        print(str(exc), file=sys.stderr)
        return FAILED
    print(json.dumps(outcome.answer) if options.json else "\n".join(outcome.lines))
    return outcome.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="thinline outbox", epilog=_EPILOG)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--profile", type=Path, help="the profile's folder (else that of the window)")
    common.add_argument("--no-keyring", action="store_true", help="keep the store's key in a file (weak)")
    common.add_argument("--passphrase-fd", type=int, metavar="N", help=FD_HELP)
    common.add_argument("--json", action="store_true", help="answer as one JSON object")
    commands = parser.add_subparsers(dest="do", required=True)

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[common], help=words, description=words, epilog=_EPILOG)

    enrol = command("enrol", "use a patient's code here")
    enrol.add_argument("address")
    enrol.add_argument("code")
    add = command("add", "seal files into one submission; saved when it returns")
    kinds = "photos, PDFs, clips, voice; a QuestionnaireResponse or a Bundle of readings (FHIR R4)"
    add.add_argument("files", nargs="*", type=Path, metavar="FILE|FORM.json", help=kinds)
    add.add_argument("--purpose", choices=[p.value for p in Purpose], default=Purpose.NEW_PROBLEM.value)
    add.add_argument("--note", default="", help=f"a message, up to {MAX_TEXT} characters")
    add.add_argument("--urgent", action="store_true")
    add.add_argument("--amends", help="the submission to which this one adds")
    command("list", "what is begun, what waits, what has arrived; at a provider's profile: the clinic's inbox")
    send = command("send", "send what is due")
    send.add_argument("--wait", nargs="?", type=float, const=0.0, metavar="SECONDS",
                      help="until all has arrived; at most so long, when given")  # fmt: skip
    command("withdraw", "take a submission back, or throw a draft away").add_argument("id")
    opening = command("open", "at a provider's profile: open a submission into files that are NOT sealed")
    opening.add_argument("id")
    opening.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the clear files go")
    return parser


async def _run(options: argparse.Namespace) -> Outcome:
    role = Role.PROVIDER if options.do == "open" else Role.PATIENT
    folder = options.profile or default_folder("provider" if role is Role.PROVIDER else "patient")
    if options.do == "list" and options.profile is None and not folder.exists():
        folder = default_folder("provider")  # the only one on a provider's computer
    ring = None if options.no_keyring else system_ring()
    typed = at_terminal(asyncio.get_running_loop())
    ask = asker(options.passphrase_fd, choose=ring is not None, typed=typed)
    account = await Account.open(folder, ring, ask)
    try:
        if options.do == "enrol":
            await account.enrol(options.address, options.code, role)
            await account.refresh_team()
            return Outcome({"device_id": account.clinic.device_id}, ["This profile is enrolled."])
        if not account.enrolled:
            raise OutboxLineError("This profile is not enrolled: use a code with `thinline outbox enrol` first.")
        if account.clinic.role is not role and options.do != "list":
            raise OutboxLineError(f"This is not the profile of a {role.value}.")
        return await _COMMANDS[options.do](account, options)
    finally:
        await account.close()


async def _add(account: Account, options: argparse.Namespace) -> Outcome:
    if len(options.note) > MAX_TEXT:
        raise OutboxLineError(f"The note is too long: up to {MAX_TEXT} characters.")
    if account.team is None:
        await account.refresh_team()
    found = [(path, await asyncio.to_thread(_checked, path)) for path in options.files]
    book = DraftBook(account.store, account.profile.blobs)
    draft = await book.begin(Purpose(options.purpose), amends=options.amends)
    try:
        after = draft
        await book.set_note(draft.draft, options.note)
        await book.set_urgent(draft.draft, options.urgent)
        for path, thing in found:
            try:
                await _put(book, draft.draft, thing)
            except PartRefused as exc:
                raise OutboxLineError(f"{path.name}: {exc}") from exc
        after = await book.draft(draft.draft)
        submission = await book.finish(draft.draft)
    except BaseException:
        await book.discard(draft.draft)  # all or nothing: a script runs again
        raise
    answer = {"submission": submission, "purpose": options.purpose, "files": len(found), "bytes": after.held.size}
    return Outcome(
        answer, [f"Saved: {submission}", "It goes with `thinline outbox send`, or when the window is open."]
    )


async def _put(book: DraftBook, draft: str, thing: Found) -> None:
    match thing:
        case Parts(parts):
            await book.add_parts(draft, parts)
        case Answers(form, response):
            await book.add_answers(draft, form, response)
        case Measured(readings):
            before = await book.draft(draft)
            await book.set_readings(draft, (*before.readings, *readings))


def _checked(path: Path) -> Found:
    try:
        return read_file(path)
    except OfflineError as exc:
        raise OutboxLineError(f"{path.name}: {exc}") from exc


async def _list(account: Account, options: argparse.Namespace) -> Outcome:
    if account.clinic.role is Role.PROVIDER:
        return await _inbox(account)
    drafts = await DraftBook(account.store, account.profile.blobs).drafts()
    rows = await account.store.call(StoreCore.submissions)
    answer = {"drafts": [_draft_json(one) for one in drafts], "submissions": [_row_json(row, False) for row in rows]}
    lines = [f"{one.draft}  draft      {one.purpose.value}, {len(one.parts)} files" for one in drafts]
    return Outcome(answer, [*lines, *(_line(row) for row in rows)] or ["There is nothing here."])


async def _inbox(account: Account) -> Outcome:
    """What is at the clinic, as a provider's `open` takes it; nothing is opened by it, and nobody is told."""
    if account.team is None:
        await account.refresh_team()
    items = (await InboxReader(account.http, account.clinic.device_id, account.keys).rows()).items
    rows = [_item_json(item, account.team) for item in items]
    lines = [
        f"{row['submission']}  {'opened' if row['opened'] else 'new':10} {row['received_at']}, {row['files']} files"
        for row in rows
    ]
    return Outcome({"inbox": rows}, lines or ["There is nothing here."])


def _item_json(item: InboxItem, team: CareTeamList | None) -> dict[str, Any]:
    """`opened` by the signed word of the care team, not by the service's."""
    word = item.opened
    return {
        "submission": item.submission,
        "device_id": item.device_id,
        "received_at": item.received_at.isoformat(),
        "opened": word is not None and team is not None and holds(word, item.submission, team),
        "files": sum(blob.part == "blob" for blob in item.blobs),
        "bytes": sum(blob.size for blob in item.blobs),
    }


def _draft_json(draft: Draft) -> dict[str, Any]:
    return {
        "draft": draft.draft,
        "purpose": draft.purpose.value,
        "created_at": draft.created_at.isoformat(),
        "changed_at": draft.changed_at.isoformat(),
        "files": len(draft.parts),
        "forms": len(draft.forms),
        "readings": len(draft.readings),
        "bytes": draft.held.size,
    }


def _row_json(row: OutboxSubmission, moving: bool) -> dict[str, Any]:
    standing = view(row, moving)
    return {
        "submission": row.submission,
        "created_at": row.created_at.isoformat(),
        "purpose": row.purpose,
        "life": row.life.value,
        "urgent": row.urgent,
        "amends": row.amends,
        "stage": standing.stage.value,
        "done": standing.done,
        "total": standing.total,
        "fraction": round(standing.fraction, 4),
        "reason": standing.reason,
    }


def _line(row: OutboxSubmission) -> str:
    standing = view(row, False)
    reason = f": {standing.reason}" if standing.reason else ""
    return f"{row.submission}  {standing.stage.value:10} {row.purpose}, {standing.done} of {standing.total}{reason}"


async def _send(account: Account, options: argparse.Namespace) -> Outcome:
    quick = QuickBook(account.store, account.profile.blobs, DraftBook(account.store, account.profile.blobs))
    for draft in await quick.left():  # the window was closed over it
        with contextlib.suppress(OfflineError):  # it stays a draft; the others go
            await quick.finish(draft.draft)
    changed = asyncio.Event()
    worker = OutboxWorker(account.store, account.profile.blobs, account.http, on_change=changed.set)
    for row in await account.store.call(StoreCore.submissions):
        if row.life is Life.FINISHED:  # whoever types it wants it now, whatever failed before
            await worker.try_again(row.submission)
    worker.start()
    try:
        rows = await _sent(account, worker, changed, options.wait)
        if not any(_under_way(row) for row in rows):
            with contextlib.suppress(NetError):  # who has opened what: of use, but not what was asked for
                await worker.refresh_states()
            rows = await account.store.call(StoreCore.submissions)
    finally:
        await worker.stop()
    if worker.notice:
        print(worker.notice, file=sys.stderr)
    waiting, asking = [r for r in rows if _under_way(r)], [r for r in rows if view(r).stage is Stage.NEEDS_YOU]
    answer = {
        "waiting": len(waiting),
        "needs_you": len(asking),
        "submissions": [_row_json(row, False) for row in rows],
    }
    return Outcome(answer, [_line(row) for row in rows], NEEDS_YOU if asking else WAITING if waiting else DONE)


async def _sent(
    account: Account, worker: OutboxWorker, changed: asyncio.Event, wait: float | None
) -> tuple[OutboxSubmission, ...]:
    """Returns when nothing is under way any more, or, without --wait, when all that is has to wait; or in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + wait if wait else None
    while True:
        changed.clear()
        rows = await account.store.call(StoreCore.submissions)
        under_way = [row for row in rows if _under_way(row)]
        waits = {status.submission for status in worker.snapshot() if status.waiting_for is not None}
        if not under_way or (wait is None and all(row.submission in waits for row in under_way)):
            return rows
        left = QUIET_S if wait is None else None if end is None else max(0.0, end - loop.time())
        try:
            async with asyncio.timeout(left):
                await changed.wait()
        except TimeoutError:
            return await account.store.call(StoreCore.submissions)


def _under_way(row: OutboxSubmission) -> bool:
    """Whether sending has anything left to do with it; a held one is sent when it is asked for."""
    return row.life in (Life.FINISHED, Life.WITHDRAWING)


async def _withdraw(account: Account, options: argparse.Namespace) -> Outcome:
    book = DraftBook(account.store, account.profile.blobs)
    if any(draft.draft == options.id for draft in await book.drafts()):
        await book.discard(options.id)
        return Outcome({"withdrawn": options.id, "done": True}, ["The draft is gone."])
    if await account.store.call(StoreCore.submission, options.id) is None:
        raise OutboxLineError("There is no submission with this id here.")
    worker = OutboxWorker(account.store, account.profile.blobs, account.http)
    if not await worker.withdraw(options.id):
        raise OutboxLineError("It cannot be taken back any more: a provider has opened it.")
    names = (options.id, *await account.store.call(originals_with, options.id))
    after = [await account.store.call(StoreCore.submission, name) for name in names]
    done = not any(row is not None and row.life is Life.WITHDRAWING for row in after)
    words = "It is taken back." if done else "The clinic is told with the next `thinline outbox send`."
    return Outcome({"withdrawn": options.id, "done": done}, [words], DONE if done else WAITING)


async def _open(account: Account, options: argparse.Namespace) -> Outcome:
    reader = InboxReader(account.http, account.clinic.device_id, account.keys)
    item = next((item for item in (await reader.rows()).items if item.submission == options.id), None)
    if item is None:
        raise OutboxLineError("There is no submission with this id in the clinic's inbox.")
    record = await account.record(item.device_id)
    content = await reader.open(item, {record.device_id: record.ed25519} if record is not None else {})
    answer = await asyncio.to_thread(_write_out, content, options.out)
    await reader.mark_opened(options.id)
    lines = [entry["file"] for entry in answer["files"]]
    lines.append(f"These files are NOT sealed: whoever reads {options.out} can read them. Delete them after use.")
    return Outcome(answer, lines)


def _write_out(content: OpenedSubmission, folder: Path) -> dict[str, Any]:
    """Clear files under names of our own making, none written over. Raises :class:`OutboxLineError`."""
    manifest = content.manifest
    files = [
        (f"{number:03}.{_EXTENSIONS.get(part.media_type, 'bin')}", part)
        for number, part in enumerate(content.parts, 1)
    ]
    roles = {blob.blob: blob.role.value for blob in manifest.blobs}
    answer = {
        "submission": manifest.submission,
        "device_id": manifest.device_id,
        "created_at": manifest.created_at.isoformat(),
        "purpose": manifest.purpose,
        "note": manifest.note,
        "urgent": manifest.urgent,
        "amends": manifest.amends,
        "answers": manifest.answers,
        "files": [
            {
                "file": str(folder / name),
                "name": part.name,
                "media_type": part.media_type,
                "role": roles[part.blob],
                "bytes": len(part.data),
            }
            for name, part in files
        ],
    }
    whole = [*((name, part.data) for name, part in files), ("submission.json", json.dumps(answer, indent=2).encode())]
    written: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in whole:
            (folder / name).touch(mode=0o600, exist_ok=False)
            written.append(folder / name)
            written[-1].write_bytes(data)
    except OSError as exc:
        for path in written:
            path.unlink(missing_ok=True)
        raise OutboxLineError(f"The files could not be written: {exc.strerror} ({exc.filename}).") from exc
    return answer


_COMMANDS: dict[str, Callable[[Account, argparse.Namespace], Awaitable[Outcome]]] = {
    "add": _add,
    "list": _list,
    "send": _send,
    "withdraw": _withdraw,
    "open": _open,
}
