"""What every view is made of: a sentence for a person, and how urgent it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How urgent a sentence is; never shown by colour alone."""

    GOOD = "good"
    NOTE = "note"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Sentence:
    text: str
    level: Level
