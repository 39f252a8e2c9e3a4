"""ICE servers for a device: as the operator set them, with time-limited TURN credentials where a secret is set."""

from __future__ import annotations

import base64
import hmac

from app.clinic.settings import IceSettings
from app.wire.visits import IceConfig, IceServer

_TURN = ("turn:", "turns:")


def ice_config(settings: IceSettings, device_id: str, now: float) -> IceConfig:
    """`now` in seconds since 1970. Credentials as coturn's REST scheme has them (draft-uberti-behave-turn-rest):
    username `expiry:device`, credential base64(HMAC-SHA1(secret, username))."""
    secret = settings.turn_secret
    servers = tuple(_with_credentials(one, secret, settings.turn_ttl_s, device_id, now) for one in settings.servers)
    return IceConfig(servers=servers, policy=settings.policy)


def _with_credentials(server: IceServer, secret: str | None, ttl_s: int, device_id: str, now: float) -> IceServer:
    if secret is None or server.username is not None or not all(url.startswith(_TURN) for url in server.urls):
        return server
    username = f"{int(now) + ttl_s}:{device_id}"
    credential = base64.b64encode(hmac.digest(secret.encode(), username.encode(), "sha1")).decode()
    return server.model_copy(update={"username": username, "credential": credential})
