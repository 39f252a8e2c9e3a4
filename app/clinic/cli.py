"""`thinline clinic init` and `thinline clinic serve`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from app.clinic.initialise import NewClinic, initialise
from app.clinic.server import serve
from app.clinic.settings import (
    CERTIFICATE_FILE,
    TLS_KEY_FILE,
    ClinicConfig,
    IceSettings,
    Settings,
    SettingsError,
    load_config,
    load_ice,
    split_address,
)
from app.hardening import keep_memory_off_the_disk
from app.wire.hosts import is_loopback

N = TypeVar("N", int, float)


def main(argv: Sequence[str]) -> int:
    """`argv` without the program's name: `init ...` or `serve ...`. Returns 0, or 1 with a sentence on stderr."""
    arguments = _parser().parse_args(argv)
    _keep_secrets_off_the_disk()
    try:
        code: int = arguments.run(arguments)
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return 1
    return code


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `init` and `serve`, each with its function in `run`, to another parser's subcommands."""
    _init_parser(commands.add_parser("init", help="make a new clinic and its first provider's code"))
    _serve_parser(commands.add_parser("serve", help="run the service"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="thinline clinic", description="The clinic's service.")
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    return parser


def _init_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the new clinic's folder")
    parser.add_argument("--address", required=True, metavar="HOST:PORT", help="where devices will reach it")
    parser.add_argument(
        "--tls",
        choices=("self", "public", "none"),
        default="self",
        help="self: a certificate of its own that devices learn to trust (default); "
        "public: one of a public authority; none: plain HTTP, for this machine or behind a proxy",
    )
    parser.add_argument(
        "--name", action="append", default=[], help="another DNS name or IP address of the service (repeatable)"
    )
    parser.add_argument("--database", default="", metavar="URL", help="SQLAlchemy URL (default: SQLite in DIR)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_init)


def _serve_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the clinic's folder")
    parser.add_argument("--host", help="address to listen on (default: all, or loopback as in the clinic's address)")
    parser.add_argument("--port", type=int, help="port to listen on (default: the address's; 0: any free one)")
    parser.add_argument("--ice", type=Path, metavar="FILE.json", help="ICE servers for the visits")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="TLS certificate chain (with --tls public)")
    parser.add_argument("--key", type=Path, metavar="PEM", help="its private key")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy on this machine does the TLS")
    parser.add_argument(
        "--device-quota",
        type=int,
        default=4096,
        metavar="MIB",
        help="how much one device may have here that no provider has opened (default: 4096)",
    )
    parser.add_argument(
        "--unfinished-days",
        type=float,
        default=30,
        metavar="DAYS",
        help="an upload that has not gone on for so long is taken out (default: 30)",
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.set_defaults(run=_serve)


def _init(arguments: argparse.Namespace) -> int:
    made = initialise(arguments.data, arguments.address, arguments.tls, arguments.name, arguments.database)
    if arguments.json:
        text = {"address": made.url, "code": str(made.code), "expires_at": made.expires_at.isoformat()}
        print(json.dumps(text), flush=True)
    else:
        print(_told(made, arguments.data), flush=True)
    return 0


def _told(made: NewClinic, data: Path) -> str:
    return (
        f"The clinic is ready in {data}. Start it with: thinline clinic serve --data {data}\n"
        "Enrol the first provider's device with this address and code. The code is shown this once,\n"
        f"works once, and until {made.expires_at:%Y-%m-%d %H:%M} UTC. Whoever has it owns the clinic.\n"
        f"Address: {made.url}\n"
        f"Code:    {made.code}"
    )


def _serve(arguments: argparse.Namespace) -> int:
    settings = read_settings(arguments)
    _log_to_stderr(settings.log_level)
    serve(settings, lambda line: print(line, flush=True))
    return 0


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Everything the service goes by, read once. Raises :class:`SettingsError`."""
    data: Path = arguments.data
    config = load_config(data)
    host, port = split_address(config.address)
    certificate, key = _tls_files(arguments, config)
    everywhere = "0.0.0.0"  # noqa: S104 - a clinic's service is there to be reached
    return Settings(
        data=data,
        config=config,
        host=arguments.host or ("127.0.0.1" if is_loopback(host) or certificate is None else everywhere),
        port=port if arguments.port is None else arguments.port,
        behind_proxy=arguments.behind_proxy,
        certificate=certificate,
        tls_key=key,
        ice=load_ice(arguments.ice) if arguments.ice is not None else IceSettings(),
        log_level=arguments.log_level,
        device_quota_bytes=_positive(arguments.device_quota) * 1024 * 1024,
        unfinished_s=_positive(arguments.unfinished_days) * 86400,
    )


def _positive(number: N) -> N:
    if not number > 0:
        raise SettingsError("--device-quota and --unfinished-days have to be more than nothing.")
    return number


def _tls_files(arguments: argparse.Namespace, config: ClinicConfig) -> tuple[Path | None, Path | None]:
    data: Path = arguments.data
    if config.tls == "self":
        return data / CERTIFICATE_FILE, data / TLS_KEY_FILE
    if config.tls == "none" or arguments.behind_proxy:
        return None, None
    if arguments.certificate is None or arguments.key is None:
        raise SettingsError("This clinic has a public certificate: give --certificate and --key, or --behind-proxy.")
    for path in (arguments.certificate, arguments.key):
        if not path.is_file():
            raise SettingsError(f"There is no file {path}.")
    return arguments.certificate, arguments.key


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # At "debug" these would write what devices send, tokens too.
    for name in ("uvicorn", "uvicorn.error", "websockets", "asyncio", "sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _keep_secrets_off_the_disk() -> None:
    """New files are the owner's alone, and a crash leaves no image of the memory."""
    os.umask(0o077)
    keep_memory_off_the_disk()
