"""PURE: docs/benchmarks.md, in which each part of the benchmark owns a marked section and leaves the others alone."""

from __future__ import annotations

from collections.abc import Sequence

Row = tuple[str, ...]

_TITLE = "# Benchmarks\n\nWritten by `make bench` (docs/measuring.md says how). Compare lines of one run, not runs.\n"


class BadDocument(ValueError):
    """The document's marks do not fit together; the sentence says which."""


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- bench {name} begin -->", f"<!-- bench {name} end -->"


def section(text: str, name: str) -> str | None:
    """What stands between the marks of `name`; None if it has no section. Raises BadDocument."""
    begin, end = _marks(name)
    if begin not in text and end not in text:
        return None
    head, opened, rest = text.partition(begin)
    body, closed, _ = rest.partition(end)
    if not opened or not closed or end in head:
        raise BadDocument(f"the marks of section {name} are not a pair")
    return body.strip("\n")


def with_section(text: str, name: str, body: str) -> str:
    """The document with that section replaced, or put at its end. Without any marks the document is begun anew."""
    begin, end = _marks(name)
    whole = f"{begin}\n{body.strip()}\n{end}\n"
    if section(text, name) is not None:
        head, _, rest = text.partition(begin)
        after = rest.partition(end)[2].lstrip("\n")
        return head + whole + (f"\n{after}" if after else "")
    kept = text if "<!-- bench " in text else _TITLE
    return f"{kept.rstrip()}\n\n{whole}"


def table(header: Row, rows: Sequence[Row]) -> str:
    """A Markdown table. Raises ValueError if a row has not the header's width."""
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row of {len(row)} cells under a header of {len(header)}")
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def rows_of(body: str, header: Row) -> list[Row]:
    """The rows of the first table with that header in a section; none if it has another."""
    rows: list[Row] = []
    inside = False
    for line in body.splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|")) if line.startswith("|") else ()
        if cells == header:
            inside = True
        elif inside and not cells:
            break
        elif inside and len(cells) == len(header) and set(cells[0]) != {"-"}:
            rows.append(cells)
    return rows


def merged(old: Sequence[Row], new: Sequence[Row], order: Sequence[str]) -> list[Row]:
    """By first cell: new rows in place of old ones, sorted as in `order`; old rows that `order` does not name go."""
    by_name = {row[0]: row for row in (*old, *new)}
    return [by_name[name] for name in order if name in by_name]
