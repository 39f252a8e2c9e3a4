"""What is said while something waits or has failed: true, and with a next step."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.net.errors import NetError, Refused
from app.offline.draft import Draft
from app.offline.parts import PartRefused
from app.offline.purposes import Purpose
from app.offline.sending import failed
from app.offline.standing import Stage, WaitingFor
from app.offline.transfer import FailureKind
from app.offline.trouble import Stalled, TooLargeForClinic, UploadFailed, failure_kind
from app.offline.worker import SubmissionStatus
from app.presenters.drafting import Drafting
from app.presenters.sending_words import item_view
from app.wire.errors import ErrorCode
from tests.offline.draft_kit import desk
from tests.offline.offline_kit import NOW

STATUS = SubmissionStatus("s1", NOW, "wound-check", None, Stage.WAITING, 0, 2, 0.0, "")


def test_a_clinic_that_is_asked_too_often_is_no_question_of_who_asks() -> None:
    for code in (ErrorCode.TOO_MANY_TRIES, ErrorCode.INTERNAL):
        assert failure_kind(Refused(429, code)) is FailureKind.SERVER
    assert failure_kind(Refused(401, ErrorCode.TOKEN_INVALID)) is FailureKind.SIGN_IN
    assert failure_kind(Refused(403, ErrorCode.NOT_ALLOWED)) is FailureKind.SIGN_IN


def test_each_ground_for_waiting_has_words_of_its_own() -> None:
    said = {why: item_view(replace(STATUS, waiting_for=why), NOW).text for why in WaitingFor}
    assert len(set(said.values())) == len(WaitingFor)
    assert "too weak" in said[WaitingFor.WEAK_LINK]
    assert "cannot be reached" not in said[WaitingFor.WEAK_LINK]


@pytest.mark.parametrize("error", [TooLargeForClinic(), Refused(410, ErrorCode.WITHDRAWN)])
def test_what_trying_again_cannot_mend_says_what_can(error: NetError | UploadFailed) -> None:
    reason = failed(error, 0.0, 0.0).reason
    text = item_view(replace(STATUS, stage=Stage.NEEDS_YOU, reason=reason), NOW).text
    assert "Please call the clinic, or take it back" in text
    assert failed(error, 0.0, 0.0).kind is FailureKind.REFUSED
    assert failed(Stalled(), 0.0, 0.0).kind is FailureKind.STALLED


def test_a_chosen_file_never_writes_over_typed_answers(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"resourceType": "QuestionnaireResponse", "questionnaire": "http://f", "status": "completed"}')

    async def scene() -> None:
        async with desk(tmp_path) as d:
            drafting = Drafting(cast(Any, SimpleNamespace(loop=asyncio.get_running_loop())))
            drafting.book = d.book
            draft: Draft = await d.book.begin(Purpose.RESULTS)
            await d.book.set_answers(draft.draft, "http://f", "typed")
            with pytest.raises(PartRefused):
                await drafting._add_file(draft.draft, file)
            assert (await d.book.draft(draft.draft)).forms == {"http://f": "typed"}
            await d.book.set_answers(draft.draft, "http://f", None)
            assert list((await drafting._add_file(draft.draft, file)).forms) == ["http://f"]

    asyncio.run(scene())
