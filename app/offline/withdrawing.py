"""A submission is taken back with its originals, at once; then the clinic is told, signed by this device."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from app.net.errors import Refused
from app.offline import trust
from app.offline.finishing import originals_with
from app.offline.life import MAY_WITHDRAW
from app.offline.outbox import OutboxSubmission, withdraw
from app.offline.patch import Transport
from app.offline.store import StoreCore
from app.wire import API
from app.wire.errors import ErrorCode
from app.wire.intake import Withdrawal, WithdrawnBy
from app.wire.signed import Context, sign


def take_back(core: StoreCore, submission: str) -> tuple[OutboxSubmission, ...]:
    """In the store's thread: it and every original of it, sent or not, that no provider has opened, as they are then.

    One transaction: an end in the middle must not leave an original to be sent of what the screen calls taken back.
    (), and nothing is changed, when it is unknown or a provider has opened it.
    """
    item = core.submission(submission)
    if item is None or item.life not in MAY_WITHDRAW:
        return ()
    with_it = (core.submission(name) for name in originals_with(core, submission))
    before = (item, *(one for one in with_it if one is not None and one.life in MAY_WITHDRAW))
    after = tuple(map(withdraw, before))
    core.save_together(tuple(zip(before, after, strict=True)))
    return after


async def tell_withdrawn(
    transport: Transport, sender: trust.Sender, submission: str, at: datetime, made_at: datetime
) -> bool:
    """True: the clinic has erased it (or had already). False: a provider has opened it. Raises app.net.errors.

    `at`: now by this computer's clock; `made_at` of the submission stands in for a clock that is years away.
    """
    try:
        withdrawal = Withdrawal(submission=submission, device_id=sender.device_id, withdrawn_at=at)
    except ValidationError:
        withdrawal = Withdrawal(submission=submission, device_id=sender.device_id, withdrawn_at=made_at)
    word = WithdrawnBy(signer=sender.device_id, withdrawal=sign(withdrawal, Context.WITHDRAWN, sender.keys.signing))
    try:
        await transport.request("POST", f"{API}/submissions/{submission}/withdrawn", json=word, expect=(200, 204))
    except Refused as refused:
        if refused.code is ErrorCode.ALREADY_OPENED:
            return False
        if refused.code is ErrorCode.WITHDRAWN:
            return True
        raise
    return True
