"""`thinline outbox` at the command line, against the real service: saved, sent, opened, taken back; exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.__main__ import main
from app.offline.readings import Measure, typed
from app.offline.readings_fhir import to_bundle
from tests.clinic.service import RunningClinic, start_clinic
from tests.offline.offline_kit import CANARY, NOW, PATIENT, every_byte
from tests.offline.test_documents import pdf

NOTE = "It itches. " + CANARY.decode()
FORM = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": "http://clinic.example/forms/rash",
    "status": "completed",
    "item": [{"linkId": "1", "answer": [{"valueString": CANARY.decode()}]}],
}


@dataclass
class Counter:
    """A clinic's service, a provider's and a patient's profile; runs the command line in this process."""

    folder: Path
    service: RunningClinic
    said: pytest.CaptureFixture[str]

    def run(self, *words: str, profile: str = "ann") -> tuple[int, dict[str, Any], str]:
        """Exit code, the JSON answer or {}, standard error."""
        where = ["--profile", str(self.folder / profile), "--no-keyring", "--json"]
        self.said.readouterr()
        code = main([*words, *where])
        out, error = self.said.readouterr()
        return code, json.loads(out) if out else {}, error.strip()

    def file(self, name: str, data: bytes) -> str:
        path = self.folder / "given" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return str(path)

    def stages(self) -> list[str]:
        code, answer, _ = self.run("outbox", "list")
        assert code == 0
        return [row["stage"] for row in answer["submissions"]]


@pytest.fixture
def counter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Counter]:
    service = start_clinic(tmp_path, tls="self")
    made = Counter(tmp_path, service, capsys)
    try:
        assert made.run("clinic", "enrol", service.url, service.code, profile="lee")[0] == 0
        code, invitation, _ = made.run("clinic", "invite", "patient", "--name", "Ann", profile="lee")
        assert code == 0
        assert made.run("outbox", "enrol", service.url, invitation["code"])[0] == 0
        assert made.run("clinic", "people", profile="lee")[0] == 0
        yield made
    finally:
        service.stop()
    assert CANARY not in service.bytes_on_disk()
    assert CANARY not in every_byte(tmp_path / "ann")


def photo() -> bytes:
    """With an EXIF part (APP1) that tells something."""
    rough = np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)
    done, jpeg = cv2.imencode(".jpg", cv2.resize(rough, (320, 240), interpolation=cv2.INTER_CUBIC))
    assert done
    told = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + CANARY
    return jpeg.tobytes()[:2] + b"\xff\xe1" + (len(told) + 2).to_bytes(2, "big") + told + jpeg.tobytes()[2:]


def test_from_files_to_files_through_the_real_service(counter: Counter) -> None:
    picture, report = photo(), pdf(pages=2)
    pulse = to_bundle([typed(Measure.PULSE, "62", "/min", NOW).reading], PATIENT)
    form = json.dumps(FORM).encode()
    given = {"a.jpg": picture, "lab.bin": report, "form.json": form, "pulse.json": pulse}
    files = [counter.file(name, data) for name, data in given.items()]
    code, saved, _ = counter.run("outbox", "add", *files, "--purpose", "results", "--note", NOTE, "--urgent")
    assert (code, saved["files"], saved["purpose"]) == (0, 4, "results")
    assert counter.stages() == ["saved", "saved"]  # it, and the photo's original, which is kept back
    code, sent, _ = counter.run("outbox", "send", "--wait", "60")
    assert (code, sent["waiting"], sent["needs_you"]) == (0, 0, 0)
    assert counter.stages() == ["received", "saved"]

    out = counter.folder / "opened"
    opening = ("outbox", "open", saved["submission"], "--out", str(out))
    code, opened, _ = counter.run(*opening, profile="lee")
    assert (code, opened["note"], opened["urgent"], opened["purpose"]) == (0, NOTE, True, "results")
    found = {entry["name"]: Path(entry["file"]).read_bytes() for entry in opened["files"]}
    assert (found["lab.bin"], found["answers-1.json"]) == (report, form)
    assert CANARY not in found["a.jpg"], "what was written about a photo stays here"
    shown, taken = (cv2.imdecode(np.frombuffer(data, np.uint8), 1) for data in (found["a.jpg"], picture))
    assert shown.shape == taken.shape
    assert np.abs(shown.astype(int) - taken).mean() < 6  # a copy of a rough picture
    roles = ["words", "words", "thumbnail", "thumbnail", "copy", "content"]
    assert [entry["role"] for entry in opened["files"]] == roles
    assert sorted(path.name for path in out.iterdir()) == [
        "001.json", "002.json", "003.avif", "004.avif", "005.avif", "006.pdf", "submission.json"
    ]  # fmt: skip
    assert all(path.stat().st_mode & 0o077 == 0 for path in (out, *out.iterdir()))
    code, _, error = counter.run(*opening, profile="lee")
    assert (code, "could not be written" in error) == (1, True)
    assert counter.run("outbox", "send")[0] == 0
    assert counter.stages() == ["seen", "saved"]
    code, _, error = counter.run("outbox", "open", saved["submission"], "--out", str(out))
    assert (code, error) == (1, "This is not the profile of a provider.")


