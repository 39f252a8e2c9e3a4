"""Random identifiers, in the form of :data:`app.wire.base.Id`."""

from __future__ import annotations

import secrets

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_id() -> str:
    """24 letters and digits: 124 random bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(24))
