"""The tree of errors, and how an answer becomes one of them."""

import copy
import pickle
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planado_async.core import errors
from planado_async.core.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    BudgetWaitError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PlanadoError,
    RateLimitError,
    ReauthorisationRequiredError,
    RedirectRefusedError,
    ServerError,
    UnexpectedResponseError,
    ValidationError,
    error_for,
    is_refusal,
    retry_after_of,
)


def every_class() -> Iterator[type[PlanadoError]]:
    """Walk over the tree as it is in the code."""
    waiting: list[type[PlanadoError]] = [PlanadoError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__ == errors.__name__:
            yield kind
        waiting += kind.__subclasses__()


def drawn_tree() -> dict[str, str]:
    """Return child and parent of every line of the drawing."""
    parents: dict[str, str] = {}
    above = ["PlanadoError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r" {4}([│ ]*)[├└]─ (\w+)", line):
            depth = len(found[1]) // 3 + 1
            parents[found[2]] = above[depth - 1]
            above[depth:] = [found[2]]
    return parents


def test_the_drawing_shows_every_class_under_its_parent() -> None:
    """What the module's docstring draws is what the classes are."""
    built = {kind.__name__: kind.__bases__[0].__name__ for kind in every_class()}
    assert built.pop("PlanadoError") == "Exception"
    assert drawn_tree() == built


EVERY_CLASS = list(every_class())


def sample(kind: type[PlanadoError]) -> PlanadoError:
    """Return an error of this class with everything set."""
    keywords: dict[str, Any] = {}
    if issubclass(kind, APIError):
        keywords = {"status": 418, "details": {"errors": {"a": ["b"]}}, "request_id": "r-1"}
    elif kind is BudgetWaitError:
        keywords = {"eta": 12.5}
    elif kind is OutcomeUnknownError:
        keywords = {"method": "POST", "path": "/jobs", "sent": {"external_id": "wo-77"}}
    elif kind is ReauthorisationRequiredError:
        keywords = {"portal": "acme", "app_id": "a-1", "scopes": ("shift:read",)}
    error = kind("what went wrong", **keywords)
    error.retryable, error.retry_after = not kind.retryable, 3.5
    error.attempts, error.waited = 4, 7.25
    error.add_note("GET /jobs/{id}")
    return error


@pytest.mark.parametrize("kind", EVERY_CLASS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles_with_all_it_knows(kind: type[PlanadoError], protocol: int) -> None:
    """An error that crosses a process keeps its class, text, notes and attributes."""
    error = sample(kind)
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is kind
    assert (again.args, vars(again)) == (error.args, vars(error))
    assert again.__notes__ == ["GET /jobs/{id}"]


@pytest.mark.parametrize("kind", EVERY_CLASS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_every_error_can_be_copied(kind: type[PlanadoError], duplicate: Any) -> None:
    """A copy equals its original in class, text and attributes."""
    error = sample(kind)
    again = duplicate(error)
    assert (type(again), again.args, vars(again)) == (kind, error.args, vars(error))


def test_a_fresh_error_knows_nothing_yet() -> None:
    """The attributes that transport fills are there from the beginning."""
    error = PlanadoError("text")
    assert (error.retryable, error.retry_after, error.attempts, error.waited) == (False, None, 0, 0)


TAKEN = (
    b'{"message": "Cannot process request", '
    b'"errors": {"external_id": ["is used by another entity"]}}'
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "shown"),
    [
        (400, b'{"message": "no JSON"}', BadRequestError, "400: no JSON"),
        (401, b"", AuthenticationError, "401, with no details"),
        (403, b"null", PermissionDeniedError, "403, with no details"),
        (404, b'{"status": "not found"}', NotFoundError, "404: status: not found"),
        (404, b"{}", NotFoundError, "404, with no details"),
        (404, b"[]", NotFoundError, "404, with no details"),
        (409, b"busy", ConflictError, "409: busy"),
        (422, TAKEN, ConflictError, "422: Cannot process request; external_id: is used by another"),
        (422, b'{"errors": {"a": "x", "b": ["y", "z"]}}', ValidationError, "a: x; b: y, z"),
        (422, b'{"errors": {"a": {"b": {"c": "deep"}}}}', ValidationError, "a: b: c: deep"),
        (422, b'{"details": ["one", "two"]}', ValidationError, "422: details: one, two"),
        (422, b'["one", "two"]', ValidationError, "422: one, two"),
        (422, b'"is used by another entity"', ConflictError, "422: is used by another entity"),
        (422, b"false", ValidationError, "422: False"),
        (422, b"7", ValidationError, "422: 7"),
        (429, b"Rate Limit Exceeded", RateLimitError, "429: Rate Limit Exceeded"),
        (429, b'{"message": "slow down"}', RateLimitError, "429: slow down"),
        (429, b"", RateLimitError, "429, with no details"),
        (418, b"teapot", APIError, "418: teapot"),
        (500, b"<html><h1>Oops</h1></html>", ServerError, "500: <html><h1>Oops</h1></html>"),
        (503, b"Rate Limit", ServerError, "503: Rate Limit"),
        (599, b"\xff\xfe", ServerError, "599: \ufffd\ufffd"),
        (302, b"", RedirectRefusedError, "redirects to 'nowhere'"),
        (304, b"", RedirectRefusedError, "304: "),
        (200, b"Rate Limit Exceeded", RateLimitError, "200: Rate Limit Exceeded"),
        (201, b"  your RATE LIMIT is spent", RateLimitError, "201: your RATE LIMIT is spent"),
        (200, b'"Rate Limit"', RateLimitError, "200: Rate Limit"),
        (200, b"<html>rate limit</html>", RateLimitError, "200: <html>"),
        (200, b"<html></html>", UnexpectedResponseError, "not a JSON object: '<html></html>'"),
        (200, b'{"cut": "rate limit', UnexpectedResponseError, "200: the body is not a JSON"),
        (200, b"7", UnexpectedResponseError, "200: the body is not a JSON object: '7'"),
    ],
)
def test_an_answer_becomes_the_error_it_stands_for(
    status: int, body: bytes, kind: type[PlanadoError], shown: str
) -> None:
    """Status and body decide the class, and str() shows what the API said."""
    error = error_for(status, {}, body)
    assert type(error) is kind
    assert shown in str(error)
    if isinstance(error, APIError):
        assert error.status == status


def test_an_api_error_keeps_details_and_request_id() -> None:
    """The parsed body and the request's id are there for programs."""
    error = error_for(422, {"X-Request-Id": "r-9"}, TAKEN)
    assert isinstance(error, APIError)
    assert error.request_id == "r-9"
    assert error.details["errors"] == {"external_id": ["is used by another entity"]}


def test_details_leave_out_what_is_not_a_detail() -> None:
    """Of a JSON object the keys that explain are kept, and all of it if there are none."""
    explained = error_for(400, {}, b'{"message": "m", "trace": "t", "errors": {}}')
    other = error_for(400, {}, b'{"status": "s"}')
    assert isinstance(explained, APIError)
    assert isinstance(other, APIError)
    assert (explained.details, other.details) == ({"message": "m"}, {"status": "s"})


def test_a_long_text_is_cut() -> None:
    """A page of HTML does not fill the log."""
    assert len(str(error_for(500, {}, b"x" * 100_000))) < 600
    assert len(str(error_for(200, {}, b"x" * 100_000))) < 600


@pytest.mark.parametrize("depth", [5, 60, 500, 1000])
@pytest.mark.parametrize("open_close", [(b"[", b"]"), (b'{"errors":', b"}")])
def test_deep_json_is_survived(depth: int, open_close: tuple[bytes, bytes]) -> None:
    """However deep an error's body nests, the error is made, shown, copied and pickled."""
    opened, closed = open_close
    error = error_for(422, {}, opened * depth + b"1" + closed * depth)
    assert type(error) is ValidationError
    assert len(str(error)) < 2000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(copy.deepcopy(error)) == str(error)


@given(
    status=st.integers(100, 599),
    body=st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["message", "errors", "details", "x"]), inner)
            ),
            max_leaves=9,
        ).map(orjson.dumps),
    ),
)
def test_any_answer_becomes_an_error_that_pickles(status: int, body: bytes) -> None:
    """No status and no body makes error_for fail."""
    error = error_for(status, {}, body)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("120", 120.0),
        ("121", 120.0),
        ("3600", 120.0),
        ("3600.1", None),
        ("1e9", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_bounded(header: str, seconds: float | None) -> None:
    """A wait that is absurd or unreadable is ignored, a long one is cut to two minutes."""
    assert retry_after_of({"Retry-After": header}) == seconds
    assert error_for(429, {"Retry-After": header}, b"").retry_after == seconds


def test_without_retry_after_there_is_none() -> None:
    """An answer without the header asks for nothing."""
    assert retry_after_of({}) is None


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (429, b'{"jobs": []}', True),
        (200, b"Rate Limit", True),
        (204, b"rate limit", True),
        (200, b'{"description": "the rate limit of the pump"}', False),
        (200, b'  {"description": "rate limit"', False),
        (200, b'["rate limit"]', False),
        (200, b"x" * 600 + b"rate limit", False),
        (200, b"", False),
        (403, b"rate limit", False),
    ],
)
def test_only_text_is_a_refusal(status: int, body: bytes, refusal: bool) -> None:
    """The refusal's words inside a JSON object are data."""
    assert is_refusal(status, body) is refusal


def test_a_redirect_shows_where_it_points() -> None:
    """The target is in the text, cut if it is long, and nothing retries it."""
    error = error_for(307, {"Location": "http://elsewhere.test/" + "x" * 900}, b"")
    assert "http://elsewhere.test/xx" in str(error)
    assert len(str(error)) < 600
    assert not error.retryable
