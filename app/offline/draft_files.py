"""Answers that are files of the same draft: an attachment's `url` names the part ("urn:uuid:", RFC 9562), so that a
photo and the answer that it is go together. Responses are FHIR JSON, as a draft holds them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from app.offline.forms.fhir_json import Json, JsonError, read_object, write_object
from app.offline.forms.response import Status
from app.wire.forms import MAX_FORM_BYTES

_FILE = "urn:uuid:"


def file_address(blob: str) -> str:
    """What an answer calls the part `blob` (32 hex digits)."""
    return _FILE + str(uuid.UUID(blob))


def files_in(response: str) -> frozenset[str]:
    """The blob ids that answers name; nothing for what is no response."""
    if _FILE not in response:
        return frozenset()
    try:
        return frozenset(_named(read_object(response.encode("utf-8", "replace"), MAX_FORM_BYTES)))
    except JsonError:
        return frozenset()


def without_file(response: str, blob: str) -> str:
    """Without the answers that name the part: the response is in progress again, for its question may need one.

    What does not name it comes back as it was.
    """
    if blob not in files_in(response):
        return response
    left = _without(read_object(response.encode(), MAX_FORM_BYTES), blob)
    return write_object({**left, "status": Status.IN_PROGRESS.value}).decode()


def _named(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        blob = _blob_of(value)
        if blob:
            yield blob
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _blob_of(answer: Json) -> str:
    attachment = answer.get("valueAttachment") if isinstance(answer, dict) else None
    url = attachment.get("url") if isinstance(attachment, dict) else None
    if not isinstance(url, str) or not url.startswith(_FILE):
        return ""
    return url.removeprefix(_FILE).replace("-", "")


def _without(value: Json, blob: str) -> Json:
    """A question that has no other answer goes whole; the rows of groups stay, for they are counted."""
    if isinstance(value, list):
        left = [(inner, _without(inner, blob)) for inner in value if _blob_of(inner) != blob]
        return [after for before, after in left if not _emptied(before, after)]
    if not isinstance(value, dict):
        return value
    found = {name: _without(inner, blob) for name, inner in value.items()}
    return {name: inner for name, inner in found.items() if inner != [] or value[name] == []}


def _emptied(before: Json, after: Json) -> bool:
    return isinstance(before, dict) and "answer" in before and not after.keys() & {"answer", "item"}
