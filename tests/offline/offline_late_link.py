"""Run in a network namespace of its own, whose only link is down: saves an item, waits, then brings the link up.

`unshare -n python -m tests.offline.offline_late_link FOLDER`; says as JSON what it waited for, and how long it took.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from app.net.http import ClinicHttp, Credentials
from app.offline.capture import Capture
from app.offline.plan import Stage
from app.offline.standing import WaitingFor
from app.offline.store import Store
from app.offline.worker import OutboxWorker, Surroundings
from tests.offline.offline_kit import PATIENT, Clinic, Until, open_device
from tests.offline.offline_service import ScriptedClinic


async def main(folder: Path) -> dict[str, object]:
    clinic = Clinic()
    device = open_device(folder, clinic)
    key = device.profile.key_file.read_bytes()
    device.core.close()
    store = await Store.open(device.profile.store_path, key)
    until = Until()
    async with ScriptedClinic(clinic).running() as service:
        async with ClinicHttp(service.url, None, Credentials(PATIENT, lambda nonce: b"s" * 64)) as http:
            around = Surroundings(clock=lambda: 1_000_000.0, jitter=lambda: 0.0)
            worker = OutboxWorker(store, device.profile.blobs, http, on_change=until.changed, surroundings=around)
            await Capture(store, device.profile.blobs).save_photo(
                b"x" * 4000, name="a.jpg", media_type="image/jpeg", purpose="photo"
            )
            worker.start()
            await until.holds(lambda: bool(worker.snapshot()) and worker.snapshot()[0].stage is Stage.WAITING)
            await until.holds(lambda: worker.snapshot()[0].waiting_for is WaitingFor.LINK)
            before = worker.snapshot()[0].waiting_for
            started = time.monotonic()
            await asyncio.to_thread(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True)
            await until.holds(lambda: worker.snapshot()[0].stage is Stage.RECEIVED)
            seconds = time.monotonic() - started
            await worker.stop()
        uploads = len(service.uploads)
    await store.close()
    device.profile.close()
    return {"before": before, "seconds": round(seconds, 2), "uploads": uploads}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
