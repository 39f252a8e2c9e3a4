"""Foreign tus servers and clients as processes of their own, and a transport for servers that are no clinic."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.net.errors import NotTheClinic, Refused, Unreachable
from app.wire.errors import ErrorCode

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "node"
MODULES = ROOT / ".setup" / "node" / "node_modules"


def why_no_node() -> str:
    """Why the tests with npm packages cannot run; empty when they can."""
    if shutil.which("node") is None:
        return "left out: node is not there; install node 20 or newer with npm, then run `make setup`"
    installed = "left out: `make setup` has not installed the npm packages (.setup/npm.log; node 20 or newer)"
    return "" if MODULES.is_dir() else installed


def node(script: str, folder: Path, *args: str) -> list[str]:
    """The command for a script, copied beside the packages: node looks for them from where the script lies."""
    there = folder / "node"
    there.mkdir(exist_ok=True)
    if not (there / "node_modules").exists():
        (there / "node_modules").symlink_to(MODULES)
    shutil.copy(SCRIPTS / script, there / script)
    return ["node", "--preserve-symlinks", str(there / script), *args]


@contextmanager
def served(command: Sequence[str]) -> Iterator[str]:
    """Runs a server that prints its address; the address."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("http://"), line
        yield line
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def python_server(folder: Path, days: str) -> list[str]:
    return [sys.executable, "-m", "tests.offline.tuspy_server", str(folder), days]


class PlainTus:
    """A transport to a tus server that is no clinic: its proof is the Tus-Resumable header. Counts what it asked."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=None, trust_env=False)
        self.asked: list[str] = []
        self.cut_after: int | None = None

    async def close(self) -> None:
        await self._client.aclose()

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.asked.append(method)
        content = more.get("content")
        if method == "PATCH" and self.cut_after is not None:
            content, self.cut_after = _cut(content, self.cut_after), None
        try:
            answer = await self._client.request(method, path, headers=more.get("headers"), content=content)
        except (httpx.HTTPError, _Cut) as exc:
            raise Unreachable(type(exc).__name__) from exc
        if answer.status_code < 400 and answer.headers.get("Tus-Resumable") != "1.0.0":
            raise NotTheClinic(f"{method}: {answer.status_code} without Tus-Resumable")
        if answer.status_code not in more["expect"]:
            raise Refused(answer.status_code, ErrorCode.INTERNAL, answer.text[:200])
        return answer


class _Cut(Exception):
    pass


async def _cut(content: Any, after: int) -> Any:
    sent = 0
    async for piece in content:
        if sent + len(piece) > after:
            yield piece[: after - sent]
            raise _Cut
        sent += len(piece)
        yield piece
