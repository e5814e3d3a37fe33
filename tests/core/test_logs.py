"""What the log says of a call, and what it never says."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeAlias

import pytest

from planado_async import LocalLimiter, Planado, RateLimit, RetryPolicy
from planado_async.core.auth import Auth
from planado_async.core.errors import PlanadoError, RateLimitError
from planado_async.core.telemetry import SHOWN_HEADERS, Begun, CallObserver, Ended, Failed
from planado_async.core.transport import Call, Options
from tests.canary import WATCHED
from tests.core.planted import PLANTED, a_bad_day
from tests.core.wire import CUT, FAILED, KEY, REFUSED, Answer, Wire, opened

LINE = re.compile(
    r"call (?P<id>[0-9a-f]{8}): (?P<call>GET /jobs/\{id\}): (?P<outcome>\w+)"
    r"(, status (?P<status>\d+))?, attempts (?P<attempts>\d+), refusals (?P<refusals>\d+)"
    r", waited (?P<waited>[\d.]+) s, took (?P<took>[\d.]+) s(, (?P<headers>.*))?"
)
Log: TypeAlias = list[logging.LogRecord]
GONE = Answer(status=404)
SLOW = Answer(after=90.0)


def call(**options: Any) -> Call:
    return Call(
        method="GET", route="/jobs/{id}", path="/jobs/7", effect="read", options=Options(**options)
    )


def lines(log: Log, level: str) -> list[str]:
    """Return what was logged at a level."""
    ours = [each for each in log if each.name == "planado_async"]
    return [each.getMessage() for each in ours if each.levelname == level]


def the_line(log: Log) -> dict[str, str | None]:
    """Return the parts of the one line at DEBUG."""
    (line,) = lines(log, "DEBUG")
    match = LINE.fullmatch(line)
    assert match, line
    return match.groupdict()


class Keeping(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: Log = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def log() -> Iterator[Log]:
    """Give all records of a test, at DEBUG."""
    handler, root = Keeping(), logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in WATCHED}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler.records
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    ("answers", "options", "told"),
    [
        ((), {}, ("ok", "200", "1", "0")),
        ((FAILED, REFUSED, Answer()), {}, ("ok", "200", "2", "1")),
        ((GONE,), {}, ("NotFoundError", "404", "1", "0")),
        ((FAILED,), {}, ("ServerError", "503", "5", "0")),
        ((CUT,), {}, ("TransportError", None, "5", "0")),
        ((GONE, CUT), {}, ("NotFoundError", "404", "1", "0")),
        ((FAILED, CUT), {}, ("TransportError", "503", "5", "0")),
        ((SLOW,), {"deadline": 3.0}, ("DeadlineExceededError", None, "1", "0")),
        ((FAILED, SLOW), {"deadline": 3.0}, ("DeadlineExceededError", "503", "2", "0")),
        ((REFUSED,), {"deadline": 1.0}, ("BudgetWaitError", "429", "0", "1")),
        ((), {"deadline": 0.0}, ("DeadlineExceededError", None, "0", "0")),
    ],
)
async def test_one_line_a_call(
    answers: tuple[Answer, ...],
    options: dict[str, Any],
    told: tuple[str | None, ...],
    log: Log,
) -> None:
    """Outcome, the last answer's status, attempts and refusals, however the call ends."""
    async with Wire(*answers) as wire, opened(wire.url) as transport:
        with suppress(PlanadoError):
            await transport.send(call(**options))
    parts = the_line(log)
    assert (parts["outcome"], parts["status"], parts["attempts"], parts["refusals"]) == told


async def test_the_line_tells_waiting_and_the_whole_time(log: Log) -> None:
    """The wait for the budget is in both; the answer's own time is in the second."""
    limiter = LocalLimiter(RateLimit(6, per=60.0, burst=1))
    await limiter.acquire()
    async with (
        Wire(Answer(after=5.0)) as wire,
        opened(wire.url, limiter=limiter) as transport,
    ):
        await transport.send(call())
    parts = the_line(log)
    assert float(parts["waited"] or 0) == pytest.approx(10.0, abs=0.1)
    assert float(parts["took"] or 0) == pytest.approx(15.0, abs=0.2)


async def test_a_cancelled_call_says_so(log: Log) -> None:
    """It has a line like every other."""
    async with Wire(SLOW) as wire, opened(wire.url) as transport:
        sending = asyncio.create_task(transport.send(call()))
        await asyncio.sleep(2.0)
        sending.cancel()
        await asyncio.wait([sending])
    parts = the_line(log)
    assert (parts["outcome"], parts["attempts"]) == ("CancelledError", "1")
    assert float(parts["took"] or 0) == pytest.approx(2.0, abs=0.1)


