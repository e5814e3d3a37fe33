"""One call and all that may happen to it, over real sockets."""

import asyncio
import logging
import pickle
import socket
import traceback
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
import pytest
from attrs import evolve

from planado_async.core import transport as transport_module
from planado_async.core.auth import AccessToken, ApiKey, Auth, RefreshToken
from planado_async.core.errors import (
    AuthenticationError,
    BudgetWaitError,
    ConfigurationError,
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PlanadoError,
    RateLimitError,
    ReauthorisationRequiredError,
    RedirectRefusedError,
    ScopeError,
    ServerError,
    TransportError,
    TryTimeoutError,
    UnexpectedResponseError,
    ValidationError,
)
from planado_async.core.limiter import LocalLimiter, RateLimit
from planado_async.core.retry import Effect, Retry, RetryPolicy
from planado_async.core.secret import Secret
from planado_async.core.transport import (
    USER_AGENT,
    Call,
    Options,
    checked_path,
    checked_url,
    expect,
    path_of,
)
from tests.core.wire import CUT, FAILED, KEY, REFUSED, Answer, Wire, opened, raw_server

METHODS: Mapping[Effect, str] = {"read": "GET", "repeatable": "PATCH", "once": "POST"}
EFFECTS: tuple[Effect, ...] = ("read", "repeatable", "once")


def call(effect: Effect = "read", *, method: str | None = None, **options: Any) -> Call:
    return Call(
        method=method or METHODS[effect],
        route="/jobs/{id}",
        path="/jobs/7",
        effect=effect,
        body=None if effect == "read" else {"description": "pump"},
        options=Options(**options),
    )


def now() -> float:
    return asyncio.get_running_loop().time()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- What goes out --------------------------------------------------------------------------------


async def test_a_read_sends_these_headers_and_no_others() -> None:
    """Key, Accept and our own User-Agent go out; no Content-Type, for there is no content."""
    async with Wire() as wire, opened(wire.url) as transport:
        await transport.send(call())
    (asked,) = wire.asked
    host = wire.asked[0].headers["Host"]
    assert asked.headers == {
        "Host": host,
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        "X-Planado-API-Key": KEY,
        "Accept-Encoding": asked.headers["Accept-Encoding"],
    }
    assert asked.body == b""
    assert USER_AGENT.startswith("planado_async/")


async def test_a_write_sends_json() -> None:
    """The body is JSON and says so; switches of the call are headers."""
    switched = call("once", headers={"X-Planado-Notify-Assignees": "false"})
    async with Wire() as wire, opened(wire.url) as transport:
        await transport.send(switched)
    (asked,) = wire.asked
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["X-Planado-Notify-Assignees"] == "false"
    assert orjson.loads(asked.body) == {"description": "pump"}


@pytest.mark.parametrize("header", ["Authorization", "X-Planado-Api-Token"])
async def test_the_key_goes_out_in_one_header(header: Any) -> None:
    """Another form of the header takes the place of the usual one."""
    async with Wire() as wire, opened(wire.url, auth=ApiKey(KEY, header)) as transport:
        await transport.send(call())
    carrying = [name for name, value in wire.asked[0].headers.items() if KEY in value]
    assert carrying == [header]


@pytest.mark.parametrize(
    ("id", "raw"),
    [
        ("plain-7", "plain-7"),
        ("a/b", "a%2Fb"),
        ("../../v1/x", "..%2F..%2Fv1%2Fx"),
        ("a b", "a%20b"),
        ("наряд", "%D0%BD%D0%B0%D1%80%D1%8F%D0%B4"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a+b&c", "a%2Bb%26c"),
        ("...", "..."),
        (".hidden", ".hidden"),
        ("a\r\nX: y", "a%0D%0AX%3A%20y"),
        ("\\..\\", "%5C..%5C"),
        ("{id}", "%7Bid%7D"),
        ("e\u0301", "e%CC%81"),
    ],
)
async def test_an_id_reaches_the_server_whole(id: str, raw: str) -> None:
    """Whatever an id holds is one segment of the path on the wire."""
    path = path_of("/jobs/{id}/history", id)
    async with Wire() as wire, opened(wire.url) as transport:
        await transport.send(Call(method="GET", route="r", path=path, effect="read"))
    assert wire.asked[0].path == f"/v2/jobs/{raw}/history"


@pytest.mark.parametrize("id", ["", ".", "..", "\udcff"])
def test_what_cannot_be_an_id_is_refused(id: str) -> None:
    """No quoting keeps these from being a path, so no call is made."""
    with pytest.raises(ValueError, match=r"is no id|surrogates"):
        path_of("/jobs/{id}", id)


def test_an_id_is_text() -> None:
    """A number or None in place of an id is told by its type."""
    with pytest.raises(TypeError, match="an id is text, not int"):
        path_of("/jobs/{id}", 7)  # type: ignore[arg-type]


async def test_the_query_is_quoted() -> None:
    """Names and values of a query arrive as they were."""
    query = [("updated_at[after]", "2026-02-03T08:00:00+03:00"), ("name", "a&b=c d")]
    async with Wire() as wire, opened(wire.url) as transport:
        await transport.send(
            Call(method="GET", route="/jobs", path="/jobs", effect="read", query=query)
        )
    assert wire.asked[0].path == (
        "/v2/jobs?updated_at%5Bafter%5D=2026-02-03T08%3A00%3A00%2B03%3A00&name=a%26b%3Dc+d"
    )


@pytest.mark.parametrize(
    "path",
    [
        "jobs",
        "",
        "/",
        "//evil.test/x",
        "/jobs//x",
        "/jobs/",
        "/a/../b",
        "/./a",
        "/a?b",
        "/a#b",
        "/a b",
        "/a\\b",
        "/a\r\nb",
        "/наряд",
        "/a\tb",
        "/a\x00b",
        "/%2e%2e/v1",
        "/a/%2E./b",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    """A path given whole stays below the API, quoted and without a query."""
    with pytest.raises(ValueError, match=r"is no path|must be quoted"):
        checked_path(path)


@pytest.mark.parametrize("path", ["/jobs", "/jobs/a%2Fb", "/users/7/shifts/2026-02-03"])
def test_a_good_path_is_taken(path: str) -> None:
    """Paths of the API pass."""
    assert checked_path(path) == path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.planadoapp.com/v2",
        "ftp://api.test/v2",
        "http://api.test/v2",
        "http://127.0.0.1.evil.test/v2",
        "https://",
        "https://api.test/v2?x=1",
        "https://api.test/v2#x",
        f"https://{KEY}@api.test/v2",
        f"https://user:{KEY}@api.test/v2",
        f"http://user:{KEY}@api.test/v2",
        "http://[::1",
        "https://api.test:port/v2",
    ],
)
def test_a_base_url_that_would_show_the_key_is_refused(url: str) -> None:
    """The error names the argument, and shows no password in the URL."""
    with pytest.raises(ConfigurationError, match=r"^base_url") as caught:
        checked_url(url, "base_url")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.planadoapp.com/v2", "https://api.planadoapp.com/v2"),
        ("https://api.planadoapp.com/v2/", "https://api.planadoapp.com/v2"),
        ("http://127.0.0.1:8080/v2", "http://127.0.0.1:8080/v2"),
        ("http://localhost/v2", "http://localhost/v2"),
        ("http://[::1]:80/v2", "http://[::1]:80/v2"),
    ],
)
def test_a_good_base_url_is_taken(url: str, kept: str) -> None:
    """Anything by https, plain http only to this machine; a slash at the end does no harm."""
    assert checked_url(url, "base_url") == kept


