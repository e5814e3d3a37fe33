"""The header that carries the key."""

import pytest

from planado_async.core.auth import ApiKey, KeyHeader
from planado_async.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Planado-API-Key", "k-1"),
        ("Authorization", "Bearer k-1"),
        ("X-Planado-Api-Token", "k-1"),
    ],
)
async def test_each_form_sends_one_header(header: KeyHeader, value: str) -> None:
    """The key goes out in the header asked for, and in no other."""
    assert await ApiKey("k-1", header).headers() == {header: value}


async def test_the_default_header() -> None:
    """Without a word, the key goes into Planado's own header."""
    assert await ApiKey("k-1").headers() == {"X-Planado-API-Key": "k-1"}


@pytest.mark.parametrize(
    "key", ["", " ", "k 1\n", "k-1\n", " k-1", "k\r\nX: y", "ключ", "k\x00", "k\x7f"]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    """A key that would break a header is refused, with what to set and without showing it."""
    with pytest.raises(ConfigurationError, match=r"api_key= or set PLANADO_API_KEY") as caught:
        ApiKey(key)
    assert not key.strip() or key.strip() not in str(caught.value)


def test_repr_hides_the_key() -> None:
    """Printed, it tells the header and not the key."""
    assert repr(ApiKey("canary")) == "ApiKey(Secret('***'), 'X-Planado-API-Key')"
