"""The order of work: words of all first, a person's choice above all; pauses, links that cost, clocks that jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.offline import outbox as ob
from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.plan import (
    Erase,
    Metered,
    Probe,
    Release,
    Send,
    Sleep,
    Withdraw,
    bytes_ahead,
    gives_way,
    next_blob,
    next_work,
)
from app.offline.standing import Conditions, Stage, WaitingFor, view, waiting_for
from app.offline.transfer import LAST_RETRY_S, FailureKind, OutboxBlob, Transfer
from app.wire.intake import PartRole
from tests.offline.offline_kit import NOW

W, T, C, O = PartRole.WORDS, PartRole.THUMBNAIL, PartRole.COPY, PartRole.ORIGINAL  # noqa: E741
DAY = 24 * 3600.0


def bundle(number: int, *roles: PartRole, **changes: object) -> OutboxSubmission:
    """A manifest and a blob for each role; blob names say which."""
    name = f"s{number}"
    rows = [OutboxBlob(f"{name}-manifest", name, 0, "manifest", f"{name}f0", "0" * 64, 400)]
    for n, role in enumerate(roles, start=1):
        rows.append(OutboxBlob(f"{name}-{role}{n}", name, n, "blob", f"{name}f{n}", "0" * 64, 1000 * n, role=role))
    return replace(OutboxSubmission(name, number, NOW, "x", None, Life.FINISHED, tuple(rows)), **changes)  # type: ignore[arg-type]


def order(submissions: Sequence[OutboxSubmission], scope: Metered = Metered.EVERYTHING) -> list[str]:
    """The names of the blobs as they go, until nothing is left."""
    queue, sent = {s.submission: s for s in submissions}, []
    while isinstance(work := next_work(list(queue.values()), 0.0, True, False, scope=scope), Send):
        sent.append(work.blob.blob)
        for event in (ob.Start(), ob.Stored(b"{}"), ob.Erased()):
            queue[work.blob.submission] = ob.apply(queue[work.blob.submission], work.blob.blob, event)
    assert work == Sleep(None)
    return sent


def test_words_of_all_then_thumbnails_of_all_then_the_rest_and_originals_last() -> None:
    assert order([bundle(1, O, C, T, W), bundle(2, W, T, C)]) == [
        "s1-manifest",
        "s1-words4",
        "s2-manifest",
        "s2-words1",
        "s1-thumbnail3",
        "s2-thumbnail2",
        "s1-copy2",
        "s2-copy3",
        "s1-original1",
    ]


def test_a_persons_choice_goes_before_urgent_and_urgent_before_older() -> None:
    chosen, last_chosen = bundle(3, C, first=1), bundle(4, C, first=2)
    assert order([bundle(1, W), bundle(2, C, urgent=True), chosen, last_chosen]) == [
        "s4-manifest",
        "s4-copy1",
        "s3-manifest",
        "s3-copy1",
        "s2-manifest",
        "s2-copy1",
        "s1-manifest",
        "s1-words1",
    ]


def test_a_link_that_costs_carries_what_the_person_allows() -> None:
    both = [bundle(1, W, T, C), bundle(2, C)]
    assert order(both, Metered.SMALL) == ["s1-manifest", "s1-words1", "s2-manifest", "s1-thumbnail2"]
    assert order(both, Metered.NOTHING) == []


def leaving(**changes: object) -> OutboxSubmission:
    begun = ob.apply(ob.apply(bundle(1, C), "s1-manifest", ob.Start()), "s1-manifest", ob.Interrupted())
    return replace(ob.withdraw(begun), **changes)  # type: ignore[arg-type]


def test_a_withdrawal_goes_before_all_sending_and_no_pause_holds_it() -> None:
    for paused, scope in ((False, Metered.EVERYTHING), (True, Metered.NOTHING)):
        assert next_work([bundle(2, W, first=1), leaving()], 0.0, True, paused, scope=scope) == Withdraw("s1")
    assert next_work([leaving()], 0.0, False, True) == Probe()
    assert next_work([leaving(withdraw_at=50.0)], 0.0, True, True) == Sleep(50.0)
    assert next_work([leaving(withdraw_at=9 * DAY)], 0.0, True, True) == Withdraw("s1")
    assert gives_way([bundle(2, C), leaving()], "s2-manifest", 0.0, False)


def test_what_was_withdrawn_leaves_no_file() -> None:
    gone = ob.taken_back(leaving())
    dropped = []
    while isinstance(work := next_work([gone], 0.0, False, True), Erase):
        dropped.append(work.blob.blob)
        gone = ob.apply(gone, work.blob.blob, work.event)
    assert dropped == ["s1-manifest", "s1-copy1"]
    assert {row.state for row in gone.blobs} == {Transfer.DROPPED}
    assert (work, view(gone).stage) == (Sleep(None), Stage.WITHDRAWN)


def test_a_held_one_waits_for_its_word_or_a_good_idle_link() -> None:
    asked = bundle(1, O, life=Life.HELD, held=Held.UNTIL_ASKED)
    good = bundle(2, O, life=Life.HELD, held=Held.UNTIL_GOOD_LINK)
    assert next_work([asked, good], 0.0, True, False) == Sleep(None)
    assert next_work([asked, good], 0.0, True, False, good_link=True) == Release("s2")
    assert next_work([asked, good], 0.0, True, False, good_link=None) == Release("s2"), "it finds out"
    assert next_work([asked, good], 0.0, True, False, good_link=False, tell_at=9.0) == Sleep(9.0)
    assert next_work([asked], 0.0, True, False, good_link=False, tell_at=9.0) == Sleep(None)
    assert next_work([asked], 0.0, True, False, good_link=True) == Sleep(None)
    assert isinstance(next_work([good, bundle(3, W)], 0.0, True, False, good_link=True), Send)
    for online, paused in ((False, False), (True, True)):
        assert next_work([good], 0.0, online, paused, good_link=True) == Sleep(None)


def uploading(submission: OutboxSubmission) -> tuple[OutboxSubmission, str]:
    row = next_blob(submission)
    assert row is not None
    return ob.apply(submission, row.blob, ob.Start()), row.blob


def test_the_one_under_way_gives_way_to_what_goes_first_and_to_nothing_else() -> None:
    big = ob.apply(ob.apply(bundle(1, C), "s1-manifest", ob.Start()), "s1-manifest", ob.Stored(b"{}"))
    going, name = uploading(big)
    assert not gives_way([going, bundle(2, C, life=Life.HELD)], name, 0.0, False)
    assert gives_way([going, bundle(2, C)], name, 0.0, False)  # its manifest is words
    words_gone = ob.apply(ob.apply(bundle(2, C), "s2-manifest", ob.Start()), "s2-manifest", ob.Stored(b"{}"))
    assert not gives_way([going, words_gone], name, 0.0, False)
    assert gives_way([going, replace(words_gone, urgent=True)], name, 0.0, False)
    failed = ob.apply(bundle(2, W), "s2-manifest", ob.Start())
    failed = ob.apply(failed, "s2-manifest", ob.Failed(FailureKind.SERVER, 0.0, 0.0))
    assert not gives_way([going, failed], name, 0.0, False)
    assert gives_way([going, failed], name, 2.0, False)
    assert gives_way([going], name, 0.0, True)
    assert gives_way([going], name, 0.0, False, Metered.SMALL)
    assert gives_way([ob.withdraw(going)], name, 0.0, False)


def test_bytes_ahead_are_those_that_go_before_its_last() -> None:
    both = [bundle(1, C), bundle(2, W)]
    assert bytes_ahead(both) == {"s2": 400 + 400 + 1000, "s1": 400 + 400 + 1000 + 1000}
    assert bytes_ahead([replace(both[0], life=Life.RECEIVED), bundle(3, W, W)]) == {"s3": 400 + 1000 + 2000}


def test_why_something_waits() -> None:
    def why(submission: OutboxSubmission, allowed: bool = True, **conditions: object) -> WaitingFor | None:
        around = Conditions(0.0, **conditions)  # type: ignore[arg-type]
        return waiting_for(submission, next_blob(submission), allowed, around)

    one = bundle(1, C)
    assert why(one) is None
    assert why(one, paused=True, visit=True) is WaitingFor.PAUSED
    assert why(one, visit=True) is WaitingFor.VISIT
    assert why(one, allowed=False, link=FailureKind.OFFLINE) is WaitingFor.METERED
    assert why(one, link=FailureKind.OFFLINE) is WaitingFor.LINK
    assert why(one, link=FailureKind.SIGN_IN) is WaitingFor.SIGN_IN
    begun = ob.apply(one, "s1-manifest", ob.Start())
    for kind, reason in ((FailureKind.SERVER, WaitingFor.CLINIC), (FailureKind.STALLED, WaitingFor.WEAK_LINK)):
        assert why(ob.apply(begun, "s1-manifest", ob.Failed(kind, 0.0, 0.0))) is reason
    refused = ob.apply(begun, "s1-manifest", ob.Failed(FailureKind.REFUSED, 0.0, 0.0))
    assert why(refused) is WaitingFor.PERSON
    assert why(replace(one, life=Life.HELD)) is WaitingFor.HELD
    assert why(leaving()) is None
    assert why(leaving(withdraw_at=5.0)) is WaitingFor.CLINIC
    assert why(leaving(), link=FailureKind.OFFLINE) is WaitingFor.LINK
    assert why(replace(one, life=Life.RECEIVED)) is None


@given(
    st.lists(st.tuples(st.sampled_from(PartRole), st.booleans(), st.integers(0, 3)), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_every_blob_goes_once_and_no_words_after_bigger_ones_of_the_same_standing(
    wanted: list[tuple[PartRole, bool, int]], random: object
) -> None:
    queue = [bundle(n, role, W, urgent=urgent, first=first) for n, (role, urgent, first) in enumerate(wanted, 1)]
    shuffled = list(queue)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    sent = order(shuffled)
    assert sorted(sent) == sorted(row.blob for s in queue for row in s.blobs)
    assert sent == order(queue)
    plain = {s.submission for s in queue if not s.urgent and not s.first}
    small = [("words" in blob or "manifest" in blob) for blob in sent if blob.split("-")[0] in plain]
    assert small == sorted(small, reverse=True)
    for s in queue:
        assert sent.index(f"{s.submission}-manifest") == min(sent.index(row.blob) for row in s.blobs)


@given(
    st.integers(1, 400),
    st.floats(0, 1),
    st.sampled_from([FailureKind.SERVER, FailureKind.STALLED, FailureKind.OFFLINE, FailureKind.SIGN_IN]),
    st.floats(-400 * DAY, 400 * DAY),
)
def test_whatever_the_clock_does_nothing_waits_longer_than_twice_the_longest_delay(
    tries: int, jitter: float, kind: FailureKind, jump: float
) -> None:
    now = 1000 * DAY
    begun = ob.apply(bundle(1, C), "s1-manifest", ob.Start())
    begun = replace(begun, blobs=(replace(begun.blobs[0], tries=tries), begun.blobs[1]))
    waiting = ob.apply(begun, "s1-manifest", ob.Failed(kind, now, jitter))
    after = now + jump
    work = next_work([waiting], after, True, False)
    if isinstance(work, Sleep):
        assert work.until is not None
        assert 0 < work.until - after <= 2 * LAST_RETRY_S
        work = next_work([waiting], work.until, True, False)
    assert isinstance(work, Send)
    assert isinstance(next_work([ob.hurry(waiting)], after, True, False), Send)  # what a noticed jump does
    assert sum(row.tries for row in ob.hurry(waiting).blobs) == sum(row.tries for row in waiting.blobs)


def test_work_is_not_sought_while_some_is_under_way() -> None:
    going, _ = uploading(bundle(1, C))
    with pytest.raises(RuntimeError, match="uploading"):
        next_work([going], 0.0, True, False)