# --- What comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"job": {"description": "the rate limit"}}', {"job": {"description": "the rate limit"}}),
        (b"[1]", [1]),
        (b"", None),
        (b"  \n", None),
        ('{"имя": "наряд"}'.encode(), {"имя": "наряд"}),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_a_success_is_its_json(status: int, body: bytes, answer: Any) -> None:
    """Any 2xx counts, whatever its content type; no body is None."""
    sent = Answer(status=status, body=body, headers={"Content-Type": "text/html"})
    async with Wire(sent) as wire, opened(wire.url) as transport:
        assert await transport.send(call()) == answer


async def test_no_content_is_none() -> None:
    """A 204 has nothing to tell."""
    async with Wire(Answer(status=204, body=b"")) as wire, opened(wire.url) as transport:
        assert await transport.send(call("repeatable")) is None


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    "body", [b"<html>log in</html>", b'{"job": ', b"7", b'"text"', b"\xff", b'{"a": NaN}', b"true"]
)
async def test_a_success_that_is_not_json_is_never_data(effect: Effect, body: bytes) -> None:
    """A page of a proxy under 200 is an error, and nobody knows what became of a create."""
    kind = OutcomeUnknownError if effect == "once" else UnexpectedResponseError
    async with Wire(Answer(body=body)) as wire, opened(wire.url) as transport:
        with pytest.raises(kind, match="not a JSON object"):
            await transport.send(call(effect))
    assert len(wire.asked) == 1


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (422, ValidationError), (403, PlanadoError)]
)
async def test_an_error_of_ours_is_told_at_once(
    effect: Effect, status: int, kind: type[PlanadoError]
) -> None:
    """A 4xx is raised with what the API said, after one try, with the call in a note."""
    sent = Answer(status=status, body=b'{"message": "no"}')
    async with Wire(sent) as wire, opened(wire.url) as transport:
        with pytest.raises(kind, match=f"{status}: no") as caught:
            await transport.send(call(effect))
    assert len(wire.asked) == caught.value.attempts == 1
    assert caught.value.__notes__ == [f"{METHODS[effect]} /jobs/{{id}}"]


async def test_a_wrong_key_says_what_to_set() -> None:
    """The API's words come first, then the variable."""
    sent = Answer(status=401, body=b'{"message": "wrong"}')
    async with Wire(sent) as wire, opened(wire.url) as transport:
        with pytest.raises(AuthenticationError, match="401: wrong; check api_key= or PLANADO_API"):
            await transport.send(call())
    assert len(wire.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_redirect_is_never_followed(status: int, effect: Effect) -> None:
    """The place it points to is not asked, not even by a read."""
    async with Wire() as elsewhere:
        there = Answer(status=status, headers={"Location": f"{elsewhere.url}/jobs/7"})
        async with Wire(there) as wire, opened(wire.url) as transport:
            with pytest.raises(RedirectRefusedError, match=f"{status}: redirects to 'http"):
                await transport.send(call(effect))
    assert (len(wire.asked), elsewhere.asked) == (1, [])


@pytest.mark.parametrize("answer", ["text", "", True, False])
async def test_an_answer_may_be_what_the_call_says(answer: object) -> None:
    """Text or a truth value alone is data where it is expected, and nowhere else."""
    async with (
        Wire(*[Answer(body=orjson.dumps(answer))] * 2) as wire,
        opened(wire.url) as transport,
    ):
        expecting = evolve(call(), answers=(type(answer),))
        assert await transport.send(expecting) == answer
        with pytest.raises(UnexpectedResponseError, match="not a JSON object"):
            await transport.send(call())


async def test_a_refusal_is_no_data_where_text_is_expected() -> None:
    """Its text in quotes is waited out like any other."""
    async with (
        Wire(Answer(body=b'"Rate Limit Exceeded"'), Answer(body=b'"text"')) as wire,
        opened(wire.url) as transport,
    ):
        assert await transport.send(evolve(call(), answers=(str,))) == "text"
    assert len(wire.asked) == 2


def test_expect_takes_what_is_there() -> None:
    """A key of the right JSON type is returned, anything else is an error that names it."""
    assert expect({"jobs": [1]}, "jobs", list) == [1]
    others: list[Any] = [{}, {"jobs": {}}, {"jobs": None}, None, [], "jobs"]
    for answer in others:
        with pytest.raises(UnexpectedResponseError, match="no 'jobs' that is list"):
            expect(answer, "jobs", list)


# --- Trying again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["read", "repeatable"])
@pytest.mark.parametrize("failure", [FAILED, CUT, Answer(after=90.0)], ids=["5xx", "cut", "slow"])
async def test_what_can_be_repeated_is_tried_again(effect: Effect, failure: Answer) -> None:
    """After a failure on the way the call is sent again, later, and its answer counts."""
    told: list[Retry] = []
    async with (
        Wire(failure, failure, Answer(body=b'{"ok": 1}')) as wire,
        opened(wire.url, on_retry=told.append) as transport,
    ):
        assert await transport.send(call(effect)) == {"ok": 1}
    assert len(wire.asked) == 3
    assert [(each.attempt, each.method, each.route) for each in told] == [
        (1, METHODS[effect], "/jobs/{id}"),
        (2, METHODS[effect], "/jobs/{id}"),
    ]
    assert 0.25 <= told[0].seconds <= 0.5 <= told[1].seconds <= 1.0


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(FAILED, ServerError), (CUT, TransportError), (Answer(after=90.0), TryTimeoutError)],
    ids=["5xx", "cut", "slow"],
)
@pytest.mark.parametrize("effect", ["read", "repeatable"])
async def test_it_gives_up_after_the_last_attempt(
    effect: Effect, failure: Answer, kind: type[PlanadoError]
) -> None:
    """The last failure is raised, with the number of tries and the seconds waited."""
    async with (
        Wire(failure) as wire,
        opened(wire.url, retries=RetryPolicy(attempts=3)) as transport,
    ):
        with pytest.raises(kind) as caught:
            await transport.send(call(effect))
    assert (len(wire.asked), caught.value.attempts, caught.value.retryable) == (3, 3, True)
    assert 0.75 <= caught.value.waited <= 1.5


@pytest.mark.parametrize("failure", [FAILED, CUT, Answer(after=90.0)], ids=["5xx", "cut", "slow"])
async def test_a_create_is_never_written_twice(failure: Answer) -> None:
    """What may have happened is told, with what to look up, and is not sent again."""
    async with Wire(failure) as wire, opened(wire.url) as transport:
        with pytest.raises(OutcomeUnknownError, match="may or may not have happened") as caught:
            await transport.send(call("once"))
    assert len(wire.asked) == caught.value.attempts == 1
    assert (caught.value.method, caught.value.path) == ("POST", "/jobs/7")
    assert caught.value.sent == {"description": "pump"}
    assert isinstance(caught.value.__cause__, PlanadoError)


