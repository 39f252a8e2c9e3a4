"""A small sample of each campaign of `make soak`, and proof that the campaigns see what they are there to see.

Each time the tests run: 2,000 states after a power loss, 1,000 schedules of the pure machines (some 24,000 steps), 20
schedules of the real worker against a model of the service, kill -9 once in each of its ten acts, a live visit with
canaries in it, and a few cases each of the others; some 40 s of one core.
`make soak` goes on to the full counts.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import apsw
import pytest

from app.offline import files, uploader
from app.offline.store import StoreCore
from tests.soak import (
    canaries,
    canaries_visit,
    damage,
    diskfull,
    kill9,
    machines,
    planted,
    powerloss,
    service,
    simulation,
    tapped,
)
from tests.soak.campaign import Case, Outcome, Tally, run
from tests.soak.clinic_model import ModelClinic

SEED = 20261126


def sees(case: Case, most: int) -> bool:
    """Whether one of the first cases finds a violation."""
    return any(run(case, SEED, range(number, number + 1)).violations for number in range(most))


@pytest.mark.parametrize("first", [0, 1000])
def test_power_loss(first: int) -> None:
    outcome = run(powerloss.case, SEED, range(first, first + 1000))
    assert outcome.violations == []
    assert outcome.cases == 1000
    assert outcome.tally["promises: saved"] > 600


def test_power_loss_sees_a_folder_that_is_not_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    powerloss.scenario.cache_clear()
    monkeypatch.setattr(files, "sync_folder", lambda folder: None)
    assert sees(powerloss.case, 60)
    powerloss.scenario.cache_clear()


def test_power_loss_sees_a_database_that_does_not_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = StoreCore._connect

    def careless(core: StoreCore) -> apsw.Connection:
        connection = connect(core)
        connection.pragma("synchronous", "off")
        return connection

    powerloss.scenario.cache_clear()
    monkeypatch.setattr(StoreCore, "_connect", careless)
    assert sees(powerloss.case, 60)
    powerloss.scenario.cache_clear()


def test_pure_machines() -> None:
    assert run(machines.case, SEED, range(1000)).violations == []


def test_real_worker_in_virtual_time() -> None:
    outcome = run(simulation.case, SEED, range(20))
    assert outcome.violations == []
    assert outcome.tally["submissions"] > 40


def test_the_simulation_sees_a_receipt_that_nobody_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader, "check_receipt", lambda text, *rest: bytes(text))
    monkeypatch.setattr(ModelClinic, "_fault", lambda self: "forged receipt" if self.weather.fault else "")
    assert sees(simulation.case, 6)


def test_damage() -> None:
    outcome = run(damage.case, SEED, range(40))
    assert outcome.violations == []
    assert outcome.tally["in the database: copy put back, all went"] > 3


@pytest.mark.parametrize("copies", [True, False])
def test_a_store_that_is_cut_to_nothing_is_noticed(tmp_path: Path, copies: bool) -> None:
    folder, tally = Path(shutil.copytree(damage.original().closed, tmp_path / "profile")), Tally()
    if not copies:
        shutil.rmtree(folder / "copies")
    (folder / "store.db").write_bytes(b"")
    damage.judge(folder, folder / "store.db", "length 0", tally)
    assert list(tally) == [
        "in the database: " + ("copy put back, all went" if copies else "no copy, refused, nothing touched")
    ]


def test_a_flipped_bit_in_the_log_is_noticed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(damage.original().sudden, tmp_path / "profile"))
    log = folder / "store.db-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    damage.judge(folder, log, "a bit in the middle", Tally())


def test_disk_full_and_errors() -> None:
    outcome = diskfull.run(4)
    assert outcome.violations == []
    assert outcome.cases >= 24
    assert outcome.tally["sync error, draft"] >= 4


def test_kill9() -> None:
    outcome = kill9.run(10)
    assert outcome.violations == []
    assert all(outcome.tally[f"in {act}"] for act in kill9.KILLED)


def test_spoiled_exchanges_with_the_real_service() -> None:
    outcome = service.run(6, SEED, 100.0)
    assert outcome.violations == []
    assert outcome.tally["spoiled"] > 0


def test_canaries() -> None:
    outcome = canaries.run(SEED)
    assert outcome.violations == []
    assert outcome.tally["bytes searched"] > 100_000


@pytest.mark.timeout(300)
def test_canaries_of_a_live_visit() -> None:
    outcome = canaries_visit.run(SEED)
    assert outcome.violations == []
    assert outcome.tally["bytes searched"] > 300_000


def test_what_a_websocket_masks_is_unmasked() -> None:
    hello = bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455 section 5.7
    asked = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" + hello + hello
    assert list(tapped.unmasked(asked)) == [b"Hello"] * 2
    assert list(tapped.unmasked(b"GET / HTTP/1.1\r\n\r\n" + hello)) == []


def test_the_search_finds_every_spelling_at_every_alignment() -> None:
    text = planted.canary("note", SEED)
    for padding in range(3):
        sent = base64.b64encode(b"x" * padding + text.encode() + b"yyy")
        outcome = Outcome()
        planted.search({"place": sent, "other": text.encode("utf-16-le")}, {"note": text}, outcome)
        assert len(outcome.violations) == 2
