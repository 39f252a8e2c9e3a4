"""The object names of the page of earlier visits; as app.ui.names."""

from __future__ import annotations

OPEN_PAST = "past.open"  # on the home pages
PAST = "past"
PAST_BACK = "past.back"
PAST_TITLE = "past.title"
PAST_NONE = "past.none"
PAST_ROWS = "past.rows"
PAST_MORE = "past.more"
PAST_WHEN = "past.when"
PAST_LONG = "past.long"
PAST_REASON = "past.reason"
PAST_SAID = "past.said"
PAST_SAID_NONE = "past.said.none"
PAST_FILED = "past.filed"
PAST_FILED_NONE = "past.filed.none"
PAST_HAPPENED = "past.happened"
PAST_CARRY = "past.carry"


def row_title(visit_id: str) -> str:
    return f"past.{visit_id}.title"


def row_text(visit_id: str) -> str:
    return f"past.{visit_id}.text"


def row_says(visit_id: str) -> str:
    return f"past.{visit_id}.says"


def row_open(visit_id: str) -> str:
    return f"past.{visit_id}.open"


def says(place: int) -> str:
    """A sentence at the head of the record, counted from 0."""
    return f"past.says.{place}"


def said_text(key: str) -> str:
    return f"past.said.{key}.text"


def said_state(key: str) -> str:
    return f"past.said.{key}.state"


def filed_title(submission_id: str) -> str:
    return f"past.filed.{submission_id}.title"


def filed_open(submission_id: str) -> str:
    return f"past.filed.{submission_id}.open"
