"""What outside models refuse, so that nothing behind them has to."""

import pytest
from pydantic import ValidationError

from app.wire.trust import InvitationLabel, device_id_of
from app.wire.visits import IceConfig


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-11-22T10:00:00", "soon"],
)
def test_far_and_zoneless_times_are_refused(moment):
    with pytest.raises(ValidationError):
        InvitationLabel.model_validate({"code": "c", "name": "n", "created_at": moment})


def test_an_error_quotes_no_content():
    with pytest.raises(ValidationError) as caught:
        InvitationLabel.model_validate({"code": "c", "name": "Ann Example" * 30, "created_at": "2026-11-22T10:00:00Z"})
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "turn:", "http://x", "turn:a b", "turn:x?transport=sctp", "turn:" + "x" * 300])
def test_an_ice_url_that_is_none_is_refused(url):
    with pytest.raises(ValidationError):
        IceConfig.model_validate({"servers": [{"urls": [url]}]})


@pytest.mark.parametrize(
    "url", ["stun:stun.example", "turn:turn.example:3478?transport=udp", "turns:[2001:db8::1]:443?transport=tcp"]
)
def test_ice_urls_as_they_are_written(url):
    assert IceConfig.model_validate({"servers": [{"urls": [url]}]}).servers[0].urls == (url,)


def test_an_id_belongs_to_its_keys():
    first = device_id_of(b"k" * 32, "age1x")
    assert first == device_id_of(b"k" * 32, "age1x")
    assert len({first, device_id_of(b"l" * 32, "age1x"), device_id_of(b"k" * 32, "age1y")}) == 3
    assert len(first) == 40
