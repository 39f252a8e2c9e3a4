"""Campaign: a canary in every personal field; then everything that lies or passes anywhere is searched for it.

Searched, in seven spellings: the profile (database, log, sealed files; open and closed), a temporary folder,
all log lines at level DEBUG, what a crash leaves, every byte on the wire (a proxy of ours, in front of plain HTTP,
so that TLS hides nothing), the service's disk and what it wrote to its standard error, and the profile of the
provider who answers. Live visits and what leads to them are in canaries_visit.py; `main` runs both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.offline.offline_kit import Until, every_byte
from tests.offline.photo_files import corners, jpeg
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak import canaries_visit
from tests.soak.campaign import LOGS, Outcome, fast_folder, sentence
from tests.soak.faulty_proxy import FaultyProxy
from tests.soak.planted import canary, own_temporary, search, watched_logs
from tests.soak.town import (
    at_the_clinic,
    enrolled_desk,
    opened,
    patient_book,
    patient_http,
    person_http,
    provider_book,
    town,
)

FIELDS = (
    "note", "photo name", "photo EXIF", "form answer", "reading", "written message", "document name",
    "voice message", "reply text", "reply name", "visit reason", "visit name", "draft text",
)  # fmt: skip


def exif(text: str) -> bytes:
    """A JPEG's APP1 segment with a TIFF block that holds ImageDescription (EXIF 2.32, tag 0x010E)."""
    words = text.encode() + b"\0"
    tiff = (
        b"II*\0\x08\0\0\0"
        + b"\x01\0"
        + b"\x0e\x01\x02\0"
        + len(words).to_bytes(4, "little")
        + b"\x1a\0\0\0"
        + bytes(4)
    )
    block = b"Exif\0\0" + tiff + words
    return b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block


def photo(words: dict[str, str]) -> tuple[app.Part, ...]:
    """A JPEG with a word in its EXIF, taken up by the real code: a thumbnail, a copy, the stripped original."""
    whole = jpeg(corners(640, 480))
    found = app.found_in(whole[:2] + exif(words["photo EXIF"]) + whole[2:], words["photo name"])
    assert isinstance(found, app.Parts)
    return found.parts


def parts(words: dict[str, str]) -> list[app.Part]:
    """One of each other kind of thing that a person can send."""
    reading = {"resourceType": "Observation", "note": [{"text": words["reading"]}], "valueQuantity": {"value": 140}}
    return [
        app.Part(json.dumps(reading).encode(), "readings", "application/fhir+json", app.PartRole.WORDS),
        app.Part(words["written message"].encode(), "", "text/plain", app.PartRole.WORDS),
        app.Part(b"%PDF-1.7 " + words["document name"].encode(), words["document name"], "application/pdf"),
        app.Part(words["voice message"].encode() * 9, "", "audio/ogg"),
    ]


async def finished(store: app.Store, made: Town, words: dict[str, str]) -> tuple[str, list[bytes]]:
    """A draft with all of it, finished: the submission, and the clear contents that it and its original hold."""
    book = app.DraftBook(store, made.profile.blobs)
    draft = (await book.begin(app.Purpose.WOUND_CHECK)).draft
    answers = {"resourceType": "QuestionnaireResponse", "item": [{"answer": [{"valueString": words["form answer"]}]}]}
    pictures = photo(words)
    await book.add_parts(draft, [*pictures, *parts(words)])
    await book.set_answers(draft, "https://example.org/form", json.dumps(answers))
    await book.set_note(draft, words["note"])
    await store.call(app.StoreCore.put_documents, "form", {"0" * 32: words["form answer"].encode()})
    await store.call(app.StoreCore.put_visits, {"0" * 32: (words["visit reason"] + words["visit name"]).encode()})
    left = (await book.begin(app.Purpose.READINGS)).draft  # this one is still being written
    await book.set_note(left, words["draft text"])
    await book.finish(draft)
    return draft, [json.dumps(answers).encode(), *(part.data for part in (*pictures, *parts(words)))]


