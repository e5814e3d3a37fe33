"""A string that does not show itself."""

import hmac
from typing import NoReturn


class Secret:
    """Holds a key, token or webhook secret that repr, str, format and pickle do not show.

    Only `reveal` gives the text back, so a search for that word finds every place that uses it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._value

    def matches(self, candidate: bytes) -> bool:
        """Tell in constant time whether `candidate`, bytes as received, is this secret."""
        # Bytes, because compare_digest raises on a str that is not ASCII.
        return hmac.compare_digest(self._value.encode("utf-8", "surrogatepass"), candidate)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self.matches(other.reveal().encode("utf-8", "surrogatepass"))

    def __hash__(self) -> int:
        raise TypeError("a Secret has no hash: in a log it would tell one from another")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass the key anew where it is needed")
