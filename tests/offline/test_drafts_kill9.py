"""kill -9 between every two steps of a draft's changes: the draft as it was or as it is after, nothing else left."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.offline.draft import Draft
from app.offline.drafts import DraftBook
from app.offline.outbox import OutboxSubmission
from app.offline.parts import JPEG, Part
from app.offline.purposes import Purpose
from app.offline.recovery import sweep
from app.offline.store import Setting, Store
from app.offline.vault import open_blob, open_manifest
from app.wire.signed import Context, sign
from tests.offline.offline_crash import DRAFT_ACTS, PART, photo
from tests.offline.offline_kit import CANARY, PATIENT, Clinic, every_byte, open_device
from tests.offline.test_kill9 import ROOT, Crasher


@pytest.fixture(scope="module")
def crasher() -> Iterator[Crasher]:
    command = [sys.executable, "-m", "tests.offline.offline_crash"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Crasher(process, "")
        assert process.stdin is not None
        process.stdin.close()


def begun(folder: Path, clinic: Clinic) -> None:
    """A profile with one draft of one part, sealed to a care team that is older than the one it knows."""
    device = open_device(folder, clinic)
    device.core.close()

    async def main() -> None:
        store = await Store.open(device.profile.store_path, device.profile.key_file.read_bytes())
        book = DraftBook(store, device.profile.blobs)
        draft = (await book.begin(Purpose.WOUND_CHECK)).draft
        await book.add_part(draft, Part(photo(), CANARY.decode(), JPEG, blob=PART))
        team = sign(clinic.team().model_copy(update={"version": 2}), Context.CARE_TEAM, clinic.root)
        await store.put(Setting.CARE_TEAM, team.model_dump_json().encode())
        await store.close()

    asyncio.run(main())
    device.profile.close()


def after_a_new_start(folder: Path, clinic: Clinic) -> tuple[list[Draft], tuple[OutboxSubmission, ...]]:
    """The sweep has been; every file is named and opens; nothing clear is on the disk."""
    assert CANARY not in every_byte(folder)
    device = open_device(folder)
    try:
        sweep(device.core, device.profile.blobs)
        assert {path.name for path in device.profile.blobs.iterdir()} == device.core.blob_files()
        drafts = [Draft.model_validate_json(body) for body in device.core.documents("draft").values()]
        for part in (part for draft in drafts for part in draft.parts):
            sealed = (device.profile.blobs / part.file).read_bytes()
            assert open_blob(sealed, device.keys.identity, part.named) == photo()
        rows = device.core.submissions()
        for row in rows:
            manifest, blob = ((device.profile.blobs / one.file).read_bytes() for one in row.blobs)
            named = open_manifest(manifest, clinic.provider.identity, {PATIENT: device.keys.ed25519})
            assert open_blob(blob, clinic.provider.identity, named.blobs[0]) == photo()
        return drafts, rows
    finally:
        device.close()


def standing(drafts: list[Draft], rows: tuple[OutboxSubmission, ...]) -> tuple[object, ...]:
    """What a person sees of it: drafts with their note and parts, submissions."""
    shown = [(draft.draft, draft.note, [part.named.name for part in draft.parts]) for draft in drafts]
    return shown, [(row.submission, len(row.blobs)) for row in rows]


@pytest.mark.parametrize("act", DRAFT_ACTS)
def test_killed_at_every_step_of_a_change(tmp_path: Path, crasher: Crasher, act: str) -> None:
    clinic, template = Clinic(), tmp_path / "template"
    begun(template, clinic)
    before = standing(*after_a_new_start(template, clinic))
    whole = Path(shutil.copytree(template, tmp_path / "whole"))
    code, said = crasher.run(whole, act)
    assert (code, said[0]) == (0, "done")
    steps = json.loads(said[-1].removeprefix("steps "))
    assert {"before commit", "after commit"} <= set(steps)
    after = standing(*after_a_new_start(whole, clinic))
    assert after != before
    for at in range(1, len(steps) + 1):
        profile = Path(shutil.copytree(template, tmp_path / f"at-{at}"))
        code, said = crasher.run(profile, act, at)
        assert code == -signal.SIGKILL, said
        found = standing(*after_a_new_start(profile, clinic))
        assert found in (before, after)
        if "done" in said:
            assert found == after
        if found == before and act != "draft-discard":
            assert crasher.run(profile, act)[0] == 0
            assert standing(*after_a_new_start(profile, clinic)) == after
        shutil.rmtree(profile)
