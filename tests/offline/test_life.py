"""A submission's table, whole; taking back, holding, replies: what each does to the rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.offline import outbox as ob
from app.offline.life import ARRIVED, MAY_WITHDRAW, Held, Life, LifeEvent, knows, live
from app.offline.outbox import OutboxSubmission
from app.offline.transfer import FailureKind, NotInTable, Transfer
from tests.offline.test_outbox import blob, submission

L, E = Life, LifeEvent
TABLE = {
    L.DRAFT: {E.FINISH: L.FINISHED, E.HOLD: L.HELD},
    L.HELD: {E.RELEASE: L.FINISHED, E.BLOB_REFUSED: L.NEEDS_PERSON, E.WITHDRAW: L.WITHDRAWING},
    L.FINISHED: {
        E.ALL_STORED: L.RECEIVED,
        E.BLOB_REFUSED: L.NEEDS_PERSON,
        E.WITHDRAW: L.WITHDRAWING,
        E.HOLD: L.HELD,
    },
    L.NEEDS_PERSON: {E.BLOB_REFUSED: L.NEEDS_PERSON, E.TRY_AGAIN: L.FINISHED, E.WITHDRAW: L.WITHDRAWING},
    L.RECEIVED: {E.OPENED: L.OPENED, E.QUESTION: L.NEEDS_MORE, E.ANSWER: L.ANSWERED, E.WITHDRAW: L.WITHDRAWING},
    L.OPENED: {E.OPENED: L.OPENED, E.QUESTION: L.NEEDS_MORE, E.ANSWER: L.ANSWERED},
    L.NEEDS_MORE: {E.OPENED: L.NEEDS_MORE, E.QUESTION: L.NEEDS_MORE, E.ANSWER: L.ANSWERED},
    L.ANSWERED: {E.OPENED: L.ANSWERED, E.QUESTION: L.NEEDS_MORE, E.ANSWER: L.ANSWERED},
    L.WITHDRAWING: {E.WITHDRAW: L.WITHDRAWING, E.TAKEN_BACK: L.WITHDRAWN, E.TOO_LATE: L.FINISHED},
    L.WITHDRAWN: {E.WITHDRAW: L.WITHDRAWN},
}


@pytest.mark.parametrize("life", list(Life))
@pytest.mark.parametrize("event", list(LifeEvent))
def test_every_pair_of_the_table(life: Life, event: LifeEvent) -> None:
    after = TABLE[life].get(event)
    assert knows(life, event) == (after is not None)
    if after is None:
        with pytest.raises(NotInTable):
            live(life, event)
    else:
        assert live(life, event) is after


def test_what_has_arrived_never_goes_back_but_by_the_person() -> None:
    for life in ARRIVED:
        assert {after for event, after in TABLE[life].items() if event is not E.WITHDRAW} <= ARRIVED
    assert L.OPENED not in MAY_WITHDRAW
    assert L.RECEIVED in MAY_WITHDRAW


def delivered(life: Life = Life.RECEIVED) -> OutboxSubmission:
    rows = tuple(replace(b, state=Transfer.STORED, receipt=b"{}", offset=b.size) for b in submission().blobs)
    return replace(submission(life=life), blobs=rows)


def test_what_was_never_tried_is_taken_back_without_the_clinic() -> None:
    for life in (Life.FINISHED, Life.HELD):
        assert ob.withdraw(submission(life=life)).life is Life.WITHDRAWN
    begun = ob.apply(submission(), "s1-b0", ob.Start())
    begun = ob.apply(begun, "s1-b0", ob.Failed(FailureKind.OFFLINE, 0.0, 0.0))
    assert ob.withdraw(begun).life is Life.WITHDRAWING  # the clinic may have heard of it
    assert ob.withdraw(ob.withdraw(begun)).life is Life.WITHDRAWING
    with pytest.raises(NotInTable):
        ob.withdraw(delivered(Life.OPENED))


def test_too_late_goes_back_to_where_the_receipts_say() -> None:
    assert ob.too_late(ob.withdraw(delivered())).life is Life.RECEIVED
    half = replace(delivered(Life.FINISHED), blobs=(*delivered().blobs[:2], blob(2)))
    assert ob.too_late(ob.withdraw(half)).life is Life.FINISHED
    refused = replace(half, blobs=(*half.blobs[:2], blob(2, state=Transfer.REFUSED)), life=Life.NEEDS_PERSON)
    assert ob.too_late(ob.withdraw(refused)).life is Life.NEEDS_PERSON


def test_a_withdrawal_is_told_for_as_long_as_it_takes() -> None:
    leaving = ob.withdraw(delivered())
    off_line = ob.withdrawal_failed(leaving, 100.0, 0.0, spent=False)
    assert (off_line.withdraw_tries, off_line.withdraw_at) == (0, 100.0)
    for tries, wait in ((1, 2.0), (2, 4.0), (3, 8.0)):
        leaving = ob.withdrawal_failed(leaving, 100.0, 0.0, spent=True)
        assert (leaving.withdraw_tries, leaving.withdraw_at) == (tries, 100.0 + wait)
    assert ob.hurry(leaving).withdraw_at == 0.0
    assert ob.taken_back(leaving).life is Life.WITHDRAWN


def test_a_reply_that_comes_before_our_last_receipt_counts_after_it() -> None:
    early = ob.replied(submission(count=1), LifeEvent.ANSWER)
    assert (early.life, early.replied) == (Life.FINISHED, LifeEvent.ANSWER)
    after = ob.apply(ob.apply(early, "s1-b0", ob.Start()), "s1-b0", ob.Stored(b"{}"))
    assert after.life is Life.ANSWERED
    assert ob.replied(delivered(Life.OPENED), LifeEvent.QUESTION).life is Life.NEEDS_MORE
    late = ob.replied(ob.withdraw(delivered()), LifeEvent.QUESTION)
    assert late.life is Life.WITHDRAWING
    assert ob.too_late(late).life is Life.NEEDS_MORE
    with pytest.raises(ValueError, match="no reply"):
        ob.replied(submission(), LifeEvent.OPENED)


def test_a_held_one_goes_when_released_and_tells_when_its_file_is_lost() -> None:
    held = replace(submission(life=Life.HELD), held=Held.UNTIL_ASKED)
    assert (ob.release(held).life, ob.release(held).held) == (Life.FINISHED, Held.NO)
    with pytest.raises(NotInTable):
        ob.release(submission())
    assert ob.apply(held, "s1-b1", ob.Lost("gone")).life is Life.NEEDS_PERSON


def test_a_hurry_forgets_no_try() -> None:
    waiting = blob(0, state=Transfer.WAITING, tries=7, retry_at=900.0)
    after = ob.hurry(replace(submission(), blobs=(waiting, blob(1))))
    assert (after.blobs[0].tries, after.blobs[0].retry_at) == (7, 0.0)
    assert after.blobs[1].state is Transfer.SEALED


def test_bytes_that_go_twice_count_twice() -> None:
    row = blob(2, state=Transfer.UPLOADING)
    for event in (ob.Progress(500), ob.Progress(200), ob.Located("/v1/uploads/y"), ob.Progress(1000)):
        row = ob.step(row, event)
    assert (row.offset, row.sent) == (1000, 1500)


def test_what_waits_for_a_good_link_is_tried_held_again_and_let_go_by_a_person() -> None:
    waits = replace(submission(life=Life.HELD), held=Held.UNTIL_GOOD_LINK)
    tried = ob.tried(waits)
    assert (tried.life, ob.on_trial(tried), ob.held_again(tried)) == (Life.FINISHED, True, waits)
    for let_go in (ob.release(tried), ob.release(waits)):
        assert (let_go.life, let_go.held, ob.on_trial(let_go)) == (Life.FINISHED, Held.NO, False)
    assert ob.held_until(waits, Held.UNTIL_ASKED).held is Held.UNTIL_ASKED
    with pytest.raises(ValueError, match="nothing"):
        ob.held_until(waits, Held.NO)
    heard = replace(waits, blobs=tuple(replace(row, location="/files/1") for row in waits.blobs))
    assert ob.withdraw(heard).life is Life.WITHDRAWING, "a part of it was sent on trial"