async def replied(made: Town, words: dict[str, str], submission: str, patient: app.Store, url: str) -> bytes:
    """Answered at a provider's desk, come, read and receipted, all through the service: the desk's profile's bytes."""
    folder = made.profile.folder.parent / "desk"
    names = (app.Setting.ROOT_KEY, app.Setting.CARE_TEAM)
    enrolled_desk(folder, {name: kept for name in names if (kept := await patient.get(name)) is not None})
    profile = app.Profile.open(folder)
    store = await app.Store.open(profile.store_path, profile.key_file.read_bytes())
    async with patient_http(made, url) as theirs, person_http(made.provider, url) as ours:
        desk, book = provider_book(made, store, ours), patient_book(made, patient, theirs)
        to, kind = made.patient.device_id, app.ReplyKind.ANSWER
        await desk.send(submission, to, kind, words["reply text"], name=words["reply name"])
        (come,) = await book.fetch()
        assert (come.content.text, come.content.name) == (words["reply text"], words["reply name"])
        await book.mark_read(come.content.reply)
        await desk.fetch()
        assert (await desk.replies_of(submission))[0].read_at is not None, "the receipt came back"
    open_bytes = every_byte(profile.folder)
    await store.close()
    profile.close()
    return open_bytes + every_byte(profile.folder)


async def live(made: Town, words: dict[str, str]) -> tuple[bytes, list[bytes]]:
    """Saved, kept, sent, answered: the wire's bytes, the profile's at three moments, the desk's."""
    proxy = FaultyProxy(("127.0.0.1", made.clinic.port), random.Random(0), keep_bytes=True)
    store, until, moments = await app.Store.open(made.profile.store_path, made.key), Until(), []
    submission, planted = await finished(store, made, words)
    moments.append(every_byte(made.profile.folder))
    async with proxy.running(), patient_http(made, proxy.url) as http:
        around = app.Surroundings(watch=False)
        worker = app.OutboxWorker(store, made.profile.blobs, http, on_change=until.changed, surroundings=around)
        worker.start()
        for held in await store.call(app.StoreCore.submissions):
            await worker.release(held.submission)  # its original, too
        await until.holds(lambda: [s.stage for s in worker.snapshot()] == [app.Stage.RECEIVED] * 2, timeout=90)
        await until.holds(lambda: not any(made.profile.blobs.iterdir()), timeout=90)
        await worker.refresh_states()
        await worker.stop()
        desk = await replied(made, words, submission, store, proxy.url)
    moments.append(every_byte(made.profile.folder))
    await store.close()
    moments.append(every_byte(made.profile.folder))
    whole = at_the_clinic(made.clinic.data).whole
    note, clear = opened(made, whole.pop(submission))
    (original,) = (opened(made, files)[1] for files in whole.values())
    assert note == words["note"]
    assert sorted([*clear, *original]) == sorted(planted), "what was planted did not arrive: nothing would be found"
    assert words["photo EXIF"].encode() not in b"".join(planted)
    return bytes(proxy.wire), [*moments, desk]


def crashed(folder: Path, words: dict[str, str]) -> bytes:
    """What a process of ours that holds every word leaves on the disk when it crashes with core files allowed."""
    place = folder / "cores"
    place.mkdir()
    said = subprocess.run([sys.executable, "-c", _CRASH, *words.values()], cwd=place, env=_environment(), check=False)
    assert said.returncode == -signal.SIGABRT
    return every_byte(place)


_CRASH = """
import os, resource, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
from app.hardening import keep_memory_off_the_disk
keep_memory_off_the_disk()
os.abort()
"""


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def run(seed: int) -> Outcome:
    outcome, began = Outcome(), time.monotonic()
    words = {field: canary(field, seed) for field in FIELDS}
    with fast_folder() as folder, watched_logs() as logs, own_temporary(folder) as temporary, town(folder) as made:
        wire, moments = asyncio.run(live(made, words))
        made.clinic.stop()
        places = {
            "the wire": wire,
            "the profile before sending": moments[0],
            "the profile after sending": moments[1],
            "the closed profile": moments[2],
            "the provider's profile": moments[3],
            "core files": crashed(folder, words),
            "the temporary folder": every_byte(temporary),
            "the logs": logs.getvalue().encode(),
            "the service's disk": made.clinic.bytes_on_disk(),
            "the service's words": "".join(made.clinic.log).encode(),
        }
    search(places, words, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.canaries")
    parser.add_argument("--count", type=int, default=3, help="lives, each with canaries of its own")
    parser.add_argument("--seed", type=int, default=1)
    given, whole = parser.parse_args(), Outcome()
    for seed in range(given.seed, given.seed + given.count):
        for part in (run(seed), canaries_visit.run(seed)):
            whole.cases += part.cases
            whole.seconds += part.seconds
            whole.tally.update(part.tally)
            whole.violations += part.violations
    LOGS.mkdir(exist_ok=True)
    (LOGS / "canaries.log").write_text("".join(f"{line}\n" for line in whole.violations))
    print(sentence("canaries", "searches for a canary", whole), flush=True)
    return 1 if whole.violations else 0


if __name__ == "__main__":
    sys.exit(main())
