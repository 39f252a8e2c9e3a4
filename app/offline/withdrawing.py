"""Telling the clinic that a submission is taken back: signed by this device, and as often as it takes."""

from __future__ import annotations

from datetime import datetime

from app.net.errors import Refused
from app.offline import trust
from app.offline.patch import Transport
from app.wire import API
from app.wire.errors import ErrorCode
from app.wire.intake import Withdrawal, WithdrawnBy
from app.wire.signed import Context, sign


async def tell_withdrawn(transport: Transport, sender: trust.Sender, submission: str, at: datetime) -> bool:
    """True: the clinic has erased it (or had already). False: a provider has opened it. Raises app.net.errors."""
    withdrawal = Withdrawal(submission=submission, device_id=sender.device_id, withdrawn_at=at)
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
