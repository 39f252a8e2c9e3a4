"""The real Chromium without a screen, driven by its DevTools protocol over a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
WHY_NOT = "there is no Chromium on this machine (Debian: apt-get install chromium)"

_START_S = 20.0
_COLLECT = """
window.connections = [];
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(...given) { super(...given); window.connections.push(this); }
};
"""
_UNTIL = """
new Promise((resolve, reject) => {
  const give = Date.now() + %d;
  const look = async () => {
    let found;
    try { found = await (async () => %s)(); } catch (error) { return reject(error); }
    if (found) return resolve(found);
    if (Date.now() > give) return reject(new Error("it did not come: " + document.body.innerText));
    setTimeout(look, 100);
  };
  look();
})
"""


def spki_hash(certificate: Path) -> str:
    """What --ignore-certificate-errors-spki-list takes: the clinic of a test has no public certificate."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class Tab:
    """One page. Raises AssertionError for what the page throws."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.faults: list[str] = []
        self._reader = asyncio.ensure_future(self._read())

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        got = await answer
        assert "error" not in got, f"{method}: {got['error']}"
        return got["result"]

    async def run(self, script: str) -> Any:
        """The value of an expression in the page, as a person's click may have it (user gesture)."""
        got = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    async def until(self, script: str, seconds: float = 30.0) -> Any:
        """Waits in the page until the (asynchronous) expression is true; its value."""
        return await self.run(_UNTIL % (seconds * 1000, script))

    async def says(self, words: str, seconds: float = 30.0) -> None:
        await self.until(f"document.getElementById('says').textContent.includes({json.dumps(words)})", seconds)

    async def press(self, name: str) -> None:
        await self.run(f"document.getElementById({json.dumps(name)}).click()")

    async def open(self, url: str) -> None:
        """Loads a page, whose peer connections `connections` will hold."""
        for part in ("Page", "Runtime", "Log"):
            await self.call(f"{part}.enable")
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=_COLLECT)
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && document.getElementById('says') && true")

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            elif message["method"] == "Runtime.exceptionThrown":
                self.faults.append(str(message["params"]["exceptionDetails"]))
            elif message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.faults.append(message["params"]["entry"]["text"])


class Browser:
    def __init__(self, address: str, sockets: contextlib.AsyncExitStack) -> None:
        self._address, self._sockets = address, sockets

    async def tab(self, url: str) -> Tab:
        """A new page in a context of its own, as on another device."""
        whole = Tab(await self._sockets.enter_async_context(connect(self._address, max_size=None, ping_interval=None)))
        self._sockets.push_async_callback(whole.close)
        context = await whole.call("Target.createBrowserContext")
        made = await whole.call("Target.createTarget", url="about:blank", browserContextId=context["browserContextId"])
        page = self._address.split("/devtools/")[0] + f"/devtools/page/{made['targetId']}"
        tab = Tab(await self._sockets.enter_async_context(connect(page, max_size=None, ping_interval=None)))
        self._sockets.push_async_callback(tab.close)
        await tab.open(url)
        return tab


@contextlib.asynccontextmanager
async def chromium(folder: Path, certificate: Path) -> AsyncIterator[Browser]:
    """Chromium with a made-up camera (a moving picture) and microphone (a beep each second), in `folder`."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--mute-audio",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream=fps=10",
        "--allow-loopback-in-peer-connection",
        f"--ignore-certificate-errors-spki-list={spki_hash(certificate)}",
        f"--user-data-dir={folder}",
        "--remote-debugging-port=0",
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    drained: asyncio.Future[bytes] | None = None
    try:
        async with asyncio.timeout(_START_S), contextlib.AsyncExitStack() as _:
            address = ""
            while not address:
                line = (await process.stderr.readline()).decode(errors="replace")
                assert line, "Chromium ended before it listened"
                address = line.partition("DevTools listening on ")[2].strip()
        drained = asyncio.ensure_future(process.stderr.read())
        async with contextlib.AsyncExitStack() as sockets:
            yield Browser(address, sockets)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if drained is not None:
            await drained
