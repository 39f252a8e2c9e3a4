"""Which of our submissions a provider has opened, by that provider's own signed word."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from app.net.errors import BadAnswer
from app.offline.patch import Transport
from app.wire import API
from app.wire.intake import Opened, OpenedBy, SubmissionRows
from app.wire.signed import Context, SignatureError, verify
from app.wire.trust import CareTeamList

log = logging.getLogger(__name__)


async def fetch_opened(transport: Transport, team: CareTeamList) -> dict[str, bytes]:
    """Submission id -> OpenedBy as JSON, of all whose word holds. Raises app.net.errors.

    A word that does not hold is passed over: the service may be lying, or the team's list here is too old; the state
    stays "received" and is asked for again.
    """
    response = await transport.request("GET", f"{API}/submissions")
    try:
        found = SubmissionRows.model_validate_json(response.content)
    except ValidationError as exc:
        raise BadAnswer(f"the list of submissions has {exc.error_count()} faults") from exc
    opened: dict[str, bytes] = {}
    for row in found.submissions:
        if row.opened is None:
            continue
        if holds(row.opened, row.submission, team):
            opened[row.submission] = row.opened.model_dump_json().encode()
        else:
            log.warning("the word that a submission was opened does not hold")
    return opened


def holds(word: OpenedBy, submission: str, team: CareTeamList) -> bool:
    """Whether a member of `team` has signed (Context.OPENED) that this submission was opened."""
    key = next((member.ed25519 for member in team.members if member.device_id == word.signer), None)
    if key is None:
        return False
    try:
        opened = verify(word.opened, Context.OPENED, key, Opened)
    except SignatureError:
        return False
    return (opened.submission, opened.device_id) == (submission, word.signer)