async def test_what_is_no_error_of_ours_is_told_as_it_is(log: Log) -> None:
    """A failure of a caller's own `Auth` is not called a cancellation."""

    class Broken(Auth):
        hint = ""

        async def headers(self) -> Mapping[str, str]:
            raise LookupError("no token")

    async with Wire() as wire, opened(wire.url, auth=Broken()) as transport:
        with pytest.raises(LookupError):
            await transport.send(call())
    assert the_line(log)["outcome"] == "LookupError"


async def test_a_call_can_be_followed_by_its_id(log: Log) -> None:
    """The lines about repeats carry the id of the last one, also with other calls in between."""
    async with Wire(FAILED, FAILED, REFUSED, Answer()) as wire, opened(wire.url) as transport:
        await asyncio.gather(transport.send(call()), transport.send(call()))
    last = [LINE.fullmatch(line) for line in lines(log, "DEBUG")]
    ids = [match["id"] for match in last if match]
    assert len(set(ids)) == 2
    again = " is tried again: "
    told = [*lines(log, "INFO"), *lines(log, "WARNING")]
    assert sorted(told[:2]) == sorted(
        f"call {each}: GET /jobs/{{id}}{again}ServerError" for each in ids
    )
    assert told[2] in [f"call {each}: GET /jobs/{{id}} is refused" for each in ids]
    assert len(told) == 3


async def test_a_look_up_carries_the_id_of_its_call(log: Log) -> None:
    """What a lost answer makes necessary is told under the call that lost it."""
    found = Answer(body=b'{"job": {"uuid": "u", "external_id": "wo-1"}}')
    async with Wire(CUT, FAILED, found) as wire, Planado(KEY, base_url=wire.url) as planado:
        await planado.jobs.create(external_id="wo-1")
    told = [*lines(log, "INFO"), *lines(log, "DEBUG")]
    assert len(told) == 3
    (of_call,) = {line.split(":")[0] for line in told}
    assert [line.removeprefix(of_call) for line in told[:2]] == [
        ": POST /jobs is looked up: TransportError",
        ": GET /jobs/{external_id} is tried again: ServerError",
    ]
    assert told[2].startswith(f"{of_call}: POST /jobs: ok, status 200, attempts 1, ")


async def test_a_refusal_that_ends_a_call_is_told(log: Log) -> None:
    """Whoever looks for refusals in the log finds the last one too."""
    async with (
        Wire(REFUSED) as wire,
        opened(wire.url, retries=RetryPolicy(refusals=0)) as transport,
    ):
        with pytest.raises(RateLimitError):
            await transport.send(call())
    (line,) = lines(log, "WARNING")
    assert line.endswith(": GET /jobs/{id} is refused")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-Request-Id": "f3-a/b:1"}, "X-Request-Id: f3-a/b:1"),
        ({"x-request-id": "r", "retry-after": "0"}, "X-Request-Id: r, Retry-After: 0"),
        ({"Set-Cookie": "a=b", "X-Customer": "Jo", "Location": "/people/7"}, None),
        ({"X-Request-Id": 'r", "admin": "true'}, None),
        ({"X-Request-Id": "r" * 101}, None),
        ({"X-Request-Id": "ré"}, None),
    ],
)
async def test_only_listed_headers_are_shown(
    headers: dict[str, str], told: str | None, log: Log
) -> None:
    """The server's request id and Retry-After, and these only if they look like it."""
    async with Wire(Answer(headers=headers)) as wire, opened(wire.url) as transport:
        await transport.send(call())
    assert the_line(log)["headers"] == told
    assert SHOWN_HEADERS == ("X-Request-Id", "Retry-After")


@pytest.mark.parametrize(
    ("given", "told"), [({}, "(request)"), ({"route": "/people/{id}"}, "/people/{id}")]
)
async def test_a_bare_request_shows_no_path(given: dict[str, Any], told: str, log: Log) -> None:
    """Its path may hold ids, so what is shown is the route that the caller names."""
    async with Wire(GONE) as wire, Planado(KEY, base_url=wire.url) as planado:
        with pytest.raises(PlanadoError) as caught:
            await planado.request("GET", "/people/77", **given)
    (line,) = lines(log, "DEBUG")
    assert f": GET {told}: NotFoundError, " in line
    assert "77" not in line.partition("GET")[2].partition("waited")[0]
    assert caught.value.__notes__ == [f"GET {told}"]


# --- What never shows -----------------------------------------------------------------------------


