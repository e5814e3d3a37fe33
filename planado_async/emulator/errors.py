"""The answers of 4xx."""

from collections.abc import Mapping
from typing import Any

Errors = Mapping[str, list[str]]


class EmulatorError(Exception):
    """What was asked cannot be done; holds the answer that says why."""

    def __init__(self, status: int, message: str, errors: Errors | None = None) -> None:
        super().__init__(status, message, errors)
        self.status = status
        self.message = message
        self.errors = errors

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON object."""
        if self.errors is None:
            return {"message": self.message}
        return {"message": self.message, "errors": dict(self.errors)}


def invalid(errors: Errors) -> EmulatorError:
    """The answer to fields that break their rules."""
    return EmulatorError(422, "Cannot process request", errors)


def not_found() -> EmulatorError:
    """The answer to an id nothing is known by."""
    return EmulatorError(404, "Not found")
