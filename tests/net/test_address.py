import pytest

from app.net.address import AddressError, base_url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("clinic.example", "https://clinic.example:8443"),
        (" clinic.example:9000/ ", "https://clinic.example:9000"),
        ("https://clinic.example:8443", "https://clinic.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "https://[::1]:8000"),
    ],
)
def test_what_people_type(typed, url):
    assert base_url(typed) == url


@pytest.mark.parametrize(
    "typed",
    ["", "two words", "http://clinic.example", "ftp://clinic.example", "clinic:99999999", "https://a/b", "u@h:1"],
)
def test_what_is_no_address_is_said_in_words(typed):
    with pytest.raises(AddressError, match=r"address"):
        base_url(typed)
