"""What people read about the clinic and about devices."""

import itertools

import pytest

from app.net.errors import Unreachable
from app.presenters.sentences import clinic_sentence, device_sentence, visit_over
from app.presenters.views import Level


def test_the_clinic():
    assert "Looking" in clinic_sentence(None, known=False).text
    assert clinic_sentence(None, known=True).level is Level.GOOD
    assert clinic_sentence(Unreachable(), known=True) == (clinic_sentence(Unreachable("other detail"), known=True))


def test_devices_name_every_state():
    for kind, state in itertools.product(("camera", "microphone", "speaker"), ("ready", "missing", "busy", "failed")):
        sentence = device_sentence(kind, state, "Dr Lee")
        assert (sentence is None) == (state == "ready")
    with pytest.raises(KeyError):
        device_sentence("camera", "sulking")


def test_why_a_visit_is_over():
    assert visit_over("Dr Lee", forged=False).text == "Dr Lee has ended the visit."
    assert visit_over("Dr Lee", forged=True).level is Level.BAD
