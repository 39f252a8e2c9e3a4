"""A small sample of each campaign of `make soak`, and proof that the campaigns see what they are there to see.

Each time the tests run: 1,000 states after a power loss, 1,000 schedules of the pure machines (some 24,000 steps), 20
schedules of the real worker against a model of the service, and a few cases each of the others; some 25 s of one core.
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
from tests.soak import canaries, damage, diskfull, kill9, machines, powerloss, service, simulation
from tests.soak.campaign import Outcome, Tally, run
from tests.soak.clinic_model import ModelClinic

SEED = 20261126


@pytest.mark.parametrize("first", [0, 500])
def test_power_loss(first: int) -> None:
    outcome = run(powerloss.case, SEED, range(first, first + 500))
    assert outcome.violations == []
    assert outcome.cases == 500
    assert outcome.tally["promises: saved"] > 300


def test_power_loss_sees_a_folder_that_is_not_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    powerloss.scenario.cache_clear()
    monkeypatch.setattr(files, "sync_folder", lambda folder: None)
    assert run(powerloss.case, SEED, range(60)).violations
    powerloss.scenario.cache_clear()


def test_power_loss_sees_a_database_that_does_not_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = StoreCore._connect

    def careless(core: StoreCore) -> apsw.Connection:
        connection = connect(core)
        connection.pragma("synchronous", "off")
        return connection

    powerloss.scenario.cache_clear()
    monkeypatch.setattr(StoreCore, "_connect", careless)
    assert run(powerloss.case, SEED, range(60)).violations
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
    assert run(simulation.case, SEED, range(6)).violations


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
    outcome = kill9.run(8)
    assert outcome.violations == []
    assert outcome.cases >= 8


def test_spoiled_exchanges_with_the_real_service() -> None:
    outcome = service.run(6, SEED, 100.0)
    assert outcome.violations == []
    assert outcome.tally["spoiled"] > 0


def test_canaries() -> None:
    outcome = canaries.run(SEED)
    assert outcome.violations == []
    assert outcome.tally["bytes searched"] > 100_000


def test_the_search_finds_every_spelling_at_every_alignment() -> None:
    text = canaries.canary("note", SEED)
    for padding in range(3):
        sent = base64.b64encode(b"x" * padding + text.encode() + b"yyy")
        outcome = Outcome()
        canaries.search({"place": sent, "other": text.encode("utf-16-le")}, {"note": text}, outcome)
        assert len(outcome.violations) == 2
