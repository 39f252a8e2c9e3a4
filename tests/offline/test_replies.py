"""Answers to a patient, through the real service: once, sealed, checked, readable without a link, receipted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.net.errors import BadAnswer, Unreachable
from app.net.http import ClinicHttp, Credentials
from app.offline.keys import DeviceKeys, device_keys, open_store_key
from app.offline.patch import Transport
from app.offline.profile import Profile
from app.offline.replies import UNOPENED, KeptReply, Member, ReplyBook
from app.offline.reply_seal import ReplyBroken, ReplyTooLong, checked_receipt, opened_reply, sealed_reply
from app.offline.store import Setting, Store, StoreCore
from app.wire.replies import ReplyContent, ReplyKind, ReplyRow, ReplyRows
from app.wire.signed import Context, sign_bytes
from app.wire.trust import DeviceRecord, Role
from tests.clinic.people import Device as Person
from tests.clinic.people import deliver, new_blob
from tests.clinic.service import RunningClinic, start_clinic
from tests.clinic.test_clinic_withdrawals import withdraw
from tests.offline.offline_kit import CANARY, NOW, PATIENT, PROVIDER, Clinic, every_byte

TEXT = f"{CANARY.decode()} Keep it dry, and come on Monday."


class Side:
    """One device: its person at the service, its profile and its book."""

    def __init__(self, folder: Path, clinic: RunningClinic, code: str) -> None:
        self.profile = Profile.open(folder)
        self.secret = open_store_key(self.profile, None).secret
        core = StoreCore(self.profile.store_path, self.secret)
        self.keys: DeviceKeys = device_keys(core)
        self.person = Person(clinic, self.keys.signing, self.keys.age_recipient)
        self.person.enrol(code)
        self._core = core

    def enrolled(self, root_key: bytes, team: Any) -> None:
        settings = {
            Setting.DEVICE_ID: self.person.device_id.encode(),
            Setting.ROOT_KEY: root_key,
            Setting.CARE_TEAM: team.model_dump_json().encode(),
        }
        self._core.put_many(dict(settings))
        self._core.close()

    def http(self) -> ClinicHttp:
        def sign(nonce: bytes) -> bytes:
            return sign_bytes(nonce, Context.TOKEN, self.keys.signing)

        return ClinicHttp(self.person.clinic.url, None, Credentials(self.person.device_id, sign))


class Bent:
    """The real transport, with the rows that the service shows bent on their way."""

    def __init__(self, inner: Transport, bend: Callable[[tuple[ReplyRow, ...]], tuple[ReplyRow, ...]]) -> None:
        self._inner = inner
        self._bend = bend

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = await self._inner.request(method, path, **more)
        if method != "GET":
            return answer
        page = ReplyRows.model_validate_json(answer.content)
        bent = page.model_copy(update={"replies": self._bend(page.replies)})
        return httpx.Response(200, content=bent.model_dump_json().encode())


class Town:
    def __init__(self, folder: Path) -> None:
        self.clinic = start_clinic(folder)
        self.provider = Side(folder / "provider", self.clinic, self.clinic.code)
        self.patient = Side(folder / "patient", self.clinic, self.provider.person.invite())
        root, person = self.provider.person.root, self.provider.person
        assert root is not None
        for side in (self.provider, self.patient):
            side.enrolled(root.public_key().public_bytes_raw(), person.team(1))

    def submission(self) -> str:
        blob = new_blob(100)
        deliver(self.patient.person, [blob])
        return blob.submission

    async def record(self, device_id: str) -> DeviceRecord:
        person = self.patient.person
        assert device_id == person.device_id
        return DeviceRecord(
            device_id=device_id, role=Role.PATIENT, ed25519=person.public, age_recipient=person.recipient
        )

    def run(self, scene: Callable[[ReplyBook, ReplyBook, Stores], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(100), self.provider.http() as theirs, self.patient.http() as ours:
                stores = Stores(
                    await Store.open(self.provider.profile.store_path, self.provider.secret),
                    await Store.open(self.patient.profile.store_path, self.patient.secret),
                    ours,
                )
                try:
                    provider = Member(self.provider.person.device_id, Role.PROVIDER, self.provider.keys, self.record)
                    await scene(ReplyBook(stores.provider, theirs, provider), stores.book(self), stores)
                finally:
                    await stores.provider.close()
                    await stores.patient.close()

        asyncio.run(main())


class Stores:
    def __init__(self, provider: Store, patient: Store, ours: ClinicHttp) -> None:
        self.provider, self.patient, self.ours = provider, patient, ours

    def book(self, town: Town, transport: Transport | None = None) -> ReplyBook:
        side = town.patient
        return ReplyBook(self.patient, transport or self.ours, Member(side.person.device_id, Role.PATIENT, side.keys))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    made = Town(folder)
    yield made
    made.clinic.stop()
    for side in (made.provider, made.patient):
        side.profile.close()
        assert CANARY not in every_byte(side.profile.folder)
    assert CANARY not in made.clinic.bytes_on_disk()


def texts(replies: tuple[KeptReply, ...]) -> list[str]:
    return [one.content.text for one in replies]


def test_an_answer_comes_once_and_the_provider_hears_of_it(town: Town) -> None:
    submission = town.submission()

    async def scene(provider: ReplyBook, patient: ReplyBook, stores: Stores) -> None:
        to = town.patient.person.device_id
        sent = await provider.send(submission, to, ReplyKind.QUESTION, TEXT, wants=("blob00000001",), name="Dr Ana")
        assert await provider.pending() == ()
        (come,) = await patient.fetch()
        assert (come.content, come.signer) == (sent.content, town.provider.person.device_id)
        assert (come.content.kind, come.content.wants) == (ReplyKind.QUESTION, ("blob00000001",))
        assert await patient.fetch() == ()
        assert await provider.fetch() == ()
        (told,) = await provider.replies_of(submission)
        assert told.come_at == come.come_at
        assert told.read_at is None
        await patient.mark_read(sent.content.reply)
        (read,) = await patient.replies_of(submission)
        await provider.fetch()
        (told,) = await provider.replies_of(submission)
        assert told.read_at == read.read_at
        assert read.told_read

    town.run(scene)


def test_without_a_link_all_is_kept_and_goes_once_when_it_is_back(town: Town) -> None:
    submission = town.submission()

    async def scene(provider: ReplyBook, patient: ReplyBook, stores: Stores) -> None:
        to = town.patient.person.device_id
        await provider.send(submission, to, ReplyKind.ANSWER, "first")
        await patient.fetch()
        town.clinic.kill()
        for text in ("second", "third"):
            await provider.send(submission, to, ReplyKind.ANSWER, text)
        assert texts(await provider.pending()) == ["second", "third"]
        assert texts(await provider.replies_of(submission)) == ["first", "second", "third"]
        (kept,) = await patient.replies_of(submission)
        await patient.mark_read(kept.content.reply)
        with pytest.raises(Unreachable):
            await patient.fetch()
        assert texts(await patient.replies_of(submission)) == ["first"]
        town.clinic.args = ("--port", str(town.clinic.port))
        town.clinic.start()
        await provider.fetch()
        await provider.fetch()
        assert await provider.pending() == ()
        assert texts(await patient.fetch()) == ["second", "third"]
        await provider.fetch()
        assert [one.read_at is not None for one in await provider.replies_of(submission)] == [True, False, False]
        assert len({one.number for one in await provider.replies_of(submission)} - {0}) == 3

    town.run(scene)


def test_a_lost_answer_to_a_put_sends_the_same_again(town: Town) -> None:
    submission = town.submission()

    async def scene(provider: ReplyBook, patient: ReplyBook, stores: Stores) -> None:
        inner = provider._transport

        class Losing:
            """The service has it; the answer is lost."""

            async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
                await inner.request(method, path, **more)
                raise Unreachable("cut")

        provider._transport = Losing()
        await provider.send(submission, town.patient.person.device_id, ReplyKind.ANSWER, "once")
        assert texts(await provider.pending()) == ["once"]
        provider._transport = inner
        await provider.fetch()
        assert await provider.pending() == ()
        assert texts(await patient.fetch()) == ["once"]
        assert texts(await provider.replies_of(submission)) == ["once"]

    town.run(scene)


def test_what_the_service_will_not_take_stays_and_is_named(town: Town) -> None:
    gone, kept = town.submission(), town.submission()
    assert withdraw(town.patient.person, gone).status_code == 204

    async def scene(provider: ReplyBook, patient: ReplyBook, stores: Stores) -> None:
        to = town.patient.person.device_id
        await provider.send(gone, to, ReplyKind.ANSWER, "too late")
        await provider.send(kept, to, ReplyKind.ANSWER, "in time")
        assert texts(await provider.refused()) == ["too late"]
        assert texts(await patient.fetch()) == ["in time"]
        await stores.provider.call(
            StoreCore.put_documents, "reply-out", {r.content.reply: None for r in await provider.refused()}
        )

    town.run(scene)


def test_a_lying_service_shows_nothing_false(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    submission = town.submission()

    async def scene(provider: ReplyBook, patient: ReplyBook, stores: Stores) -> None:
        to = town.patient.person.device_id
        first = await provider.send(submission, to, ReplyKind.ANSWER, "first")
        second = await provider.send(submission, to, ReplyKind.ANSWER, "second")

        def swapped(rows: tuple[ReplyRow, ...]) -> tuple[ReplyRow, ...]:
            one, two = rows
            return (one.model_copy(update={"sealed": two.sealed}), two.model_copy(update={"sealed": one.sealed}))

        assert await stores.book(town, Bent(stores.ours, swapped)).fetch() == ()
        assert await patient.replies_of(submission) == ()
        # What did not hold is not asked for again; what the service shows truly at last under a new number is taken.
        replayed = [
            ReplyRow.model_validate_json(b)
            for b in (await stores.patient.call(StoreCore.documents, UNOPENED)).values()
        ]
        true = {
            row.reply: row.model_copy(update={"sealed": other.sealed}) for row, other in (replayed, replayed[::-1])
        }
        await stores.patient.call(
            StoreCore.put_documents, UNOPENED, {n: row.model_dump_json().encode() for n, row in true.items()}
        )
        assert texts(await patient.fetch()) == ["first", "second"]

        def again(rows: tuple[ReplyRow, ...]) -> tuple[ReplyRow, ...]:
            last = max(row.number for row in true.values())
            return tuple(row.model_copy(update={"number": last + 5 + i}) for i, row in enumerate(true.values()))

        assert await stores.book(town, Bent(stores.ours, again)).fetch() == ()
        assert [one.content.reply for one in await patient.replies_of(submission)] == [
            first.content.reply,
            second.content.reply,
        ]
        back = Bent(stores.ours, lambda rows: tuple(r.model_copy(update={"number": 1}) for r in true.values()))
        with pytest.raises(BadAnswer):
            await stores.book(town, back).fetch()

    town.run(scene)
    assert sum("does not hold" in record.message for record in caplog.records) == 2
    caplog.clear()


# pure


def content(**changes: Any) -> ReplyContent:
    said = ReplyContent(
        reply="reply000001",
        submission="subm0000001",
        to=PATIENT,
        kind=ReplyKind.ANSWER,
        text="x",
        name="",
        created_at=NOW,
    )
    return said.model_copy(update=changes)


def a_row(clinic: Clinic, patient: DeviceKeys, signer: str = PROVIDER, key: Any = None, **changes: Any) -> ReplyRow:
    made = sealed_reply(content(), signer, key or clinic.provider.signing, patient.age_recipient, clinic.team())
    row = ReplyRow(number=1, reply=made.reply, submission=made.submission, to=made.to, sealed=made.sealed)
    return row.model_copy(update=changes)


def test_only_a_member_of_the_care_team_speaks_and_only_of_what_was_signed() -> None:
    clinic, patient = Clinic(), DeviceKeys.generate()
    for identity in (patient.identity, clinic.provider.identity):
        assert opened_reply(a_row(clinic, patient), identity, clinic.team()) == (PROVIDER, content())
    stranger = DeviceKeys.generate()
    bent = bytearray(a_row(clinic, patient).sealed)
    bent[-1] ^= 1
    for wrong in (
        a_row(clinic, patient, signer="stranger0001", key=stranger.signing),
        a_row(clinic, patient, key=stranger.signing),
        a_row(clinic, patient, reply="reply000002"),
        a_row(clinic, patient, submission="subm0000002"),
        a_row(clinic, patient, to="another00001"),
        a_row(clinic, patient, sealed=bytes(bent)),
        a_row(clinic, patient, sealed=b"nothing"),
    ):
        with pytest.raises(ReplyBroken):
            opened_reply(wrong, patient.identity, clinic.team())
    with pytest.raises(ReplyBroken):
        opened_reply(a_row(clinic, patient), stranger.identity, clinic.team())


def test_a_receipt_of_another_reply_or_device_does_not_count() -> None:
    from app.offline.reply_seal import sha256_of, signed_receipt

    clinic, patient = Clinic(), DeviceKeys.generate()
    row = a_row(clinic, patient)
    assert checked_receipt(row, patient.ed25519) is None

    def with_receipt(reply: str = row.reply, sha: str = "", who: str = PATIENT) -> ReplyRow:
        word = signed_receipt(reply, sha or sha256_of(row.sealed), who, patient.signing, datetime.now(UTC), read=True)
        return row.model_copy(update={"receipt": word})

    said = checked_receipt(with_receipt(), patient.ed25519)
    assert said is not None
    assert said.read
    for wrong in (with_receipt(reply="reply000002"), with_receipt(sha="0" * 64), with_receipt(who="another00001")):
        with pytest.raises(ReplyBroken):
            checked_receipt(wrong, patient.ed25519)
    with pytest.raises(ReplyBroken):
        checked_receipt(with_receipt(), DeviceKeys.generate().ed25519)


def test_the_longest_answer_fits_and_a_longer_one_is_refused_in_words() -> None:
    clinic, patient = Clinic(), DeviceKeys.generate()
    team, key = clinic.team(), clinic.provider.signing
    long = content(text="\U0001f9e6" * 8000, wants=tuple(f"blob{i:08}" for i in range(50)))
    assert len(sealed_reply(long, PROVIDER, key, patient.age_recipient, team).sealed) <= 64 * 1024
    with pytest.raises(ReplyTooLong):
        sealed_reply(content(text="\x01" * 8000), PROVIDER, key, patient.age_recipient, team)
