"""What can go wrong with a questionnaire, as types; `str()` of each is a sentence fit for a screen."""

from __future__ import annotations

from app.offline.errors import OfflineError


class FormBroken(OfflineError):
    """The bytes are no FHIR R4 Questionnaire, or one that breaks its own rules."""

    sentence = "This questionnaire cannot be opened here. Please tell your clinic."


class FormTooLarge(FormBroken):
    """More bytes, items, options or depth than :mod:`app.offline.forms.read` takes."""

    sentence = "This questionnaire is too large to be opened here. Please tell your clinic."


class ResponseBroken(OfflineError):
    """The bytes are no FHIR R4 QuestionnaireResponse."""

    sentence = "These answers cannot be read: the file was damaged or altered."


class FormMissing(OfflineError):
    """A definition that the signed list names is not on this device yet."""

    sentence = "This questionnaire is not on this computer yet. It comes with the next connection."
