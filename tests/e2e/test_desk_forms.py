"""`thinline clinic add-form` and `remove-form`, against the real service: the list that devices then have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main
from app.offline.forms.library import Library
from app.presenters.account import Account
from tests.clinic.service import start_clinic

FORM = {
    "resourceType": "Questionnaire",
    "status": "active",
    "url": "http://clinic.example/forms/rash",
    "version": "1",
    "title": "About your rash",
    "item": [{"linkId": "itch", "text": "Does it itch?", "type": "boolean"}],
}
Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process: exit code, the JSON answer or {}, standard error."""
    service = start_clinic(tmp_path, tls="self")

    def made(*words: str, profile: str = "lee") -> tuple[int, dict[str, Any], str]:
        capsys.readouterr()
        code = main([*words, "--profile", str(tmp_path / profile), "--no-keyring", "--json"])
        out, error = capsys.readouterr()
        return code, json.loads(out) if out else {}, error.strip()

    try:
        assert made("clinic", "enrol", service.url, service.code)[0] == 0
        code, invitation, _ = made("clinic", "invite", "patient", "--name", "Ann")
        assert code == 0
        assert made("outbox", "enrol", service.url, invitation["code"], profile="ann")[0] == 0
        yield made
    finally:
        service.stop()


def offered(folder: Path) -> list[tuple[str, str]]:
    """What a patient's device has after it asked: titles and versions, each definition readable."""

    async def ask() -> list[tuple[str, str]]:
        account = await Account.open(folder, None)
        try:
            library = Library(account.store, account.clinic.root_key)
            await library.refresh(account.http)
            found = await library.offered()
            for one in found:
                assert (await library.form(one.entry.sha256)).items
            return [(one.entry.title, one.entry.form_version) for one in found]
        finally:
            await account.close()

    return asyncio.run(ask())


def test_forms_are_put_on_the_list_replaced_and_taken_off(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(json.dumps(FORM))
    second.write_text(json.dumps({**FORM, "url": "http://clinic.example/forms/cough", "title": "About your cough"}))
    code, added, _ = run("clinic", "add-form", str(first), str(second))
    assert code == 0
    assert [row[1:] for row in added["forms"]] == [
        ["About your rash", FORM["url"], "1"],
        ["About your cough", "http://clinic.example/forms/cough", "1"],
    ]
    assert offered(tmp_path / "ann") == [("About your rash", "1"), ("About your cough", "1")]

    first.write_text(json.dumps({**FORM, "title": "Your rash"}))
    assert run("clinic", "add-form", str(first))[0] == 0
    assert offered(tmp_path / "ann") == [("About your cough", "1"), ("Your rash", "1")], "the same version: replaced"

    code, gone, _ = run("clinic", "remove-form", "About your cough")
    assert (code, gone["forms"][0][1]) == (0, "About your cough")
    assert offered(tmp_path / "ann") == [("Your rash", "1")]


def test_what_is_no_form_or_not_there_is_said_and_nothing_changes(run: Run, tmp_path: Path) -> None:
    form, other = tmp_path / "form.json", tmp_path / "other.json"
    form.write_text(json.dumps(FORM))
    assert run("clinic", "add-form", str(form))[0] == 0
    for text in ("{", json.dumps({"resourceType": "Patient"}), json.dumps([])):
        other.write_text(text)
        code, answer, error = run("clinic", "add-form", str(other))
        assert (code, answer, bool(error)) == (1, {}, True)
    code, _, error = run("clinic", "remove-form", "No such form")
    assert (code, "No form called" in error) == (1, True)
    code, _, error = run("clinic", "add-form", str(form), profile="nobody")
    assert (code, "not enrolled" in error) == (1, True)
    assert offered(tmp_path / "ann") == [("About your rash", "1")]
