import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.wire.base import b64decode, b64encode
from app.wire.signed import Context, SignatureError, Signed, sign, verify
from app.wire.trust import ChallengeRequest

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
DOCUMENT = ChallengeRequest(device_id="abcdefgh12")


def test_a_signed_document_comes_back():
    signed = Signed.model_validate_json(sign(DOCUMENT, Context.VISIT, KEY).model_dump_json())
    assert verify(signed, Context.VISIT, PUBLIC, ChallengeRequest) == DOCUMENT


def test_a_signature_serves_one_purpose_alone():
    signed = sign(DOCUMENT, Context.VISIT, KEY)
    with pytest.raises(SignatureError):
        verify(signed, Context.RECEIPT, PUBLIC, ChallengeRequest)


def test_another_key_does_not_fit():
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(SignatureError):
        verify(sign(DOCUMENT, Context.VISIT, KEY), Context.VISIT, other, ChallengeRequest)


@given(st.data())
def test_any_flipped_bit_is_noticed(data):
    signed = sign(DOCUMENT, Context.VISIT, KEY)
    field = data.draw(st.sampled_from(["payload", "signature"]))
    changed = bytearray(getattr(signed, field))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SignatureError):
        verify(signed.model_copy(update={field: bytes(changed)}), Context.VISIT, PUBLIC, ChallengeRequest)


def test_a_signed_thing_of_another_shape_is_refused():
    with pytest.raises(SignatureError):
        verify(sign(DOCUMENT, Context.VISIT, KEY), Context.VISIT, PUBLIC, Signed)


@given(st.binary(max_size=200))
def test_base64url_round_trip(data):
    assert b64decode(b64encode(data)) == data


@pytest.mark.parametrize("text", ["a", "a b", "ü", "====", "a=a"])
def test_what_is_not_base64url_is_refused(text):
    with pytest.raises(ValueError, match="base64url"):
        b64decode(text)