@pytest.mark.parametrize("effect", EFFECTS)
async def test_without_a_connection_anything_is_tried_again(effect: Effect) -> None:
    """Nothing was written, so even a create goes out once the server is there."""
    port = free_port()
    failures: list[Retry] = []
    async with opened(f"http://127.0.0.1:{port}/v2", on_retry=failures.append) as transport:
        sending = asyncio.create_task(transport.send(call(effect)))
        while not failures:  # noqa: ASYNC110  # it is told by a plain callback
            await asyncio.sleep(0.01)
        async with Wire(Answer(body=b'{"ok": 1}'), port=port) as wire:
            assert await sending == {"ok": 1}
    assert len(wire.asked) == 1
    assert isinstance(failures[0].error, ConnectError)


@pytest.mark.parametrize("effect", EFFECTS)
async def test_without_a_connection_at_all_the_error_says_so(effect: Effect) -> None:
    """Even a create is known not to have happened."""
    async with opened(f"http://127.0.0.1:{free_port()}/v2") as transport:
        with pytest.raises(ConnectError, match="no connection") as caught:
            await transport.send(call(effect))
    assert caught.value.attempts == 5


async def test_an_answer_cut_in_the_middle_is_no_answer() -> None:
    """Fewer bytes than were announced are never taken for the body."""
    whole = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"job": {}}'
    async with (
        raw_server(whole) as url,
        opened(url, retries=RetryPolicy(attempts=2)) as transport,
    ):
        with pytest.raises(TransportError, match="the connection broke"):
            await transport.send(call())
        with pytest.raises(OutcomeUnknownError):
            await transport.send(call("once"))


async def test_a_slow_body_counts_into_the_try() -> None:
    """The timeout is for a whole try, to the last byte."""
    began = now()
    async with (
        raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", then_spaces=99) as url,
        opened(url, retries=RetryPolicy(attempts=1)) as transport,
    ):
        with pytest.raises(TryTimeoutError, match=r"within 5.0 s"):
            await transport.send(call(timeout=5.0))
        assert now() - began == pytest.approx(5.0, abs=0.1)


async def test_a_certificate_nobody_vouches_for_is_not_tried_again() -> None:
    """TLS that fails is a set-up that no waiting mends."""
    async with (
        Wire() as wire,
        opened(wire.url.replace("http:", "https:")) as transport,
    ):
        with pytest.raises(ConnectError) as caught:
            await transport.send(call("once"))
    assert (caught.value.attempts, caught.value.retryable) == (1, False)
    assert wire.asked == []


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    "refusal",
    [REFUSED, Answer(status=200, body=b"Rate Limit Exceeded"), Answer(status=429, body=b"{}")],
    ids=["429", "text under 200", "429 in JSON"],
)
async def test_a_refused_call_is_sent_again(effect: Effect, refusal: Answer) -> None:
    """A refusal is never data; the call waits at the gate and uses no attempt."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=5))
    async with (
        Wire(*[refusal] * 7, Answer(body=b'{"ok": 1}')) as wire,
        opened(wire.url, limiter=limiter, retries=RetryPolicy(attempts=1)) as transport,
    ):
        assert await transport.send(call(effect)) == {"ok": 1}
    gaps = [later.at - first.at for first, later in zip(wire.asked, wire.asked[1:], strict=False)]
    assert gaps == pytest.approx([2.0] * 7, abs=0.05)
    assert (limiter.budget().refusals, limiter.budget().in_flight) == (7, 0)


@pytest.mark.parametrize(
    ("retry_after", "halt"),
    [("7", 7.0), ("-1", 2.0), ("1e9", 2.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 2.0), ("999", 120.0)],
)
async def test_a_refusal_is_waited_out_as_long_as_it_says(retry_after: str, halt: float) -> None:
    """A usable Retry-After is kept to; any other counts as none."""
    refusal = Answer(status=429, body=b"Rate Limit", headers={"Retry-After": retry_after})
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=5))
    async with Wire(refusal, Answer()) as wire, opened(wire.url, limiter=limiter) as transport:
        await transport.send(call())
    assert wire.asked[1].at - wire.asked[0].at == pytest.approx(halt, abs=0.05)


async def test_refusals_have_a_bound() -> None:
    """A server that refuses for ever is given up at last."""
    async with (
        Wire(REFUSED) as wire,
        opened(wire.url, retries=RetryPolicy(refusals=3)) as transport,
    ):
        with pytest.raises(RateLimitError, match="429: Rate Limit Exceeded"):
            await transport.send(call())
    assert len(wire.asked) == 4


async def test_one_refusal_halts_everybody() -> None:
    """While one call waits at the gate, no other goes out."""
    limiter = LocalLimiter(RateLimit(6000, per=60.0, burst=50), in_flight=1)
    refusal = Answer(status=429, headers={"Retry-After": "30"})
    async with Wire(refusal, Answer()) as wire, opened(wire.url, limiter=limiter) as transport:
        await asyncio.gather(*(transport.send(call()) for _ in range(5)))
    assert len(wire.asked) == 6
    assert wire.asked[1].at - wire.asked[0].at == pytest.approx(30.0, abs=0.05)


async def test_a_probe_that_is_cut_off_opens_nothing() -> None:
    """Only an answer that is no refusal lets all others go."""
    limiter = LocalLimiter(RateLimit(6000, per=60.0, burst=50))
    script = (REFUSED, CUT, Answer(after=5.0), Answer())
    async with Wire(*script) as wire, opened(wire.url, limiter=limiter) as transport:
        first = asyncio.create_task(transport.send(call()))
        while not limiter.budget().refusals:  # noqa: ASYNC110  # the moment after is meant
            await asyncio.sleep(0.001)
        await asyncio.gather(first, *(transport.send(call()) for _ in range(3)))
    assert len(wire.asked) == 6
    assert wire.asked[3].at - wire.asked[2].at >= 5.0


async def test_every_try_pays() -> None:
    """A repeated call takes from the budget again."""
    limiter = LocalLimiter(RateLimit(1, per=3600.0, burst=9))
    async with (
        Wire(FAILED, FAILED, Answer()) as wire,
        opened(wire.url, limiter=limiter) as transport,
    ):
        await transport.send(call())
    assert limiter.budget().level == pytest.approx(3, abs=0.01)


async def test_waiting_is_told_before_it_begins() -> None:
    """The seconds are those until the budget has room; no wait is not told."""
    waits: list[float] = []
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1))
    async with Wire() as wire, opened(wire.url, limiter=limiter, on_wait=waits.append) as transport:
        await transport.send(call())
        await transport.send(call())
    assert waits == pytest.approx([1.0], abs=0.05)


# --- Deadlines and cancelling ---------------------------------------------------------------------


@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_call_returns_by_its_deadline(effect: Effect) -> None:
    """A deadline that strikes a write on the wire leaves its outcome unknown."""
    kind = DeadlineExceededError if effect == "read" else OutcomeUnknownError
    async with Wire(Answer(after=100.0)) as wire, opened(wire.url) as transport:
        began = now()
        with pytest.raises(kind, match=r"deadline of 3\.0 s") as caught:
            await transport.send(call(effect, deadline=3.0))
        assert now() - began == pytest.approx(3.0, abs=0.1)
    assert caught.value.attempts == 1


@pytest.mark.parametrize("deadline", [0, -0.5])
@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_deadline_that_has_passed_sends_nothing(effect: Effect, deadline: float) -> None:
    """What is left of a longer deadline may be nothing, and then nothing happens."""
    async with Wire() as wire, opened(wire.url) as transport:
        with pytest.raises(DeadlineExceededError, match="nothing was sent"):
            await transport.send(call(effect, deadline=deadline))
    assert wire.asked == []


@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_deadline_that_strikes_while_nothing_is_out(effect: Effect) -> None:
    """A call that never got its turn is known not to have happened, and tells its wait."""
    limiter = LocalLimiter(None, in_flight=1)
    await limiter.acquire()
    async with Wire() as wire, opened(wire.url, limiter=limiter) as transport:
        with pytest.raises(DeadlineExceededError) as caught:
            await transport.send(call(effect, deadline=3.0))
    assert (wire.asked, caught.value.attempts) == ([], 0)
    assert caught.value.waited == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("failure", [FAILED, CUT], ids=["5xx", "cut"])
@pytest.mark.parametrize(
    ("effect", "kind"), [("read", DeadlineExceededError), ("repeatable", OutcomeUnknownError)]
)
async def test_a_deadline_that_strikes_between_two_tries(
    effect: Effect, kind: type[PlanadoError], failure: Answer
) -> None:
    """A write that was sent before may have happened, whatever is waited for now."""
    patient = RetryPolicy(first_wait=60.0, longest_wait=60.0)
    async with Wire(failure) as wire, opened(wire.url, retries=patient) as transport:
        with pytest.raises(kind) as caught:
            await transport.send(call(effect, deadline=10.0))
    assert caught.value.attempts == 1
    assert caught.value.waited == pytest.approx(10.0, abs=0.1)


async def test_a_refused_write_is_known_not_to_have_happened() -> None:
    """A deadline at the gate is told as what it is."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=5))
    async with Wire(REFUSED) as wire, opened(wire.url, limiter=limiter) as transport:
        with pytest.raises((DeadlineExceededError, BudgetWaitError)):
            await transport.send(call("once", deadline=1.0))
    assert len(wire.asked) == 1