def test_without_a_clinic_it_waits_and_goes_later(counter: Counter) -> None:
    counter.service.stop()
    code, first, _ = counter.run("outbox", "add", counter.file("a.jpg", photo()))
    assert code == 0
    code, sent, _ = counter.run("outbox", "send")
    assert (code, sent["waiting"]) == (3, 1)
    assert sent["submissions"][0]["reason"] != ""
    assert counter.run("outbox", "send", "--wait", "0.5")[0] == 3
    assert counter.stages() == ["waiting", "saved"]
    port = counter.service.url.rsplit(":", 1)[1]
    counter.service.args += ("--port", port)
    counter.service.start()
    code, sent, _ = counter.run("outbox", "send", "--wait")
    assert code == 0
    assert sent["submissions"][0]["submission"] == first["submission"]
    assert counter.stages() == ["received", "saved"]


def test_what_cannot_be_sent_is_refused_whole_with_a_sentence(counter: Counter) -> None:
    good = counter.file("a.jpg", photo())
    for name, data, words in (
        ("tool.exe", b"MZ" + bytes(100), "tool.exe: This kind of file cannot be sent."),
        ("none.jpg", b"", "none.jpg: This file is empty."),
        ("cut.jpg", photo()[:40], "cut.jpg: This"),
        ("bad.pdf", b"%PDF-1.7", "bad.pdf: This document is damaged and cannot be opened."),
        ("patient.json", b'{"resourceType": "Patient"}', "patient.json: This file holds no answers"),
        ("deep.json", b'{"a":' * 100_000, "deep.json: This file holds no answers"),
        (
            "bad.json",
            b'{"resourceType": "QuestionnaireResponse", "status": 7}',
            "bad.json: This file holds no answers",
        ),
    ):
        code, _, error = counter.run("outbox", "add", good, counter.file(name, data))
        assert (code, error[: len(words)]) == (1, words)
    code, _, error = counter.run("outbox", "add", str(counter.folder / "gone.jpg"))
    assert (code, error) == (1, "gone.jpg: This file cannot be read.")
    code, _, error = counter.run("outbox", "add")
    assert (code, error) == (1, "There is nothing in it yet. Please add something first.")
    code, answer, _ = counter.run("outbox", "list")
    assert (code, answer) == (0, {"drafts": [], "submissions": []})
    assert list((counter.folder / "ann" / "blobs").iterdir()) == []
    for words in (["outbox"], ["outbox", "fly"], ["outbox", "add", "--purpose", "fun"], ["outbox", "open", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2


def test_a_profile_that_is_not_enrolled_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "list", "--profile", str(tmp_path / "new"), "--no-keyring"]) == 1
    assert "use a code with `thinline outbox enrol`" in capsys.readouterr().err


