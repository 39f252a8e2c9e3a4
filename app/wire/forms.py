"""The clinic's questionnaires: a list that the root has signed; each definition is named by its SHA-256."""

from __future__ import annotations

from pydantic import Field

from app.wire.base import Sha256Hex, UtcTime, WireModel

MAX_FORM_BYTES = 1024 * 1024
MAX_FORMS = 200


class FormEntry(WireModel):
    """`url` and `form_version` as in the FHIR R4 Questionnaire, whose bytes have this SHA-256.

    GET and PUT /v1/forms/{sha256} (`application/fhir+json`, MAX_FORM_BYTES at most).
    """

    url: str = Field(max_length=500)
    form_version: str = Field(default="", max_length=100)
    title: str = Field(max_length=300)
    sha256: Sha256Hex
    size: int = Field(ge=2, le=MAX_FORM_BYTES)


class FormSet(WireModel):
    """GET and PUT /v1/forms: Signed by the root (Context.FORMS). A lower version than one already seen is refused."""

    version: int = Field(ge=1)
    issued_at: UtcTime
    forms: tuple[FormEntry, ...] = Field(max_length=MAX_FORMS)
