"""The service as a process: parts put together, FastAPI in front, uvicorn around it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI

from app.clinic import problems
from app.clinic.blobs import BlobFiles
from app.clinic.bus import Bus
from app.clinic.connections import Connections
from app.clinic.context import Clinic
from app.clinic.database import Database
from app.clinic.guard import Guard
from app.clinic.guest_lines import GuestLines
from app.clinic.keys import load_receipt_key
from app.clinic.limits import WrongTries
from app.clinic.routes import events, forms, guest, intake, replies, trust, uploads, visits
from app.clinic.settings import BLOBS_FOLDER, RECEIPT_KEY_FILE, Settings, SettingsError
from app.clinic.sweeps import finish_erasing, sweep_for_ever
from app.clinic.writers import Writers
from app.wire import MAX_JSON_BYTES
from app.wire.hosts import is_loopback

log = logging.getLogger(__name__)

_WS_PING_S = 10.0
_KEEP_ALIVE_S = 75
_GRACE_S = 5
_BACKLOG = 512


def build(settings: Settings) -> Clinic:
    """The parts of the service; the database is brought up to date. Raises :class:`SettingsError`."""
    keys = load_receipt_key(settings.data / RECEIPT_KEY_FILE)
    database = Database(settings.database_url)
    database.migrate()
    blobs = BlobFiles(settings.data / BLOBS_FOLDER, settings.reserve_bytes)
    finish_erasing(database, blobs, datetime.now(UTC))
    connections, bus = Connections(), Bus()
    guests = GuestLines(connections, time.monotonic)
    bus.subscribe(connections.on_event)
    bus.subscribe(guests.on_event)
    return Clinic(
        settings=settings,
        database=database,
        blobs=blobs,
        keys=keys,
        bus=bus,
        connections=connections,
        guests=guests,
        writers=Writers(),
        tries=WrongTries(settings.wrong_tries_per_address, settings.wrong_tries_in_all, settings.wrong_tries_period_s),
    )


def create_app(clinic: Clinic) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        clinic.bus.start(asyncio.get_running_loop())
        sweeping = asyncio.create_task(sweep_for_ever(clinic))
        yield
        sweeping.cancel()
        await asyncio.wait({sweeping})

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.clinic = clinic
    problems.install(app)
    for part in (trust, visits, intake, uploads, replies, forms, events, guest):
        app.include_router(part.router)
    app.add_middleware(Guard)
    return app


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Runs until SIGTERM or SIGINT. `say` gets the one line `listening on URL`. Raises :class:`SettingsError`."""
    check_exposure(settings)
    with closing(_listen(settings)) as listener:  # first: a second service leaves the database alone
        clinic = build(settings)
        with closing(clinic.database):
            config = _configuration(clinic)
            config.load()
            if config.ssl is not None:
                config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
            # uvicorn raises the signal again when it has ended; these keep the process's exit code at 0 then.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda _number, _frame: None)
            _Server(config, lambda: say(f"listening on {_url(settings, listener)}")).run(sockets=[listener])


def _configuration(clinic: Clinic) -> uvicorn.Config:
    settings = clinic.settings
    return uvicorn.Config(
        create_app(clinic),
        log_config=None,
        access_log=False,
        server_header=False,
        http="h11",
        ws="websockets-sansio",
        loop="asyncio",
        lifespan="on",
        ws_max_size=MAX_JSON_BYTES,
        ws_ping_interval=_WS_PING_S,
        ws_ping_timeout=_WS_PING_S,
        ws_per_message_deflate=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.tls_key,
    )


def check_exposure(settings: Settings) -> None:
    """Plain HTTP is for this machine alone, or for a proxy that does the TLS."""
    if settings.certificate is None and not is_loopback(settings.host) and not settings.behind_proxy:
        raise SettingsError(
            "Without TLS the service only listens on this machine's own address (127.0.0.1); "
            "give --behind-proxy if a proxy in front of it does the TLS."
        )


def _listen(settings: Settings) -> socket.socket:
    try:
        infos = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = infos[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise SettingsError(f"Cannot listen on {settings.host} port {settings.port}: {exc.strerror}.") from None


def _url(settings: Settings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{settings.url_scheme}://{f'[{host}]' if ':' in host else host}:{port}"
