"""What the stored documents say about whom to trust, verified against the pinned root key at every reading."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from app.offline.errors import NotEnrolled, TrustBroken
from app.offline.keys import DeviceKeys, device_keys
from app.offline.store import Setting, StoreCore
from app.wire.signed import Context, M, SignatureError, Signed, verify
from app.wire.trust import CareTeamList, ServiceStatement


@dataclass(frozen=True)
class Sender:
    """Who seals, and to whom: the care team of the root-signed list and this device itself."""

    device_id: str
    keys: DeviceKeys
    care_team: CareTeamList

    @property
    def recipients(self) -> tuple[str, ...]:
        return (*(member.age_recipient for member in self.care_team.members), self.keys.age_recipient)


def sender(core: StoreCore) -> Sender:
    """Raises :class:`NotEnrolled` or :class:`TrustBroken`."""
    return Sender(device_id(core), device_keys(core), care_team(core))


def device_id(core: StoreCore) -> str:
    return _need(core, Setting.DEVICE_ID).decode("ascii")


def care_team(core: StoreCore) -> CareTeamList:
    """The stored list, its root signature verified again."""
    return _signed(core, Setting.CARE_TEAM, Context.CARE_TEAM, CareTeamList)


def receipt_key(core: StoreCore) -> bytes:
    """The service's receipt key (32 bytes) out of its root-signed statement."""
    return _signed(core, Setting.STATEMENT, Context.STATEMENT, ServiceStatement).receipt_key


def _need(core: StoreCore, name: Setting) -> bytes:
    value = core.get(name)
    if not value:
        raise NotEnrolled(f"no {name}")
    return value


def _signed(core: StoreCore, name: Setting, context: Context, model: type[M]) -> M:
    text = _need(core, name)
    try:
        return verify(Signed.model_validate_json(text), context, _need(core, Setting.ROOT_KEY), model)
    except (ValidationError, SignatureError) as exc:
        raise TrustBroken(f"the stored {name} does not hold") from exc
