"""A planted key comes up nowhere, in none of its forms, however a call ends.

All other tests run under a watch over the logs, see `tests/canary.py`; what it finds is tried here.
"""

import asyncio
import json
import logging
import pickle
import sys
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planado_async import (
    ApiKey,
    Planado,
    PlanadoError,
    RateLimit,
    RetryPolicy,
    WebhookError,
)
from planado_async.core.secret import Secret
from planado_async.core.transport import Call, Options
from planado_async.emulator import Emulator
from planado_async.webhooks import Webhooks
from planado_async.webhooks.events import verify
from tests import canary
from tests.core.wire import CUT, FAILED, REFUSED, Answer, Wire
from tests.planado import test_requests

KEY = "canary/9c+0e=\"7'\\%&b"  # each form of this one is another text
CANARIES = canary.Canaries(KEY)

# --- The watch ------------------------------------------------------------------------------------

SHOWING: Mapping[str, Callable[[str], str]] = {
    "text": str,
    "repr": repr,
    "bytes": lambda text: repr(text.encode()),
    "JSON": json.dumps,
    "URL": lambda text: quote(text, safe=""),
    "form": lambda text: urlencode({"key": text}),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "URL-safe base64": lambda text: urlsafe_b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("form", SHOWING)
@given(before=st.text(st.characters(codec="ascii"), max_size=9), after=st.text(max_size=9))
def test_a_secret_is_found_in_every_form(form: str, before: str, after: str) -> None:
    """Whatever stands around it when it is written so."""
    assert CANARIES.shown_in(SHOWING[form](f"{before}{KEY}{after}"))
    assert not CANARIES.shown_in(SHOWING[form](f"{before}{KEY[:-3]}{after}"))


def _failing() -> Any:
    try:
        raise ValueError(KEY)
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize(
    "shown",
    [
        {"msg": KEY},
        {"msg": "sent %r", "args": ({"X-Planado-API-Key": KEY},)},
        {"msg": "failed", "exc_info": _failing()},
        {"msg": "sent", "headers": {"Authorization": f"Bearer {KEY}"}},
    ],
    ids=["text", "arguments", "traceback", "extra"],
)
def test_the_watch_reads_all_of_a_record(shown: dict[str, Any]) -> None:
    """Text, arguments, traceback and extra fields."""
    watch = canary.Watch(CANARIES)
    watch.handle(logging.makeLogRecord({"name": "aiohttp.client", **shown}))
    assert watch.hits
    assert all(hit.startswith("aiohttp.client: ") for hit in watch.hits)


async def test_the_watch_reads_every_log(watch: canary.Watch) -> None:
    """The loggers of ours, of aiohttp and of asyncio are heard, down to DEBUG."""
    for name in ("planado_async", "aiohttp.server", "aiohttp.client", "asyncio"):
        logging.getLogger(name).debug("%s", canary.PLANTED[0])
        assert {hit.partition(":")[0] for hit in watch.hits} == {name}
        watch.hits.clear()


async def test_the_keys_of_the_suite_are_planted() -> None:
    """What the tests use as keys is what the watch looks for."""
    async with Emulator() as emulator:
        assert emulator.api_key in canary.PLANTED
    assert test_requests.KEY in canary.PLANTED
    assert min(map(len, canary.PLANTED)) >= 6


# --- Failures -------------------------------------------------------------------------------------


def shown_by(error: BaseException) -> Iterator[str]:
    """Yield all that an error tells, with the locals of its frames, and all those behind it."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    yield from told.format()
    yield from (str(error), repr(error), repr(vars(error)))
    if behind := error.__cause__ or error.__context__:
        yield from shown_by(behind)


ANSWERS = {
    **{str(status): Answer(status=status) for status in (400, 401, 403, 404, 409, 422, 418)},
    "redirect": Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "refused": REFUSED,
    "failed": FAILED,
    "cut": CUT,
    "not JSON": Answer(body=b"<html>"),
    "no job": Answer(body=b'{"job": 7, "job_uuid": 7}'),
    "not a job": Answer(body=b'{"job": {"uuid": 7}, "job_uuid": [], "jobs": [{"uuid": 7}]}'),
    "slow": Answer(after=100.0),
}
Step = Callable[[Planado], Awaitable[Any]]
STEPS: Mapping[str, Step] = {
    "get": lambda planado: planado.jobs.get("x"),
    "list": lambda planado: planado.jobs.list().collect(),
    "create": lambda planado: planado.jobs.create(description="pump", external_id="x"),
    "create without an id": lambda planado: planado.jobs.create(description="pump"),
    "update": lambda planado: planado.jobs.update("x", description="pump"),
    "bulk": lambda planado: bulk(planado),
    "deadline": lambda planado: planado.jobs.get("x", deadline=0.1),
    "write with a deadline": lambda planado: planado.jobs.update("x", deadline=0.1, description=""),
    "past": lambda planado: planado.jobs.get("x", deadline=-1.0),
    "refused here": lambda planado: planado.jobs.update("x", description="x" * 20_000),
    "no path": lambda planado: planado.request("GET", "//x"),
}


async def bulk(planado: Planado) -> None:
    (await planado.bulk(planado.jobs.get, ["x", "y"])).raise_for_failures()


def opened(url: str, header: Any = "X-Planado-API-Key", **options: Any) -> Planado:
    chosen: dict[str, Any] = {
        "rate": None,
        "timeout": 3.0,
        "retries": RetryPolicy(attempts=2, refusals=1),
        **options,
    }
    return Planado(auth=ApiKey(KEY, header), base_url=url, **chosen)


def check(error: BaseException, canaries: canary.Canaries = CANARIES) -> None:
    """Fail if an error shows the key."""
    again = pickle.loads(pickle.dumps(error))
    texts = [*shown_by(error), *shown_by(again), pickle.dumps(error).decode("latin-1")]
    assert [hit for text in texts for hit in canaries.shown_in(text)] == []


@pytest.mark.parametrize("header", ["X-Planado-API-Key", "Authorization", "X-Planado-Api-Token"])
@pytest.mark.parametrize("answer", list(ANSWERS))
async def test_no_answer_makes_an_error_show_the_key(answer: str, header: str) -> None:
    """No call that fails shows it: in text, repr, pickle, or a traceback with its locals."""
    raised = 0
    async with Wire(ANSWERS[answer]) as wire, opened(wire.url, header) as planado:
        for step in STEPS.values():
            try:
                await step(planado)
            except (PlanadoError, ExceptionGroup, ValueError) as error:
                check(error)
                raised += 1
    assert raised >= len(STEPS) - 2


async def no_connection(wire: Wire) -> None:
    async with opened("http://127.0.0.1:1/v2") as planado:
        await planado.jobs.get("x")


async def no_tls(wire: Wire) -> None:
    async with opened(wire.url.replace("http:", "https:")) as planado:
        await planado.jobs.get("x")


async def not_open(wire: Wire) -> None:
    await opened(wire.url).jobs.get("x")


async def no_budget(wire: Wire) -> None:
    async with opened(wire.url, rate=RateLimit(60, per=60.0, burst=1)) as planado:
        await planado.jobs.get("x")
        await planado.jobs.get("x", deadline=0.1)


async def cancelled(wire: Wire) -> None:
    async with opened(wire.url) as planado:
        call = asyncio.create_task(planado.jobs.get("slow"))
        await asyncio.sleep(0.1)
        call.cancel()
        await call


async def timed_out(wire: Wire) -> None:
    async with opened(wire.url) as planado, asyncio.timeout(0.1):
        await planado.jobs.get("slow")


async def closed_meanwhile(wire: Wire) -> None:
    async with opened(wire.url, rate=RateLimit(60, per=60.0, burst=1)) as planado:
        await planado.jobs.get("x")
        call = asyncio.create_task(planado.jobs.get("x"))
        await asyncio.sleep(0.1)
    await call


async def no_text(wire: Wire) -> None:
    async with opened(wire.url) as planado:
        await planado.jobs.list(after="\ud800").collect()


ENDS: Mapping[str, Callable[[Wire], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        *(no_connection, no_tls, not_open, no_budget),
        *(cancelled, timed_out, closed_meanwhile, no_text),
    )
}
RAISED = (PlanadoError, asyncio.CancelledError, TimeoutError, UnicodeError)


@pytest.mark.parametrize("end", list(ENDS))
async def test_no_end_of_a_call_shows_the_key(end: str) -> None:
    """Set-up, budget, and callers that give up."""
    slow = Answer(after=0.5, body=b'{"job": {"uuid": "x"}}')
    async with Wire(slow) as wire:
        with pytest.raises(RAISED) as caught:
            await ENDS[end](wire)
    check(caught.value)


def test_a_webhook_that_is_refused_shows_no_secret() -> None:
    """The error tells neither the secret nor what was sent in its place."""
    with pytest.raises(WebhookError) as caught:
        verify(((b"X-Planado-Secret", b"else"),), (Secret(KEY),))
    check(caught.value)


# --- Objects --------------------------------------------------------------------------------------


async def test_no_object_shows_the_key() -> None:
    """Not what holds it, nor what is made with it: in repr, text, format, parts or pickle."""
    async with opened("http://127.0.0.1:1/v2") as planado:
        transport = planado._transport
        call = Call(method="GET", route="/jobs", path="/jobs", effect="read", options=Options())
        hooks = Webhooks(":memory:", secret=[KEY, "else"])
        holders = (planado, planado.with_options(deadline=1.0), planado.jobs, transport)
        for each in (*holders, transport._auth, call, call.options, hooks, Secret(KEY)):
            parts = vars(each) if hasattr(each, "__dict__") else {}
            shown = f"{each} {each!r} {each!s} {parts} {pickled(each)}"
            assert not CANARIES.shown_in(shown), type(each)


def pickled(each: object) -> str:
    """Return the pickle of an object as text, or nothing if it refuses."""
    try:
        return pickle.dumps(each).decode("latin-1")
    except (TypeError, AttributeError, pickle.PicklingError):
        return ""
