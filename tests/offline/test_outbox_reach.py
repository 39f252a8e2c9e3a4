"""What stays within a person's reach: items with answers, however old; and all that belongs to what is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.offline import rows
from app.offline.drafts import DraftBook
from app.offline.finishing import original_of
from app.offline.life import Life
from app.offline.parts import JPEG, Part
from app.offline.purposes import Purpose
from app.offline.replies import KEPT, KeptReply
from app.offline.store import StoreCore
from app.wire.intake import PartRole
from app.wire.replies import ReplyContent, ReplyKind
from tests.offline.draft_kit import PHOTO
from tests.offline.offline_kit import NOW, PATIENT, PROVIDER
from tests.offline.test_outbox import submission
from tests.offline.test_outbox_choices import kept
from tests.offline.test_outbox_worker import Scene, play
from tests.offline.test_store_core import KEY


def settled_items(core: StoreCore, count: int) -> None:
    """s1, s2, ...: all received and erased."""
    for number in range(1, count + 1):
        blobs = tuple(replace(b, file=f"{number}-{b.file}") for b in submission(number).blobs)
        core.insert_submission(replace(submission(number), blobs=blobs))
    with core._transaction() as db:
        db.execute("UPDATE blobs SET state = 'erased', receipt = x'00'")
        db.execute("UPDATE submissions SET life = ?", (Life.RECEIVED.value,))


def put_reply(core: StoreCore, about: int, read: bool) -> None:
    """A reply as app.offline.replies keeps it; a later item's is the later one."""
    content = ReplyContent.model_construct(  # the short names of these tests are none on the wire
        reply=f"{about:032x}", submission=f"s{about}", to=PATIENT, kind=ReplyKind.ANSWER, text="Well.", name="Lee",
        created_at=NOW + timedelta(minutes=about),
    )  # fmt: skip
    made = KeptReply(number=about, signer=PROVIDER, content=content, sha256="0" * 64, read_at=NOW if read else None)
    core.put_documents(KEPT, {content.reply: made.model_dump_json().encode()})


def shown(core: StoreCore, settled: int) -> list[str]:
    return [one.submission for one in core.submissions(settled)]


def test_items_with_answers_stay_in_view_unread_ones_first_and_boundedly_many(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    settled_items(core, rows.REPLIED + 6)
    last = [f"s{rows.REPLIED + n}" for n in (5, 6)]
    assert shown(core, 2) == last
    put_reply(core, 1, read=False)
    put_reply(core, 3, read=True)
    core.put_documents(KEPT, {"other": b"\xff no reply"})
    assert shown(core, 2) == ["s1", "s3", *last]
    for number in range(4, rows.REPLIED + 4):
        put_reply(core, number, read=True)
    there = shown(core, 2)
    assert len(there) == rows.REPLIED + 2
    assert "s1" in there, "nobody has read it yet"
    assert "s3" not in there
    core.close()


def test_originals_push_no_item_out_of_view(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    settled_items(core, 9)
    with core._transaction() as db:  # of s1, s4 and s7; those that nobody asked for still lie here
        for item in (1, 4, 7):
            for original in (item + 1, item + 2):
                db.execute("UPDATE submissions SET amends = ? WHERE id = ?", (f"s{item}", f"s{original}"))
                db.execute(
                    "UPDATE blobs SET role = 'original' WHERE submission = ? AND ordinal = 1", (f"s{original}",)
                )
        db.execute("UPDATE blobs SET state = 'sealed', receipt = x'' WHERE submission IN ('s2', 's5', 's8')")
        db.execute("UPDATE submissions SET life = 'held' WHERE id IN ('s2', 's5', 's8')")
    assert shown(core, 2) == ["s2", "s4", "s5", "s6", "s7", "s8", "s9"]
    core.close()


def test_taking_back_takes_back_an_original_that_was_sent_already(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        book = DraftBook(s.store, s.blobs)
        parts, pictures = [], []
        for _ in range(2):
            copy = Part(PHOTO, "a.jpg", JPEG, PartRole.COPY)
            small, whole = (
                Part(PHOTO, "a.jpg", JPEG, r, of=copy.blob) for r in (PartRole.THUMBNAIL, PartRole.ORIGINAL)
            )
            parts += [copy, small, whole]
            pictures.append(copy.blob)
        draft = await book.begin(Purpose.WOUND_CHECK)
        await book.add_parts(draft.draft, parts)
        item = await book.finish(draft.draft)
        more = await book.begin(Purpose.WOUND_CHECK, amends=item)
        await book.set_note(more.draft, "Something of its own.")
        added = await book.finish(more.draft)
        sent, held = [await s.store.call(original_of, picture) for picture in pictures]
        assert sent is not None
        assert held is not None
        await s.worker.release(sent)
        s.worker.start()

        async def all_are(life: Life, *names: str) -> None:
            await s.until.holds(
                lambda: (
                    {x.submission: x.life for x in s.worker.snapshot()}.items() >= dict.fromkeys(names, life).items()
                )
            )

        await all_are(Life.RECEIVED, item, sent, added)
        assert (await kept(s, held)).life is Life.HELD
        assert await s.worker.withdraw(item)
        await all_are(Life.WITHDRAWN, item, sent, held)
        assert (await kept(s, added)).life is Life.RECEIVED, "what was added stands for itself"

    play(tmp_path, scene)
