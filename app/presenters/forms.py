"""The clinic's list of forms on the root's device: adding and taking away, each time signed anew."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.offline.forms.library import KIND, LIST, Library, entry_of
from app.offline.store import StoreCore
from app.presenters.account import Account
from app.wire import API
from app.wire.forms import MAX_FORMS, FormEntry, FormSet
from app.wire.signed import Context, sign


class FormListError(Exception):
    """The list cannot be changed so; `str()` is a sentence for a person."""


async def add_forms(account: Account, root: Ed25519PrivateKey, files: tuple[bytes, ...]) -> tuple[FormEntry, ...]:
    """Uploads definitions, then puts them on the list; one of the same address and version takes the other's place.

    Returns the new entries. Raises FormBroken, NetError or :class:`FormListError`; may be repeated after any of them.
    """
    new = {entry_of(data): data for data in files}
    forms = [entry for entry in await _listed(account) if not any(_same(entry, one) for one in new)]
    if len(forms) + len(new) > MAX_FORMS:
        raise FormListError(f"The clinic's list can hold {MAX_FORMS} forms.")
    for entry, data in new.items():
        await account.http.request(
            "PUT",
            f"{API}/forms/{entry.sha256}",
            content=data,
            headers={"Content-Type": "application/fhir+json"},
        )
    await _publish(account, root, (*forms, *new))
    return tuple(new)


async def remove_form(account: Account, root: Ed25519PrivateKey, name: str) -> FormEntry:
    """Takes the form called `name` (title, address, or the beginning of its SHA-256) off the list."""
    listed = await _listed(account)
    found = [e for e in listed if name in (e.title, e.url) or (len(name) >= 8 and e.sha256.startswith(name))]
    if not found:
        raise FormListError(f"No form called “{name}” is on the clinic's list.")
    if len(found) > 1:
        raise FormListError(f"More than one form is called “{name}”: use the beginning of its SHA-256.")
    await _publish(account, root, tuple(entry for entry in listed if entry != found[0]))
    return found[0]


async def listed_forms(account: Account) -> tuple[FormEntry, ...]:
    """The clinic's list as it is now. Raises NetError."""
    return await _listed(account)


async def _listed(account: Account) -> tuple[FormEntry, ...]:
    known = await _known(account)
    return known.forms if known is not None else ()


async def _known(account: Account) -> FormSet | None:
    library = Library(account.store, account.clinic.root_key)
    await library.refresh(account.http)
    return await library.form_set()


async def _publish(account: Account, root: Ed25519PrivateKey, forms: tuple[FormEntry, ...]) -> None:
    library = Library(account.store, account.clinic.root_key)
    known = await library.form_set()
    version = known.version + 1 if known is not None else 1
    signed = sign(FormSet(version=version, issued_at=datetime.now(UTC), forms=forms), Context.FORMS, root)
    await account.http.request("PUT", f"{API}/forms", json=signed)
    await account.store.call(StoreCore.put_documents, KIND, {LIST: signed.model_dump_json().encode()})


def _same(one: FormEntry, two: FormEntry) -> bool:
    """A new file of the same address and version replaces; one without an address only its own bytes."""
    if one.url and two.url:
        return (one.url, one.form_version) == (two.url, two.form_version)
    return one.sha256 == two.sha256