class Observing:
    """A telemetry that keeps what it is told, and fails where it is told to."""

    def __init__(self, *, fails: str = "") -> None:
        self.told: list[Begun | Failed | Ended | str] = []
        self._fails = fails

    def _take(self, moment: str, told: Begun | Failed | Ended | str) -> None:
        self.told.append(told)
        if moment == self._fails:
            raise LookupError("out of order")

    def call(self, begun: Begun) -> AbstractContextManager[CallObserver]:
        self._take("call", begun)
        return self._around()

    @contextmanager
    def _around(self) -> Iterator[CallObserver]:
        self._take("enter", "enter")
        try:
            yield self
        finally:
            self._take("leave", "leave")

    def failed(self, failed: Failed) -> None:
        self._take("failed", failed)

    def ended(self, ended: Ended) -> None:
        self._take("ended", ended)


@pytest.mark.parametrize("fails", ["", "call", "enter", "failed", "ended", "leave"])
async def test_no_log_shows_whom_a_call_is_about(fails: str, log: Log) -> None:
    """Neither key nor id, name, telephone number, address or text, whatever the server quotes."""
    telemetry = Observing(fails=fails)
    errors = await a_bad_day(telemetry=telemetry)
    assert PLANTED.shown_in(repr(errors)), "the server quotes nothing"
    formatter = logging.Formatter("%(name)s %(message)s")
    shown = [f"{formatter.format(each)} {vars(each)!r}" for each in log]
    assert not PLANTED.shown_in("\n".join(shown))
    assert not PLANTED.shown_in(repr(telemetry.told))
    assert len(lines(log, "DEBUG")) >= len(errors)
    assert lines(log, "WARNING")


# --- Telemetry that fails -------------------------------------------------------------------------


async def test_a_telemetry_is_told_of_a_call_from_beginning_to_end() -> None:
    """In this order, with the same id as the log."""
    telemetry = Observing()
    async with (
        Wire(FAILED, REFUSED, Answer()) as wire,
        opened(wire.url, telemetry=telemetry) as transport,
    ):
        await transport.send(call())
    begun, entered, retry, refusal, ended, left = telemetry.told
    port = int(wire.asked[0].headers["Host"].partition(":")[2])
    assert isinstance(begun, Begun)
    assert begun == Begun(
        id=begun.id, method="GET", route="/jobs/{id}", host="127.0.0.1", port=port
    )
    assert [entered, left] == ["enter", "leave"]
    assert retry == Failed(kind="retry", error="ServerError", attempts=1, retry_after=None)
    assert refusal == Failed(kind="refusal", error="RateLimitError", attempts=1, retry_after=None)
    assert isinstance(ended, Ended)
    assert (ended.error, ended.status, ended.attempts, ended.refusals) == (None, 200, 2, 1)
    assert 0 < ended.queued < ended.waited <= ended.seconds


@pytest.mark.parametrize("fails", ["call", "enter", "failed", "ended", "leave"])
async def test_a_telemetry_that_fails_fails_no_call(fails: str, log: Log) -> None:
    """It is logged once, with its place, and told of no call after that."""
    telemetry = Observing(fails=fails)
    async with (
        Wire(FAILED, Answer(body=b'{"a": 1}')) as wire,
        opened(wire.url, telemetry=telemetry) as transport,
    ):
        for _ in range(3):
            assert await transport.send(call()) == {"a": 1}
    (line,) = lines(log, "ERROR")
    assert line.startswith(
        "telemetry= failed and is told of no more calls; they go on: LookupError"
    )
    assert "in _take" in line
    assert len([told for told in telemetry.told if isinstance(told, Begun)]) == 1


async def test_calls_under_way_report_a_failing_telemetry_once(
    log: Log,
) -> None:
    """Five calls at once that all meet the failure are one line."""
    async with (
        Wire(FAILED, *[Answer()] * 20) as wire,
        opened(wire.url, telemetry=Observing(fails="ended")) as transport,
    ):
        await asyncio.gather(*(transport.send(call()) for _ in range(5)))
    assert len(lines(log, "ERROR")) == 1


async def test_a_telemetry_cannot_hide_an_error() -> None:
    """A context that would swallow what is raised inside is not shown it."""

    class Swallowing(Observing):
        @contextmanager
        def _around(self) -> Iterator[CallObserver]:
            with suppress(BaseException):
                yield self

    async with (
        Wire(GONE) as wire,
        opened(wire.url, telemetry=Swallowing(), retries=RetryPolicy(attempts=1)) as transport,
    ):
        with pytest.raises(PlanadoError):
            await transport.send(call())
