"""The desk at the command line (`thinline clinic`: enrolments, visits, forms), on a provider's profile."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from app.net.address import AddressError
from app.net.errors import NetError
from app.offline.errors import OfflineError
from app.offline.keys import system_ring
from app.offline.passphrase_source import FD_HELP, asker, at_terminal
from app.offline.profile import default_folder
from app.presenters.account import Account
from app.presenters.desk import Desk, DeskError, Person
from app.presenters.forms import FormListError
from app.wire.code import CodeError
from app.wire.trust import Role


def main(argv: Sequence[str]) -> int:
    """Returns 0, or 1 with one sentence on standard error."""
    options = _parser().parse_args(argv)
    try:
        answer = asyncio.run(_run(options))
    except (AddressError, CodeError, NetError, OfflineError, DeskError, FormListError, OSError) as exc:
        print(str(exc), file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(answer))
    else:
        print("\n".join(_lines(options.do, answer)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="thinline clinic")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--profile", type=Path, default=default_folder("provider"), help="the provider's profile")
    common.add_argument("--no-keyring", action="store_true", help="keep the store's key in a file (weak)")
    common.add_argument("--passphrase-fd", type=int, metavar="N", help=FD_HELP)
    common.add_argument("--json", action="store_true")
    commands = parser.add_subparsers(dest="do", required=True)
    enrol = commands.add_parser("enrol", parents=[common], help="use a provider's code here")
    enrol.add_argument("address")
    enrol.add_argument("code")
    invite = commands.add_parser("invite", parents=[common], help="make an invitation")
    invite.add_argument("role", choices=[role.value for role in Role])
    invite.add_argument("--name", required=True, help="whom it is for; sealed to the care team")
    commands.add_parser("people", parents=[common], help="who has enrolled")
    retire = commands.add_parser("retire", parents=[common], help="take a device off the care team")
    retire.add_argument("device", help="the provider's name or the device id (`thinline clinic people`)")
    visit = commands.add_parser("add-visit", parents=[common], help="put a visit on the schedule")
    visit.add_argument("--patient", required=True, help="name or device id")
    visit.add_argument("--provider", required=True, help="name or device id, or `me`")
    visit.add_argument("--provider-name", help="as the patient shall read it; needed with `me` or an id")
    visit.add_argument("--at", type=_moment, default="now", help="2026-12-24T15:30 (local time), or now")
    visit.add_argument("--minutes", type=int, default=20)
    visit.add_argument("--reason", default="")
    visit.add_argument("--phone", default="", help="the clinic's telephone number, shown when the link is gone")
    forms = commands.add_parser("add-form", parents=[common], help="put questionnaires on the clinic's list")
    forms.add_argument("files", nargs="+", type=Path, help="FHIR R4 Questionnaire, ValueSet or CodeSystem, JSON")
    gone = commands.add_parser("remove-form", parents=[common], help="take a questionnaire off the clinic's list")
    gone.add_argument("form", help="its title, address, or the beginning of its SHA-256")
    return parser


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now().astimezone() + timedelta(seconds=1)
    return datetime.fromisoformat(text).astimezone()


async def _run(options: argparse.Namespace) -> dict[str, object]:
    ring = None if options.no_keyring else system_ring()
    typed = at_terminal(asyncio.get_running_loop())
    ask = asker(options.passphrase_fd, choose=ring is not None, typed=typed)
    account = await Account.open(options.profile, ring, ask)
    try:
        if options.do == "enrol":
            await account.enrol(options.address, options.code, Role.PROVIDER)
        if not account.enrolled:
            raise DeskError("This profile is not enrolled: use a provider's code with `thinline clinic enrol` first.")
        desk = Desk(account)
        await desk.open()
        return await _do(options, account, desk)
    finally:
        await account.close()


async def _do(options: argparse.Namespace, account: Account, desk: Desk) -> dict[str, object]:
    if options.do == "enrol":
        return {"device_id": account.clinic.device_id, "holds_root": account.clinic.root_seed is not None}
    if options.do == "invite":
        code = await desk.invite(Role(options.role), options.name)
        return {"address": account.clinic.base_url, "code": code, "name": options.name}
    if options.do == "add-form":
        files = [await asyncio.to_thread(path.read_bytes) for path in options.files]
        return {"forms": [[e.sha256, e.title, e.url, e.form_version] for e in await desk.add_forms(tuple(files))]}
    if options.do == "remove-form":
        gone = await desk.remove_form(options.form)
        return {"forms": [[gone.sha256, gone.title, gone.url, gone.form_version]]}
    people = await desk.people()
    if options.do == "people":
        return {"people": [[p.device_id, p.role.value, p.name, p.vouched] for p in people]}
    if options.do == "retire":
        found = _find(people, options.device, Role.PROVIDER)
        return {"device_id": found.device_id, "name": found.name, "version": await desk.retire(found.device_id)}
    patient = _find(people, options.patient, Role.PATIENT)
    if options.provider == "me":
        provider, name = account.clinic.device_id, options.provider_name
    else:
        found = _find(people, options.provider, Role.PROVIDER)
        provider, name = found.device_id, options.provider_name or found.name
    if not name:
        raise DeskError("Please say with --provider-name how the patient shall read your name.")
    visit_id = await desk.add_visit(
        patient.device_id, provider, options.at, options.minutes, options.reason, name, options.phone
    )
    return {"visit_id": visit_id, "starts_at": options.at.isoformat(), "patient": patient.name, "provider": name}


def _find(people: Sequence[Person], text: str, role: Role) -> Person:
    found = [p for p in people if p.role is role and text in (p.device_id, p.name)]
    if not found:
        raise DeskError(f"No {role.value} called “{text}” has enrolled yet.")
    if len(found) > 1:
        raise DeskError(
            f"More than one {role.value} is called “{text}”: use the device id (`thinline clinic people`)."
        )
    return found[0]


def _lines(do: str, answer: dict[str, object]) -> list[str]:
    match do:
        case "invite":
            return [
                f"For {answer['name']}, within 14 days, on their own computer:",
                f"  Clinic address   {answer['address']}",
                f"  Code             {answer['code']}",
                "Hand it over in person, by telephone or in a letter: whoever has it can enrol in their place.",
            ]
        case "people":
            rows = answer["people"]
            assert isinstance(rows, list)
            return [f"{i}  {role:9}{name}{'' if sure else '  (not confirmed yet)'}" for i, role, name, sure in rows]
        case "retire":
            return [
                f"{answer['name']}'s device {answer['device_id']} is off the care team (list {answer['version']}).",
                "Nothing more is sealed to it. What it was sent before it can still open, if it has the files.",
            ]
        case "add-form" | "remove-form":
            forms = answer["forms"]
            assert isinstance(forms, list)
            sign = "+" if do == "add-form" else "-"
            return [
                f"{sign} {sha256[:16]}  {title}  {url} {version}".rstrip() for sha256, title, url, version in forms
            ]
        case "add-visit":
            return [f"{answer['patient']} with {answer['provider']}, {answer['starts_at']}: {answer['visit_id']}"]
    return ["This profile is enrolled." + (" It holds the clinic's root key." if answer["holds_root"] else "")]