async def test_a_deadline_the_budget_cannot_meet_is_told_before_waiting() -> None:
    """Nothing is sent and no time is lost."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1))
    async with Wire() as wire, opened(wire.url, limiter=limiter) as transport:
        await transport.send(call())
        began = now()
        with pytest.raises(BudgetWaitError) as caught:
            await transport.send(call(deadline=0.5))
        assert now() - began < 0.05
    assert caught.value.eta == pytest.approx(1.0, abs=0.05)
    assert len(wire.asked) == 1


async def test_a_write_that_may_have_happened_is_never_told_as_a_budget_matter() -> None:
    """If there is no budget to repeat it, its outcome stays unknown."""
    limiter = LocalLimiter(RateLimit(60, per=3600.0, burst=1))
    async with Wire(CUT) as wire, opened(wire.url, limiter=limiter) as transport:
        with pytest.raises(OutcomeUnknownError):
            await transport.send(call("repeatable", deadline=5.0))
    assert len(wire.asked) == 1


async def test_a_timeout_from_outside_stays_a_timeout() -> None:
    """A caller's own asyncio.timeout is not mistaken for our deadline."""
    async with Wire(Answer(after=100.0)) as wire, opened(wire.url) as transport:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await transport.send(call(deadline=50.0))


async def test_a_timeout_of_the_auth_is_not_our_deadline() -> None:
    """What an Auth of the caller's own raises is passed on as it is."""

    class Slow(Auth):
        hint = "wait"

        async def headers(self) -> Mapping[str, str]:
            raise TimeoutError("no token yet")

    limiter = LocalLimiter(None)
    async with Wire() as wire, opened(wire.url, auth=Slow(), limiter=limiter) as transport:
        with pytest.raises(TimeoutError, match="no token yet"):
            await transport.send(call(deadline=50.0))
    assert (wire.asked, limiter.budget().in_flight) == ([], 0)


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.5, 3.0])
async def test_cancelling_leaks_nothing(moment: float) -> None:
    """In the queue, on the wire or between tries: a cancelled call gives everything back."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1), in_flight=1)
    async with (
        Wire(Answer(after=1.0, status=503)) as wire,
        opened(wire.url, limiter=limiter) as transport,
    ):
        calls = [asyncio.create_task(transport.send(call())) for _ in range(3)]
        await asyncio.sleep(moment)
        for each in calls:
            each.cancel()
        await asyncio.wait(calls)
        assert all(each.cancelled() for each in calls)
        assert (limiter.budget().in_flight, limiter.budget().queue_length) == (0, 0)


# --- Deleting -------------------------------------------------------------------------------------


def removal() -> Call:
    return Call(method="DELETE", route="/jobs/{id}", path="/jobs/7", effect="repeatable")


GONE = Answer(status=404, body=b'{"message": "not found"}')


@pytest.mark.parametrize("first", [CUT, FAILED, Answer(after=90.0)], ids=["cut", "5xx", "slow"])
async def test_a_removal_whose_repeat_finds_nothing_has_succeeded(first: Answer) -> None:
    """The first try did it and its answer was lost."""
    async with Wire(first, GONE) as wire, opened(wire.url) as transport:
        assert await transport.send(removal()) is None
    assert wire.methods == ["DELETE", "DELETE"]


@pytest.mark.parametrize("first", [(), (REFUSED,)], ids=["at once", "after a refusal"])
async def test_a_removal_of_nothing_is_told(first: tuple[Answer, ...]) -> None:
    """Without an earlier try that could have done it, nothing was there."""
    async with Wire(*first, GONE) as wire, opened(wire.url) as transport:
        with pytest.raises(NotFoundError):
            await transport.send(removal())


async def test_a_removal_of_nothing_after_no_connection_is_told() -> None:
    """A try that never connected has removed nothing."""
    port = free_port()
    failures: list[Retry] = []
    async with opened(f"http://127.0.0.1:{port}/v2", on_retry=failures.append) as transport:
        sending = asyncio.create_task(transport.send(removal()))
        while not failures:  # noqa: ASYNC110  # it is told by a plain callback
            await asyncio.sleep(0.01)
        async with Wire(GONE, port=port):
            with pytest.raises(NotFoundError):
                await sending


async def test_a_removal_cut_on_a_kept_connection_has_succeeded() -> None:
    """Nothing below us repeats a call unseen, so what the repeat says is understood."""
    async with Wire(Answer(), CUT, GONE) as wire, opened(wire.url) as transport:
        await transport.send(call())
        assert await transport.send(removal()) is None
    assert wire.methods == ["GET", "DELETE", "DELETE"]


async def test_every_request_on_the_wire_is_paid_for() -> None:
    """A connection that was kept and breaks costs no call that the budget does not see."""
    limiter = LocalLimiter(RateLimit(1, per=3600.0, burst=9))
    async with (
        Wire(Answer(), CUT, Answer()) as wire,
        opened(wire.url, limiter=limiter) as transport,
    ):
        await transport.send(call())
        await transport.send(call())
    assert limiter.budget().level == pytest.approx(len(wire.asked), abs=0.01)


# --- Creating under an id of the caller's own -----------------------------------------------------

MADE = Answer(status=201, body=b'{"uuid": "u-1"}')
TAKEN = Answer(status=422, body=b'{"errors": {"external_id": ["is used by another entity"]}}')
CLOSED = Answer(status=403, body=b'{"message": "no"}')
SLOW = Answer(after=90.0)
LOST = {
    "5xx": FAILED,
    "cut": CUT,
    "slow": SLOW,
    "html": Answer(body=b"<html>log in</html>"),
    "no id": Answer(body=b"{}"),
    "empty": Answer(body=b""),
}
ONE_TRY = RetryPolicy(attempts=1)


def creation(**options: Any) -> Call:
    look_up = Call(
        method="GET",
        route="/jobs/{external_id}",
        path="/jobs/wo-1",
        effect="read",
        read=lambda answer: expect(answer, "uuid", str),
        options=Options(**options),
    )
    return Call(
        method="POST",
        route="/jobs",
        path="/jobs",
        effect="recoverable",
        body={"external_id": "wo-1"},
        read=look_up.read,
        look_up=look_up,
        options=Options(**options),
    )


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("policy", [RetryPolicy(), ONE_TRY], ids=["patient", "one try"])
async def test_a_lost_answer_is_looked_up(lost: str, policy: RetryPolicy) -> None:
    """What the create has made is found, and not made again."""
    async with Wire(LOST[lost], MADE) as wire, opened(wire.url, retries=policy) as transport:
        assert await transport.send(creation()) == "u-1"
    assert [(each.method, each.path) for each in wire.asked] == [
        ("POST", "/v2/jobs"),
        ("GET", "/v2/jobs/wo-1"),
    ]


@pytest.mark.parametrize("lost", LOST)
async def test_what_is_not_there_is_sent_again(lost: str) -> None:
    """The look-up comes after the usual wait, the repeat right behind it, and is told."""
    told: list[Retry] = []
    async with (
        Wire(LOST[lost], GONE, MADE) as wire,
        opened(wire.url, on_retry=told.append) as transport,
    ):
        assert await transport.send(creation(timeout=30.0)) == "u-1"
    assert wire.methods == ["POST", "GET", "POST"]
    looked_up_after = wire.asked[1].at - wire.asked[0].at - (30.0 if lost == "slow" else 0.0)
    assert 0.25 <= looked_up_after <= 0.55
    assert wire.asked[2].at - wire.asked[1].at <= 0.05
    assert [(each.method, each.route, each.attempt, each.seconds) for each in told] == [
        ("POST", "/jobs", 1, 0.0)
    ]


async def test_a_create_is_given_up_after_its_last_attempt() -> None:
    """Each try is followed by a look-up; the last one that finds nothing proves nothing."""
    async with (
        Wire(FAILED, GONE, FAILED, GONE, FAILED, GONE, MADE) as wire,
        opened(wire.url, retries=RetryPolicy(attempts=3)) as transport,
    ):
        with pytest.raises(OutcomeUnknownError, match=r"503: try later; it is not there") as caught:
            await transport.send(creation())
    assert wire.methods == ["POST", "GET"] * 3
    assert caught.value.attempts == 3
    assert isinstance(caught.value.__cause__, ServerError)


async def test_what_cannot_be_looked_up_is_unknown() -> None:
    """The error says what was sent and what to ask; the id is in what was sent."""
    async with Wire(CUT, CLOSED) as wire, opened(wire.url) as transport:
        with pytest.raises(OutcomeUnknownError) as caught:
            await transport.send(creation())
    assert str(caught.value) == (
        "POST /jobs was sent and may or may not have happened (the connection broke: "
        "ServerDisconnectedError; looking it up failed: 403: no); ask GET /jobs/{external_id}, "
        "with the id in .sent, before sending it again"
    )
    assert caught.value.sent == {"external_id": "wo-1"}
    assert isinstance(caught.value.__cause__, PermissionDeniedError)
    assert isinstance(caught.value.__cause__.__context__, TransportError)
    assert wire.methods == ["POST", "GET"]


async def test_a_look_up_is_a_read() -> None:
    """It is tried again like any other, and given up like any other."""
    async with Wire(CUT, FAILED, REFUSED, MADE) as wire, opened(wire.url) as transport:
        assert await transport.send(creation()) == "u-1"
    assert wire.methods == ["POST", "GET", "GET", "GET"]
    two = RetryPolicy(attempts=2)
    async with Wire(CUT, FAILED) as wire, opened(wire.url, retries=two) as transport:
        with pytest.raises(OutcomeUnknownError) as caught:
            await transport.send(creation())
    assert wire.methods == ["POST", "GET", "GET"]
    assert isinstance(caught.value.__cause__, ServerError)
    assert caught.value.attempts == 1
    assert 0.5 <= caught.value.waited <= 1.0  # before the look-up, and between its tries


async def test_a_create_that_lands_late_is_found() -> None:
    """The repeat is refused because the first has come through, so that is looked up again."""
    async with Wire(CUT, GONE, TAKEN, MADE) as wire, opened(wire.url) as transport:
        assert await transport.send(creation()) == "u-1"
    assert wire.methods == ["POST", "GET", "POST", "GET"]


async def test_an_id_taken_by_nothing_that_can_be_found_stays_in_doubt() -> None:
    """The first try may have come through and may be in the way of the second."""
    async with Wire(CUT, GONE, TAKEN, GONE) as wire, opened(wire.url) as transport:
        with pytest.raises(OutcomeUnknownError) as caught:
            await transport.send(creation())
    assert isinstance(caught.value.__cause__, ConflictError)
    assert wire.methods == ["POST", "GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("answer", "kind"), [(422, ValidationError), (401, OutcomeUnknownError)], ids=str
)
async def test_only_a_refusal_of_its_values_ends_a_doubt(
    answer: int, kind: type[PlanadoError]
) -> None:
    """The first try would have been refused alike; a key that is wrong now says nothing of it."""
    async with (
        Wire(FAILED, GONE, Answer(status=answer, body=b"{}")) as wire,
        opened(wire.url) as transport,
    ):
        with pytest.raises(kind):
            await transport.send(creation())
    assert wire.methods == ["POST", "GET", "POST"]


@pytest.mark.parametrize("first", [(), (REFUSED,)], ids=["at once", "after a refusal"])
async def test_a_conflict_names_the_record_that_is_there(first: tuple[Answer, ...]) -> None:
    """A create that was never in doubt is refused, at the price of one further call."""
    async with Wire(*first, TAKEN, MADE) as wire, opened(wire.url) as transport:
        with pytest.raises(ConflictError, match=r"is used by another entity; it is u-1") as caught:
            await transport.send(creation())
    assert wire.methods[len(first) :] == ["POST", "GET"]
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.uuid, copied.attempts, str(copied)) == ("u-1", 1, str(caught.value))


@pytest.mark.parametrize("answer", [GONE, CLOSED, FAILED, CUT, Answer(body=b"{}"), TAKEN])
async def test_a_look_up_that_fails_hides_no_conflict(answer: Answer) -> None:
    """The conflict is raised all the same, without the uuid."""
    async with Wire(TAKEN, answer) as wire, opened(wire.url, retries=ONE_TRY) as transport:
        with pytest.raises(ConflictError) as caught:
            await transport.send(creation())
    assert str(caught.value) == "422: errors: external_id: is used by another entity"
    assert caught.value.uuid is None
    assert wire.methods == ["POST", "GET"]


@pytest.mark.parametrize("calls", [1, 9], ids=["no budget", "no answer"])
async def test_a_deadline_hides_no_conflict(calls: int) -> None:
    """It strikes the look-up, on the wire or in the queue, and the conflict comes in time."""
    limiter = LocalLimiter(RateLimit(1, per=3600.0, burst=calls))
    async with Wire(TAKEN, SLOW) as wire, opened(wire.url, limiter=limiter) as transport:
        began = now()
        with pytest.raises(ConflictError) as caught:
            await transport.send(creation(deadline=3.0))
        assert now() - began <= 3.1
    assert (caught.value.uuid, caught.value.attempts) == (None, 1)


@pytest.mark.parametrize(
    "answers",
    [
        (SLOW,),
        (CUT, SLOW),
        (CUT, FAILED),
        (CUT, GONE, SLOW),
        (CUT, GONE, Answer(status=429, headers={"Retry-After": "60"})),
        (CUT, Answer(status=429, headers={"Retry-After": "60"})),
        (CUT, GONE, TAKEN, SLOW),
    ],
    ids=["create", "look-up", "look-ups", "repeat", "refused", "look-up refused", "second look-up"],
)
async def test_a_deadline_at_any_stage_leaves_the_outcome_unknown(
    answers: tuple[Answer, ...],
) -> None:
    """Once a create may have happened, no later stage is told as a mere deadline."""
    patient = RetryPolicy(attempts=99)
    async with Wire(*answers) as wire, opened(wire.url, retries=patient) as transport:
        began = now()
        with pytest.raises(OutcomeUnknownError, match=r"ask GET /jobs/\{external_id\}"):
            await transport.send(creation(deadline=9.0))
        assert now() - began <= 9.1
    assert len(wire.asked) >= len(answers)


@pytest.mark.parametrize("calls", [1, 2], ids=["look-up", "repeat"])
async def test_a_create_in_doubt_is_never_told_as_a_budget_matter(calls: int) -> None:
    """Neither its look-up nor its repeat can be paid for, so the outcome stays unknown."""
    limiter = LocalLimiter(RateLimit(1, per=3600.0, burst=calls))
    async with Wire(CUT, GONE) as wire, opened(wire.url, limiter=limiter) as transport:
        with pytest.raises(OutcomeUnknownError) as caught:
            await transport.send(creation(deadline=60.0))
    assert isinstance(caught.value.__cause__, BudgetWaitError)
    assert len(wire.asked) == calls


async def test_look_ups_pay_and_wait_in_the_class_of_their_create() -> None:
    """Three calls on the wire are three turns of one priority."""
    asked_for: list[str] = []

    class Noting(LocalLimiter):
        async def acquire(self, priority: Any = "normal", **options: Any) -> Any:
            asked_for.append(priority)
            return await super().acquire(priority, **options)

    limiter = Noting(RateLimit(1, per=3600.0, burst=9))
    async with Wire(CUT, GONE, MADE) as wire, opened(wire.url, limiter=limiter) as transport:
        await transport.send(creation(priority="background"))
    assert asked_for == ["background"] * 3
    assert limiter.budget().level == pytest.approx(3, abs=0.01)


async def test_a_recovery_is_logged_without_the_id(caplog: pytest.LogCaptureFixture) -> None:
    """Each step has its line, and none names what was created."""
    caplog.set_level(logging.DEBUG, logger="planado_async")
    async with Wire(CUT, GONE, MADE) as wire, opened(wire.url) as transport:
        await transport.send(creation())
    lines = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
    assert [line.partition(": ")[2] for line in lines] == [
        "POST /jobs is looked up: TransportError",
        "POST /jobs is tried again: TransportError",
    ]
    assert "wo-1" not in caplog.text
    assert "u-1" not in caplog.text


# --- The session ----------------------------------------------------------------------------------


async def test_a_call_outside_of_async_with_says_so() -> None:
    """Before opening and after closing, the error tells what is missing."""
    async with Wire() as wire:
        async with opened(wire.url) as transport:
            await transport.send(call())
        with pytest.raises(ConfigurationError, match="use `async with`"):
            await transport.send(call())


async def test_a_session_of_the_callers_own_is_left_open() -> None:
    """It is used, not closed; once its owner closes it, calls say so."""
    async with Wire() as wire, aiohttp.ClientSession() as session:
        async with opened(wire.url, session=session) as transport:
            await transport.send(call())
        assert not session.closed
        await transport.send(call())
        await session.close()
        with pytest.raises(ConfigurationError, match="use `async with`"):
            await transport.send(call())


async def noting_session(runs: list[str]) -> aiohttp.ClientSession:
    """Return a session whose middleware notes each request it sees."""

    async def note(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        runs.append(request.method)
        return await handler(request)

    return aiohttp.ClientSession(middlewares=(note,))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_session_of_the_callers_own_sends_each_try_once(method: str) -> None:
    """Nothing is repeated unseen when a kept connection breaks; the caller's middleware runs."""
    runs: list[str] = []
    told: list[Retry] = []
    limiter = LocalLimiter(RateLimit(1, per=3600.0, burst=9))
    async with (
        Wire(Answer(), CUT, Answer()) as wire,
        await noting_session(runs) as session,
        opened(wire.url, session=session, limiter=limiter, on_retry=told.append) as transport,
    ):
        await transport.send(call())
        await transport.send(call(method=method))
    assert wire.methods == runs == ["GET", method, method]
    assert [type(each.error) for each in told] == [TransportError]
    assert limiter.budget().level == pytest.approx(3, abs=0.01)


