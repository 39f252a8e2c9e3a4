"""The command line, the start and the end of the process, and the database's form."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from app.clinic.cli import main
from app.clinic.database import Database
from app.clinic.tables import Base
from app.wire.code import CodeKind, EnrolmentCode
from tests.clinic.people import Device
from tests.clinic.service import RunningClinic, start_clinic


def test_init_tells_address_and_code_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "clinic"
    command = ["init", "--data", str(data), "--address", "clinic.example:8443", "--name", "10.0.0.7"]
    assert main(command) == 0
    told = capsys.readouterr().out
    code = next(line.split()[-1] for line in told.splitlines() if line.startswith("Code:"))
    assert EnrolmentCode.parse(code).kind is CodeKind.FIRST_PROVIDER
    assert "Address: https://clinic.example:8443" in told
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert main(command) == 1
    assert "not empty" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_init_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["init", "--json", "--tls", "none", "--address", "127.0.0.1:8080", "--data", str(tmp_path / "clinic")]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["address"] == "http://127.0.0.1:8080"
    assert EnrolmentCode.parse(told["code"])


def test_the_certificate_names_all_it_was_told(tmp_path: Path) -> None:
    from cryptography import x509

    data = tmp_path / "clinic"
    names = ["--name", "clinic.lan", "--name", "10.0.0.7"]
    assert main(["init", "--data", str(data), "--address", "clinic.example:8443", *names]) == 0
    certificate = x509.load_pem_x509_certificate((data / "tls.crt").read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["clinic.example", "localhost", "clinic.lan"]
    assert [str(one) for one in found.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.0.0.7"]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert 3650 <= lifetime.days <= 3652


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--host", "0.0.0.0"], "Without TLS"),
        (["--host", "192.0.2.1"], "Without TLS"),
        (["--behind-proxy", "--host", "192.0.2.1"], "Cannot listen"),
        (["--ice", "no such file"], "no ICE settings"),
    ],
)
def test_serve_refuses_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    data = tmp_path / "clinic"
    assert main(["init", "--data", str(data), "--address", "127.0.0.1:0", "--tls", "none"]) == 0
    assert main(["serve", "--data", str(data), "--port", "0", *more]) == 1
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert "\n" not in said


def test_serve_needs_a_clinic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--data", str(tmp_path)]) == 1
    assert "There is no clinic" in capsys.readouterr().err


def test_a_public_certificate_has_to_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "clinic"
    assert main(["init", "--data", str(data), "--address", "clinic.example:443", "--tls", "public"]) == 0
    assert not (data / "tls.key").exists()
    assert main(["serve", "--data", str(data)]) == 1
    assert "--certificate" in capsys.readouterr().err


def test_two_on_one_port(own_clinic: RunningClinic, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--data", str(own_clinic.data), "--port", str(own_clinic.port)]) == 1
    assert "Cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    clinic = start_clinic(tmp_path)
    process: subprocess.Popen[str] = clinic.process
    try:
        os.kill(process.pid, number)
        assert process.wait(20) == 0
    finally:
        clinic.kill()
    assert not any("Traceback" in line for line in clinic.log)


def test_what_was_there_is_there_after_a_restart(own_clinic: RunningClinic, own_provider: Device) -> None:
    patient = own_provider.newcomer()
    visit = own_provider.add_visit(patient)
    own_clinic.restart()
    assert [one["visit_id"] for one in patient.request("GET", "/v1/visits").json()["visits"]] == [visit]


def test_ice_servers_come_from_their_file(tmp_path: Path) -> None:
    ice = {"servers": [{"urls": ["turn:192.0.2.1:3478"]}], "policy": "relay", "turn_secret": "the shared secret"}
    clinic = start_clinic(tmp_path, ice=ice)
    try:
        provider = Device(clinic)
        provider.enrol(clinic.code)
        got = provider.request("GET", "/v1/ice")
        assert got.json()["policy"] == "relay"
        assert got.json()["servers"][0]["username"].endswith(f":{provider.device_id}")
        assert "the shared secret" not in got.text
    finally:
        clinic.stop()


def test_migrations_make_the_tables_as_they_are_declared(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    database = Database(url)
    database.migrate()
    database.migrate()
    database.close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
