"""A table's row: a method, the one request it sends, what it makes of the answer."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

import aioresponses
import orjson
import pytest
from attrs import field, frozen

from planado_async.core.errors import BadRequestError, ConflictError, NotFoundError, ScopeError
from planado_async.core.limiter import LocalLimiter
from planado_async.core.resource import ClientOptions
from planado_async.core.retry import RetryPolicy
from planado_async.core.transport import USER_AGENT, Transport
from planado_async.emulator import Emulator
from planado_async.planday.models import PlandayModel
from planado_async.planday.resources import Resource
from tests.planday.conftest import Granted, limited, opened

BASE_URL = "https://openapi.planday.com"
APP_ID, TOKEN = "app-1", "token-1"

GroupT = TypeVar("GroupT", bound=Resource)


@frozen(kw_only=True)
class Row(Generic[GroupT]):
    """One operation: how it is called, what it sends, what it makes of the answer.

    An `answer` of None is a 204. `scope` may name several, with a blank between them.
    """

    name: str
    call: Callable[[GroupT], Awaitable[Any]]
    scope: str | None = None
    sends: str
    query: Mapping[str, str] = field(factory=dict)
    body: Any = None
    answer: Any = None
    gives: Any = None


def named(rows: Iterable[Row[Any]]) -> list[Any]:
    """The rows as parameters of a test."""
    return [pytest.param(row, id=f"{row.name}-{number}") for number, row in enumerate(rows)]


def operations(group: type[Resource]) -> set[str]:
    """The methods of a group, each of which needs a row."""
    members = inspect.getmembers(group, callable)
    return {name for name, _ in members if not name.startswith("_")}


async def check(row: Row[Any], group: type[Resource]) -> None:
    """Fail unless an operation sends exactly its request, and reads and keeps the answer."""
    method, path = row.sends.split(" ", 1)
    status, content = (204, b"") if row.answer is None else (200, orjson.dumps(row.answer))
    with aioresponses.aioresponses() as server:
        server.add(re.compile(""), method, status=status, body=content)
        transport = Transport(
            base_url=BASE_URL,
            auth=Granted(APP_ID, TOKEN),
            limiter=LocalLimiter(None),
            retries=RetryPolicy(),
        )
        await transport.open()
        try:
            given = await row.call(group(transport, ClientOptions()))
        finally:
            await transport.close()
    assert given == row.gives
    _check_raw(given, row.answer)
    ((sent_method, url), (request,)) = next(iter(server.requests.items()))
    assert len(server.requests) == 1
    assert (sent_method, url.raw_path) == (method, path)
    assert str(url.origin()) == BASE_URL
    assert dict(url.query) == row.query
    assert len(url.query) == len(row.query)
    body = request.kwargs["data"]
    assert (body if body is None else orjson.loads(body)) == row.body
    assert request.kwargs["headers"] == {
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        "Authorization": f"Bearer {TOKEN}",
        "X-ClientId": APP_ID,
        **({} if body is None else {"Content-Type": "application/json"}),
    }


def _check_raw(given: Any, answer: Any) -> None:
    """Fail unless every model carries the JSON object it was read from."""
    sent = answer["data"] if isinstance(answer, dict) else answer
    items = zip(given, sent, strict=True) if isinstance(given, list) else [(given, sent)]
    for item, received in items:
        if isinstance(item, PlandayModel):
            assert item.raw == received


async def check_scope(row: Row[Any], group: type[Resource], emulator: Emulator) -> None:
    """Fail unless an operation needs the scope it names, and no other."""
    assert row.scope is not None
    async with opened(emulator, limited(emulator, "payroll:read")) as transport:
        with pytest.raises(ScopeError, match=f"needs the scope '{row.scope}'") as caught:
            await row.call(group(transport, ClientOptions()))
    assert caught.value.scope == row.scope
    async with opened(emulator, limited(emulator, *row.scope.split())) as transport:
        with suppress(BadRequestError, ConflictError, NotFoundError):
            await row.call(group(transport, ClientOptions()))