async def test_aiohttp_keeps_middlewares_where_they_are_looked_for() -> None:
    """There is no public name for them; if this one changes, it is noticed here."""
    runs: list[str] = []
    async with await noting_session(runs) as session:
        middlewares = transport_module._with_once(session)
    assert middlewares is not None
    assert len(middlewares) == 2
    assert middlewares[1] is transport_module._once


async def test_a_session_without_that_name_keeps_its_middlewares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller's middleware runs whatever aiohttp calls it."""
    runs: list[str] = []
    async with Wire() as wire, await noting_session(runs) as session:
        monkeypatch.setattr(transport_module, "_with_once", lambda _: None)
        async with opened(wire.url, session=session) as transport:
            await transport.send(call())
    assert runs == ["GET"]


async def test_cookies_are_not_kept() -> None:
    """One call does not tie the next to a server's cookie."""
    cookie = Answer(headers={"Set-Cookie": "session=1; Path=/"})
    async with Wire(cookie) as wire, opened(wire.url) as transport:
        await transport.send(call())
        await transport.send(call())
    assert "Cookie" not in wire.asked[1].headers


@pytest.mark.parametrize("body", [{"text": "\udcff"}, {"number": 2**70}])
async def test_what_json_cannot_say_costs_no_call(body: Any) -> None:
    """A body that cannot be written is refused before the budget is asked."""
    limiter = LocalLimiter(RateLimit(1, per=3600.0, burst=9))
    async with Wire() as wire, opened(wire.url, limiter=limiter) as transport:
        with pytest.raises(TypeError):
            await transport.send(
                Call(method="POST", route="/jobs", path="/jobs", effect="once", body=body)
            )
    assert (wire.asked, limiter.budget().level) == ([], 0.0)


