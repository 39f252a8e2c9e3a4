"""The outbox is brought in step with the replies that are kept: what they say of an item, and what they ask for.

Done again at every start and after every fetch, for an end may have come between a reply's keeping and this.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.offline.finishing import original_of
from app.offline.life import LifeEvent
from app.offline.replies import KeptReply
from app.offline.store import Store
from app.offline.worker import OutboxWorker
from app.wire.replies import ReplyKind

_EVENTS = {ReplyKind.QUESTION: LifeEvent.QUESTION, ReplyKind.ANSWER: LifeEvent.ANSWER}


async def in_step(worker: OutboxWorker, store: Store, replies: Sequence[KeptReply]) -> None:
    """`replies`: all that are kept, oldest first. Of an item the newest that says something counts; the originals
    that any of them wants are released. May raise StoreFailed or DiskFull.
    """
    newest = {one.content.submission: one for one in replies if not one.content.wish}
    for submission, reply in newest.items():
        await worker.replied(submission, _EVENTS[reply.content.kind])
    for copy in {copy for one in replies for copy in one.content.wants}:
        held = await store.call(original_of, copy)
        if held is not None:
            await worker.release(held)