def test_what_was_not_sent_is_taken_back_at_once_and_what_was_with_the_next_sending(counter: Counter) -> None:
    _, first, _ = counter.run("outbox", "add", counter.file("a.jpg", photo()))
    code, answer, _ = counter.run("outbox", "withdraw", first["submission"])
    assert (code, answer["done"]) == (0, True)
    _, second, _ = counter.run("outbox", "add", counter.file("b.jpg", photo()))
    assert counter.run("outbox", "send")[0] == 0
    code, answer, _ = counter.run("outbox", "withdraw", second["submission"])
    assert (code, answer["done"]) == (3, False)
    assert counter.run("outbox", "send", "--wait", "60")[0] == 0
    assert counter.stages() == ["withdrawn"] * 4  # two, each with its photo's original
    code, _, error = counter.run("outbox", "open", second["submission"], "--out", "x", profile="lee")
    assert (code, error) == (1, "There is no submission with this id in the clinic's inbox.")
    code, _, error = counter.run("outbox", "withdraw", "0" * 32)
    assert (code, error) == (1, "There is no submission with this id here.")


def test_a_second_set_of_answers_never_replaces_the_first(counter: Counter) -> None:
    first, other = (counter.file(f"{n}.json", json.dumps({**FORM, "language": n}).encode()) for n in ("en", "de"))
    code, _, error = counter.run("outbox", "add", first, other)
    words = "de.json: There are answers to these questions already. Please take those away first."
    assert (code, error) == (1, words)
    assert counter.run("outbox", "list")[1] == {"drafts": [], "submissions": []}

    bare = {key: value for key, value in FORM.items() if key != "questionnaire"}
    nameless = [json.dumps({**bare, "language": f"x-{n}"}).encode() for n in range(2)]
    files = [counter.file(f"n{n}.json", data) for n, data in enumerate(nameless)]
    code, saved, _ = counter.run("outbox", "add", *files)
    assert code == 0
    assert counter.run("outbox", "send", "--wait", "60")[0] == 0
    code, opened, _ = counter.run(
        "outbox", "open", saved["submission"], "--out", str(counter.folder / "o"), profile="lee"
    )
    assert code == 0
    assert [Path(entry["file"]).read_bytes() for entry in opened["files"]] == nameless
    assert counter.run("outbox", "add", files[0], files[0])[0] == 1


def test_too_many_readings_or_forms_are_refused_with_a_sentence(counter: Counter) -> None:
    pulses = [typed(Measure.PULSE, "62", "/min", NOW).reading] * 60
    bundles = [counter.file(f"{n}.json", to_bundle(pulses, PATIENT)) for n in "ab"]
    code, _, error = counter.run("outbox", "add", *bundles)
    assert (code, error) == (1, "b.json: Up to 100 readings can be sent at once.")
    forms = [
        counter.file(f"f{n}.json", json.dumps({**FORM, "questionnaire": f"http://a.example/{n}"}).encode())
        for n in range(11)
    ]
    code, _, error = counter.run("outbox", "add", *forms)
    assert (code, error) == (1, "f10.json: Answers to up to 10 forms can be sent at once.")
    assert counter.run("outbox", "list")[1] == {"drafts": [], "submissions": []}


def test_a_provider_lists_the_inbox_and_opens_what_it_names(counter: Counter) -> None:
    assert counter.run("outbox", "list", profile="lee")[:2] == (0, {"inbox": []})
    assert counter.run("outbox", "add", "--note", NOTE)[0] == 0
    assert counter.run("outbox", "send", "--wait", "60")[0] == 0
    code, listed, _ = counter.run("outbox", "list", profile="lee")
    (row,) = listed["inbox"]
    assert (code, row["opened"], row["files"]) == (0, False, 0)
    assert set(row) == {"submission", "device_id", "received_at", "opened", "files", "bytes"}
    code, opened, _ = counter.run(
        "outbox", "open", row["submission"], "--out", str(counter.folder / "o"), profile="lee"
    )
    assert (code, opened["note"]) == (0, NOTE)
    (row,) = counter.run("outbox", "list", profile="lee")[1]["inbox"]
    assert row["opened"] is True