# --- Secrets --------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk over an error and everything behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


FAULTS = {
    "wrong key": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "refused": b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\n{}",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "failed": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "bad header": b"HTTP/1.1 200 OK\r\nA: b\r\n\x00bad\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "bad gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "hangs up": b"",
    "not JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("header", ["X-Planado-API-Key", "Authorization"])
async def test_no_failure_shows_the_key(
    fault: str, effect: Effect, header: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in text, repr, notes, traceback, pickle or log, nor in the errors behind an error."""
    caplog.set_level(logging.DEBUG)
    async with (
        raw_server(FAULTS[fault]) as url,
        opened(url, auth=ApiKey(KEY, header), retries=RetryPolicy(attempts=2)) as transport,
    ):
        with pytest.raises(PlanadoError) as caught:
            await transport.send(call(effect))
    shown = [
        *(f"{each} {each!r} {vars(each)!r}" for each in chain(caught.value)),
        *traceback.TracebackException.from_exception(caught.value, capture_locals=True).format(),
        repr(pickle.dumps(caught.value)),
        repr(transport),
        repr(vars(transport)),
        caplog.text,
        *(repr(vars(record)) for record in caplog.records),
    ]
    assert not [text for text in shown if KEY in text]


async def test_a_deadline_tells_what_the_tries_ended_with() -> None:
    """That there was no time is half of the truth; the last error is the other."""
    async with Wire(FAILED) as wire, opened(wire.url) as transport:
        with pytest.raises(DeadlineExceededError, match=r"\d tries, the last: 503") as caught:
            await transport.send(call(deadline=1.5))
    assert isinstance(caught.value.__cause__, ServerError)


# --- Closing --------------------------------------------------------------------------------------


async def test_closing_fails_the_calls_that_wait() -> None:
    """Nobody is left waiting for a turn that leads nowhere, and no turn is taken."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=2))
    async with Wire() as wire:
        async with opened(wire.url, limiter=limiter) as transport:
            calls = [asyncio.ensure_future(transport.send(call())) for _ in range(50)]
            await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert asyncio.get_running_loop().time() == began
    assert [type(each) for each in ended] == [dict] * 2 + [ConfigurationError] * 48
    assert (len(wire.asked), limiter.budget().queue_length, limiter.budget().in_flight) == (2, 0, 0)


async def test_a_call_cancelled_as_the_client_closes_is_cancelled() -> None:
    """The caller's own wish goes before the client's end."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1))
    async with Wire() as wire, opened(wire.url, limiter=limiter) as transport:
        await transport.send(call())
        waiting = asyncio.ensure_future(transport.send(call()))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await transport.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_call_that_pauses_between_tries_takes_no_turn_after_the_end() -> None:
    """It fails when the pause is over, and costs the budget nothing."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=9))
    async with Wire(FAILED) as wire:
        async with opened(wire.url, limiter=limiter) as transport:
            pausing = asyncio.ensure_future(transport.send(call()))
            await asyncio.sleep(0.1)
        with pytest.raises(ConfigurationError, match="not open"):
            await pausing
    assert len(wire.asked) == 1


# --- Observers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["on_wait", "on_retry"])
async def test_an_observer_that_fails_fails_no_call(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once and not called again."""
    calls: list[object] = []

    def observer(told: object) -> None:
        calls.append(told)
        raise KeyError("mine")

    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1))
    async with (
        Wire(FAILED, Answer(), FAILED, Answer()) as wire,
        opened(wire.url, limiter=limiter, **{name: observer}) as transport,
    ):
        for _ in range(2):
            await transport.send(call())
    assert len(calls) == 1
    (record,) = (each for each in caplog.records if name in each.getMessage())
    assert record.levelname == "ERROR"


async def test_observers_are_told_the_wait_of_a_refused_call() -> None:
    """It goes first, so the queue behind it does not count."""
    waits: list[float] = []
    retries: list[Retry] = []
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=9), in_flight=1)
    async with (
        Wire(REFUSED, Answer()) as wire,
        opened(
            wire.url, limiter=limiter, on_wait=waits.append, on_retry=retries.append
        ) as transport,
    ):
        first = asyncio.ensure_future(transport.send(call()))
        others = [asyncio.ensure_future(transport.send(call())) for _ in range(30)]
        await first
        for each in others:
            each.cancel()
    assert [each.seconds for each in retries] == pytest.approx([2.0], abs=0.01)
    assert waits[-1] == pytest.approx(2.0, abs=0.01)


async def test_who_waits_in_vain_is_not_told_to_wait() -> None:
    """A call that fails at once has no wait."""
    waits: list[float] = []
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1))
    async with Wire() as wire, opened(wire.url, limiter=limiter, on_wait=waits.append) as transport:
        await transport.send(call())
        with pytest.raises(BudgetWaitError):
            await transport.send(call(deadline=0.5))
    assert waits == []


# --- A token that is renewed ----------------------------------------------------------------------


class Tokens:
    """Gives tokens `t-1`, `t-2`, … and counts how often it was asked."""

    def __init__(self, lives_for: float = 3600.0) -> None:
        self.lives_for = lives_for
        self.asked = 0
        self.gone = False

    async def renew(self) -> AccessToken:
        self.asked += 1
        await asyncio.sleep(1.0)
        if self.gone:
            raise ReauthorisationRequiredError("authorise it again", portal="acme", app_id="a-1")
        return AccessToken(token=Secret(f"t-{self.asked}"), lives_for=self.lives_for)

    async def replaced(self) -> None:
        while self.gone:  # noqa: ASYNC110  # as a store is looked at
            await asyncio.sleep(5.0)

    def auth(self, patience: float | None = 0.0) -> RefreshToken:
        return RefreshToken(
            self.renew, replaced=self.replaced, patience=patience, hint="look there"
        )


async def test_a_refused_token_is_renewed_once_and_the_call_repeated() -> None:
    """A 401 costs one renewal and one more try, also for a call that must not be sent twice."""
    tokens = Tokens()
    wire = Wire(Answer(status=401), Answer(body=b'{"id": 7}'))
    async with wire, opened(wire.url, auth=tokens.auth()) as transport:
        made = await transport.send(call("once"))
    assert (made, tokens.asked) == ({"id": 7}, 2)
    assert [asked.headers["Authorization"] for asked in wire.asked] == ["Bearer t-1", "Bearer t-2"]


async def test_a_token_refused_again_is_an_error_that_says_where_to_look() -> None:
    """Two refusals in a row end the call: renewing more often would hammer both servers."""
    tokens = Tokens()
    wire = Wire(Answer(status=401), Answer(status=401))
    async with wire, opened(wire.url, auth=tokens.auth()) as transport:
        with pytest.raises(AuthenticationError, match="look there") as caught:
            await transport.send(call())
    assert (tokens.asked, len(wire.asked), caught.value.attempts) == (2, 2, 2)


async def test_200_callers_that_meet_a_refused_token_cause_one_renewal() -> None:
    """Late refusals of the old token do not renew the new one."""
    tokens = Tokens()
    wire = Wire(*[Answer(status=401, after=1.0)] * 200, Answer())
    limiter = LocalLimiter(None, in_flight=200)
    async with wire, opened(wire.url, auth=tokens.auth(), limiter=limiter) as transport:
        await asyncio.gather(*(transport.send(call()) for _ in range(200)))
    assert (tokens.asked, len(wire.asked)) == (2, 400)


async def test_calls_that_wait_for_a_token_take_up_no_turn() -> None:
    """While one portal's token is gone, the budget that others share stays free."""
    tokens, limiter = Tokens(), LocalLimiter(None, in_flight=1)
    tokens.gone = True
    async with (
        Wire() as wire,
        opened(wire.url, auth=tokens.auth(None), limiter=limiter) as transport,
    ):
        waiting = [asyncio.create_task(transport.send(call())) for _ in range(5)]
        await asyncio.sleep(60.0)
        assert (limiter.budget().in_flight, limiter.budget().queue_length, wire.asked) == (0, 0, [])
        tokens.gone = False
        await asyncio.gather(*waiting)
    assert len(wire.asked) == 5


async def test_a_deadline_ends_the_wait_for_a_token() -> None:
    """A call with a deadline returns by then; its error tells what it waited for."""
    tokens = Tokens()
    tokens.gone = True
    async with Wire() as wire, opened(wire.url, auth=tokens.auth(None)) as transport:
        with pytest.raises(DeadlineExceededError, match="authorise it again"):
            await transport.send(call(deadline=30.0))


async def test_closing_the_client_ends_the_wait_for_a_token() -> None:
    """A call that waits for a token when the client is closed fails with what has happened."""
    tokens = Tokens()
    tokens.gone = True
    async with Wire() as wire:
        async with opened(wire.url, auth=tokens.auth(None)) as transport:
            waiting = asyncio.create_task(transport.send(call()))
            await asyncio.sleep(30.0)
        with pytest.raises(ConfigurationError, match="closed while the call waited"):
            await waiting


@pytest.mark.parametrize(
    ("effect", "ends_as"),
    [("read", ReauthorisationRequiredError), ("repeatable", OutcomeUnknownError)],
)
async def test_a_call_that_cannot_be_repeated_for_lack_of_a_token(
    effect: Effect, ends_as: type[PlanadoError]
) -> None:
    """A write whose first try may have been carried out says so, and what it lacks."""
    tokens = Tokens()
    wire = Wire(CUT, Answer(status=401))

    def leave(_: Retry) -> None:
        tokens.gone = True

    async with wire, opened(wire.url, auth=tokens.auth(), on_retry=leave) as transport:
        with pytest.raises(ends_as, match="authorise it again") as caught:
            await transport.send(call(effect))
    assert len(wire.asked) == 2
    lacking = caught.value if effect == "read" else caught.value.__cause__
    assert isinstance(lacking, ReauthorisationRequiredError)


async def test_a_write_that_was_refused_is_not_in_doubt() -> None:
    """Where all that came was a 401, nothing was done, and the error is that there is no token."""
    tokens = Tokens()
    wire = Wire(Answer(), Answer(status=401))
    async with wire, opened(wire.url, auth=tokens.auth()) as transport:
        await transport.send(call())
        tokens.gone = True
        with pytest.raises(ReauthorisationRequiredError):
            await transport.send(call("repeatable"))
    assert len(wire.asked) == 2


async def test_a_token_that_ends_while_calls_wait_for_the_budget_is_renewed() -> None:
    """None of them goes out with a token that has ended, or with none, however long the line is."""
    tokens = Tokens(lives_for=10.0)
    limiter = LocalLimiter(RateLimit(60, burst=1), in_flight=20)
    async with (
        Wire(Answer(after=3.0)) as wire,
        opened(wire.url, auth=tokens.auth(), limiter=limiter) as transport,
    ):
        await asyncio.gather(*(transport.send(call()) for _ in range(60)))
    ends: dict[str, float] = {}
    for asked in wire.asked:
        sent_with = asked.headers["Authorization"]
        assert asked.at < ends.setdefault(sent_with, asked.at + 10.0)
    assert set(ends) == {f"Bearer t-{number}" for number in range(1, tokens.asked + 1)}
    assert tokens.asked > 5


async def test_a_missing_scope_is_named() -> None:
    """Where a call says what it needs, a 403 says what the app lacks."""
    wire = Wire(Answer(status=403), Answer(status=403))
    async with wire, opened(wire.url) as transport:
        with pytest.raises(ScopeError, match="'shift:read'") as caught:
            await transport.send(evolve(call(), scope="shift:read"))
        assert (caught.value.scope, caught.value.status) == ("shift:read", 403)
        with pytest.raises(PermissionDeniedError) as plain:
            await transport.send(call())
        assert not isinstance(plain.value, ScopeError)


async def test_a_form_is_sent_as_one_and_never_shown() -> None:
    """Fields of a form go out encoded, and neither a repr nor an error of unknown end has them."""
    wire = Wire(Answer(status=500))
    form: dict[str, str | Secret] = {
        "grant_type": "refresh_token",
        "refresh_token": Secret("canary+&=ü"),
    }
    sent = evolve(call("once"), form=form)
    async with wire, opened(wire.url) as transport:
        with pytest.raises(OutcomeUnknownError) as caught:
            await transport.send(sent)
    (asked,) = wire.asked
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    sent_as = {"grant_type": "refresh_token", "refresh_token": "canary+&=ü"}
    assert dict(parse_qsl(asked.body.decode())) == sent_as
    assert "canary" not in repr(sent) + repr(vars(caught.value)) + str(caught.value)


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "canary-1", "expires_in":',
        b'["canary-1"]',
        b"<pre>POST /connect/token refresh_token=canary-1",
        b'{"error": "canary-1"}',
        b'{"error": ["canary-1"]}',
        b'{"error": "invalid_grant", "error_description": "canary-1 has expired"}',
    ],
)
async def test_what_is_answered_to_a_form_is_never_shown(
    status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A token, whole or cut, or a page that quotes the form: of all that, one word at most."""
    sent = evolve(call("repeatable"), form={"a": "b"}, body=None, answers=(str,))
    wire = Wire(Answer(status=status, body=body))
    with caplog.at_level(logging.DEBUG, "planado_async"):
        async with wire, opened(wire.url, retries=RetryPolicy(attempts=2)) as transport:
            with pytest.raises(PlanadoError) as caught:
                await transport.send(sent)
    error = caught.value
    assert error.__traceback__
    error.__traceback__ = error.__traceback__.tb_next  # this test has the body in its own locals
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert "canary" not in "".join(told.format()) + repr(vars(error)) + repr(pickle.dumps(error))
    assert "canary" not in caplog.text


async def test_who_wants_to_know_is_told_the_headers_of_answers() -> None:
    """A call may look at the headers, such as the date of the server."""
    told: list[Mapping[str, str]] = []
    async with Wire() as wire, opened(wire.url) as transport:
        await transport.send(evolve(call(), told=told.append))
    assert [headers["Content-Length"] for headers in told] == ["2"]
