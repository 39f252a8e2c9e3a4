"""Finding the clinic's address and the enrolment code in what a person typed or pasted. Pure; believes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_GAP = rf"(?:[ \t]*[{_DASHES}][ \t]*\r?\n?[ \t]*|[ \t]+)"
_CODE = re.compile(rf"(?<![{_DASHES}\w])[0-9A-Za-z]{{4}}(?:{_GAP}[0-9A-Za-z]{{4}}){{7,15}}(?![0-9A-Za-z])")
_SOLID = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Za-z]*[0-9])[0-9A-Za-z]{32,64}(?![0-9A-Za-z])")
_URL = re.compile(r"https?://[^\s<>\"'()\[\]]+", re.IGNORECASE)
_HOST = re.compile(r"(?<![\w@/.-])((?:[0-9A-Za-z-]+\.)+[0-9A-Za-z-]{2,}(?::\d{1,5})?|[0-9A-Za-z.-]+:\d{2,5})(?![\w@])")


@dataclass(frozen=True)
class Invitation:
    """What was found; an empty text is what was not."""

    address: str
    code: str


def find_invitation(text: str) -> Invitation:
    """Looks in any text of at most 10,000 characters (the rest is not read) for an address and a code."""
    text = text[:10_000]
    urls = _URL.findall(text)
    rest = _URL.sub(" ", text)
    address = urls[0].rstrip(".,;:!?") if urls else ""
    match = _CODE.search(rest) or _SOLID.search(rest)
    code = group_code(match.group()) if match else ""
    if not address:
        without = rest.replace(match.group(), " ") if match else rest
        host = _HOST.search(without)
        address = host.group(1).rstrip(".") if host else ""
    return Invitation(address, code)


def group_code(text: str) -> str:
    """Writes a code as it stands in an invitation: capitals in groups of four with hyphens.

    Leaves every other character where it is, so that a mistake stays visible instead of vanishing.
    """
    letters = "".join(c for c in text.upper() if not c.isspace() and c not in _DASHES)
    return "-".join(letters[i : i + 4] for i in range(0, len(letters), 4))
