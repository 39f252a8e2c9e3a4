"""The two tables and the plan: nothing lost, nothing doubled, nothing said before it is so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.offline import outbox as ob
from app.offline.outbox import FailureKind, Life, NotInTable, OutboxBlob, OutboxSubmission, Transfer
from app.offline.plan import Erase, Probe, Send, Sleep, Stage, next_work, view
from tests.offline.offline_kit import NOW

SIZES = (400, 1000, 70_000)


def blob(ordinal: int, submission: str = "s1", **changes: Any) -> OutboxBlob:
    part = "blob" if ordinal else "manifest"
    row = OutboxBlob(f"{submission}-b{ordinal}", submission, ordinal, part, f"f{ordinal}", "0" * 64, SIZES[ordinal])
    return replace(row, **changes)


def submission(number: int = 1, life: Life = Life.FINISHED, count: int = 3) -> OutboxSubmission:
    name = f"s{number}"
    return OutboxSubmission(name, number, NOW, "wound", None, life, tuple(blob(i, name) for i in range(count)))


EVENTS: dict[type, ob.Event] = {
    ob.Start: ob.Start(),
    ob.Located: ob.Located("/v1/uploads/x"),
    ob.Progress: ob.Progress(10),
    ob.Stored: ob.Stored(b"{}"),
    ob.Failed: ob.Failed(FailureKind.SERVER, 0.0, 0.0),
    ob.Interrupted: ob.Interrupted(),
    ob.Erased: ob.Erased(),
    ob.Lost: ob.Lost("gone"),
    ob.TryAgain: ob.TryAgain(),
    ob.Hurry: ob.Hurry(),
    ob.Dropped: ob.Dropped(),
}
ALLOWED = {
    Transfer.SEALED: {ob.Start, ob.Lost, ob.Dropped},
    Transfer.WAITING: {ob.Start, ob.Lost, ob.TryAgain, ob.Hurry, ob.Dropped},
    Transfer.UPLOADING: {ob.Located, ob.Progress, ob.Stored, ob.Failed, ob.Interrupted, ob.Lost},
    Transfer.STORED: {ob.Erased, ob.Dropped},
    Transfer.ERASED: set(),
    Transfer.REFUSED: {ob.TryAgain, ob.Lost, ob.Dropped},
    Transfer.DROPPED: set(),
}


@pytest.mark.parametrize("state", list(Transfer))
@pytest.mark.parametrize("kind", list(EVENTS))
def test_the_table_names_what_is_allowed_and_raises_on_the_rest(state: Transfer, kind: type) -> None:
    row = blob(0, state=state, receipt=b"{}" if state in ob.DELIVERED else b"")
    if kind in ALLOWED[state]:
        ob.step(row, EVENTS[kind])
    else:
        with pytest.raises(NotInTable):
            ob.step(row, EVENTS[kind])


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_delays_lie_between_1_s_and_15_min(tries: int, jitter: float) -> None:
    delay = ob.retry_delay(tries, jitter)
    assert 1.0 <= delay <= 900.0
    assert ob.retry_delay(tries + 1, jitter) >= delay


def test_delays_double_from_2_s() -> None:
    assert [ob.retry_delay(n, 0.0) for n in (1, 2, 3, 9, 10, 500)] == [2.0, 4.0, 8.0, 512.0, 900.0, 900.0]
    assert ob.retry_delay(1, 1.0) == 1.0


@pytest.mark.parametrize("kind", [FailureKind.OFFLINE, FailureKind.SIGN_IN, FailureKind.PAUSED])
def test_no_try_is_spent_on_what_the_clinic_never_saw(kind: FailureKind) -> None:
    row = blob(0, state=Transfer.UPLOADING, tries=3)
    after = ob.step(row, ob.Failed(kind, 100.0, 0.5, "no link"))
    assert (after.state, after.tries, after.reason) == (Transfer.WAITING, 3, "no link")
    assert after.retry_at <= 100.0 + ob.SIGN_IN_RETRY_S


@pytest.mark.parametrize("kind", [FailureKind.SERVER, FailureKind.STALLED])
def test_a_try_is_spent_and_progress_gives_it_back(kind: FailureKind) -> None:
    row = blob(2, state=Transfer.UPLOADING, tries=3)
    waiting = ob.step(row, ob.Failed(kind, 100.0, 0.0))
    assert (waiting.tries, waiting.retry_at) == (4, 116.0)
    again = ob.step(ob.step(waiting, ob.Start()), ob.Progress(500))
    assert (again.tries, again.offset) == (0, 500)


def test_wrong_events_are_mistakes_of_ours() -> None:
    row = blob(0, state=Transfer.UPLOADING)
    for event in (ob.Progress(-1), ob.Progress(row.size + 1), ob.Stored(b"")):
        with pytest.raises(ValueError):  # noqa: PT011
            ob.step(row, event)


def test_manifests_first_then_blobs_in_order_and_older_submissions_first() -> None:
    queue = [submission(2), submission(1)]
    sent = []
    while isinstance(work := next_work(queue, 0.0, online=True, paused=False), Send):
        sent.append(work.blob.blob)
        owner = next(s for s in queue if s.submission == work.blob.submission)
        after = ob.apply(owner, work.blob.blob, ob.Start())
        after = ob.apply(after, work.blob.blob, ob.Stored(b"{}"))
        after = ob.apply(after, work.blob.blob, ob.Erased())
        queue[queue.index(owner)] = after
    assert sent == ["s1-b0", "s2-b0", "s1-b1", "s1-b2", "s2-b1", "s2-b2"]
    assert work == Sleep(None)
    assert {s.life for s in queue} == {Life.RECEIVED}


def waiting(number: int, retry_at: float) -> OutboxSubmission:
    whole = submission(number)
    first = replace(whole.blobs[0], state=Transfer.WAITING, retry_at=retry_at)
    return replace(whole, blobs=(first, *whole.blobs[1:]))


def test_what_waits_holds_up_itself_alone() -> None:
    assert next_work([waiting(1, 50.0), submission(2)], 0.0, True, False) == Send(blob(0, "s2"), 3)
    assert next_work([waiting(1, 50.0), waiting(2, 40.0)], 0.0, True, False) == Sleep(40.0)
    assert isinstance(next_work([waiting(1, 50.0)], 50.0, True, False), Send)


def test_a_clock_set_back_by_years_does_not_hold_an_item() -> None:
    assert isinstance(next_work([waiting(1, 1e9)], 0.0, True, False), Send)


def test_without_a_link_it_probes_and_in_a_visit_it_waits() -> None:
    assert next_work([submission()], 0.0, online=False, paused=False) == Probe()
    assert next_work([submission()], 0.0, online=True, paused=True) == Sleep(None)
    assert next_work([waiting(1, 9.0)], 0.0, online=False, paused=False) == Sleep(9.0)
    stored = blob(0, state=Transfer.STORED, receipt=b"{}", offset=SIZES[0])
    erase = replace(submission(), blobs=(stored, blob(1)))
    assert next_work([erase], 0.0, online=False, paused=True) == Erase(stored)
    assert next_work([erase], 0.0, True, False, {stored.blob}) == Send(blob(1), 2)


def test_stages_in_words() -> None:
    whole = submission(count=2)
    assert view(whole).stage is Stage.SAVED
    sending = ob.apply(whole, "s1-b0", ob.Start())
    assert view(sending).stage is Stage.SENDING
    assert view(sending, moving=False).stage is Stage.WAITING
    failed = ob.apply(sending, "s1-b0", ob.Failed(FailureKind.OFFLINE, 0.0, 0.0, "No link."))
    assert (view(failed).stage, view(failed).reason) == (Stage.WAITING, "No link.")
    one = ob.apply(sending, "s1-b0", ob.Stored(b"{}"))
    assert (view(one).stage, view(one).done, view(one).total) == (Stage.SENDING, 1, 2)
    assert view(one).fraction == SIZES[0] / (SIZES[0] + SIZES[1])
    refused = ob.apply(ob.apply(one, "s1-b1", ob.Start()), "s1-b1", ob.Failed(FailureKind.REFUSED, 0.0, 0.0, "Why."))
    assert (view(refused).stage, view(refused).reason) == (Stage.NEEDS_YOU, "Why.")
    assert next_work([ob.try_again(refused)], 0.0, True, False) == Erase(one.blobs[0])
    assert ob.try_again(refused).life is Life.FINISHED


@pytest.mark.parametrize("life", [Life.RECEIVED, Life.OPENED])
def test_received_is_never_said_without_all_receipts(life: Life) -> None:
    with pytest.raises(RuntimeError):
        view(submission(life=life))


class Delivery(RuleBasedStateMachine):
    """A worker, a service and bad luck in any order, by the pure functions alone."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.row = submission()
        self.at_service: dict[str, int] = {}
        self.files = {b.blob for b in self.row.blobs}
        self.delivered_before = 0
        self.busy: str | None = None

    def apply(self, name: str, event: ob.Event) -> None:
        self.row = ob.apply(self.row, name, event)

    @precondition(lambda self: self.busy is None)
    @rule(online=st.booleans(), paused=st.booleans())
    def work(self, online: bool, paused: bool) -> None:
        match next_work([self.row], self.now, online, paused):
            case Erase(row):
                assert row.receipt
                self.files.discard(row.blob)
                self.apply(row.blob, ob.Erased())
            case Send(row, count):
                assert count == len(self.row.blobs)
                assert row.blob in self.files
                self.busy = row.blob
                self.apply(row.blob, ob.Start())
            case Sleep(until) if until is not None:
                self.now = max(self.now, until)
            case _:
                pass

    @precondition(lambda self: self.busy is not None)
    @rule(share=st.floats(0, 1))
    def progress(self, share: float) -> None:
        assert self.busy is not None
        size = next(b.size for b in self.row.blobs if b.blob == self.busy)
        self.apply(self.busy, ob.Progress(int(share * size)))

    @precondition(lambda self: self.busy is not None)
    @rule()
    def stored(self) -> None:
        assert self.busy is not None
        self.at_service[self.busy] = self.at_service.get(self.busy, 0) + 1
        self.apply(self.busy, ob.Stored(b"{}"))
        self.busy = None

    @precondition(lambda self: self.busy is not None)
    @rule(kind=st.sampled_from(FailureKind), jitter=st.floats(0, 1))
    def failed(self, kind: FailureKind, jitter: float) -> None:
        assert self.busy is not None
        self.apply(self.busy, ob.Failed(kind, self.now, jitter, "why"))
        self.busy = None

    @precondition(lambda self: self.busy is not None)
    @rule()
    def killed(self) -> None:
        assert self.busy is not None
        self.apply(self.busy, ob.Interrupted())
        self.busy = None

    @precondition(lambda self: self.row.life is Life.NEEDS_PERSON and self.busy is None)
    @rule()
    def person(self) -> None:
        self.row = ob.try_again(self.row)

    @invariant()
    def nothing_is_lost(self) -> None:
        for row in self.row.blobs:
            assert row.blob in self.files or row.state in ob.DELIVERED

    @invariant()
    def nothing_is_doubled(self) -> None:
        assert all(count == 1 for count in self.at_service.values())

    @invariant()
    def deliveries_only_grow_and_received_is_true(self) -> None:
        standing = view(self.row)
        assert standing.done == len(self.at_service) >= self.delivered_before
        self.delivered_before = standing.done
        assert (standing.stage is Stage.RECEIVED) == (standing.done == standing.total)
        assert 0.0 <= standing.fraction <= 1.0

    def teardown(self) -> None:
        """Whatever happened, with a good link and a person's help it gets there."""
        if self.busy is not None:
            self.killed()
        for _ in range(60):
            if self.row.life is Life.NEEDS_PERSON:
                self.person()
            self.work(online=True, paused=False)
            if self.busy is not None:
                self.stored()
        assert self.row.life is Life.RECEIVED
        assert {b.state for b in self.row.blobs} == {Transfer.ERASED}
        assert not self.files


Delivery.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestDelivery = Delivery.TestCase
