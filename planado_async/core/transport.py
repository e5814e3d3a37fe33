"""Sends one call: deadline → limiter → auth → aiohttp → status → error or JSON → retry."""

import asyncio
import logging
import platform
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from secrets import token_hex
from typing import Any
from urllib.parse import quote, unquote, urlencode

import aiohttp
import orjson
from attrs import Factory, field, frozen
from yarl import URL

from planado_async.core import __version__
from planado_async.core.auth import Auth
from planado_async.core.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PlanadoError,
    RateLimitError,
    TransportError,
    TryTimeoutError,
    UnexpectedResponseError,
    error_for,
    is_refusal,
    scope_error,
)
from planado_async.core.gate import Turn
from planado_async.core.limiter import Limiter, Priority
from planado_async.core.retry import Effect, Failure, LookUp, Retry, RetryPolicy, Stop, Wait, decide
from planado_async.core.secret import Secret
from planado_async.core.telemetry import Begun, Ended, Failed, Guard, Kind, Telemetry, Watch, shown

USER_AGENT = (
    f"planado_async/{__version__} aiohttp/{aiohttp.__version__} Python/{platform.python_version()}"
)

_HEADERS = {"Accept": "application/json", "User-Agent": USER_AGENT}

_log = logging.getLogger("planado_async")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@frozen(kw_only=True)
class Options:
    """How a call is sent; seconds are floats."""

    timeout: float = 30.0
    """For one try, from the request to the last byte of the answer."""
    deadline: float | None = None
    """For the whole call, waiting for the budget included."""
    priority: Priority = "normal"
    headers: Mapping[str, str] = field(factory=dict)
    """Headers the API reads as switches."""


@frozen(kw_only=True)
class Call:
    """What to send. `route` is the path with names in place of ids, which is all that logs show."""

    method: str
    route: str
    path: str
    effect: Effect
    query: Sequence[tuple[str, str]] = ()
    body: Any = None
    read: Callable[[Any], Any] = lambda answer: answer
    """Makes the answer's JSON into what is returned, or raises `UnexpectedResponseError`."""
    answers: tuple[type, ...] = (dict, list)
    """What the answer's JSON may be; anything else is no answer to this call."""
    form: Mapping[str, str | Secret] | None = None
    """In place of `body`, the fields of a form."""
    patient: bool = True
    """Whether it waits for a person to mend what proves who sends it."""
    scope: str | None = None
    """What an app's token must be granted for this call."""
    told: Callable[[Mapping[str, str]], object] = lambda headers: None
    """Is told the headers of every answer."""
    look_up: "Call | None" = None
    """How to read the record that a `recoverable` call makes; it returns what the call returns."""
    options: Options = field(factory=Options)
    content: bytes | None = field(
        init=False,
        repr=False,
        default=Factory(lambda call: _written_out(call), takes_self=True),
    )
    """The body as it is sent; made here, so that what JSON cannot say costs no call."""

    @property
    def content_type(self) -> str:
        """Of the body."""
        return "application/json" if self.form is None else "application/x-www-form-urlencoded"


def _written_out(call: Call) -> bytes | None:
    if call.form is not None:
        return urlencode([(key, _plain(value)) for key, value in call.form.items()]).encode()
    return None if call.body is None else orjson.dumps(call.body)


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def path_of(route: str, *ids: str) -> str:
    """Return `route` with its names replaced by `ids`, each quoted whole.

    Raises:
        ValueError: an id that is empty, `.` or `..`, which no quoting keeps from being a path.
    """
    names = iter(ids)
    return "/".join(_quoted(next(names)) if part[:1] == "{" else part for part in route.split("/"))


def _quoted(id: str) -> str:
    if not isinstance(id, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise TypeError(f"an id is text, not {type(id).__name__}")
    if id in ("", ".", ".."):
        raise ValueError(f"{id!r} is no id")
    return quote(id, safe="")


def checked_url(url: str, name: str) -> str:
    """Return a base URL without its trailing slash, or raise `ConfigurationError`."""
    try:
        parsed = URL(url)
    except ValueError:
        raise ConfigurationError(f"{name} is no URL") from None
    if parsed.query_string or parsed.fragment or parsed.user or parsed.password:
        raise ConfigurationError(f"{name} takes no query, fragment, user name or password")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"{name} takes a URL that begins with https://")
    if parsed.scheme == "http" and parsed.host not in _LOOPBACK:
        raise ConfigurationError(f"{name} is {url!r}; plain http would show the key, use https")
    return url.rstrip("/")


def checked_path(path: str) -> str:
    """Return a path given whole, or raise ValueError if it would leave the API."""
    parts = path.split("/")
    if parts[0] or len(parts) < 2 or any(unquote(part) in ("", ".", "..") for part in parts[1:]):
        raise ValueError(f"{path!r} is no path such as /jobs/id")
    if not (path.isascii() and path.isprintable()) or any(sign in path for sign in "?# \\"):
        raise ValueError(f"{path!r} holds characters that must be quoted, or a query")
    return path


class _Progress:
    """What one call has been through so far."""

    __slots__ = (
        "attempts",
        "began",
        "conflict",
        "edition",
        "failure",
        "headers",
        "id",
        "on_the_wire",
        "queued",
        "refusals",
        "renewed",
        "status",
        "unproven",
        "waited",
        "watch",
        "written",
    )

    def __init__(self, outer: "_Progress | None" = None) -> None:
        self.id: str = outer.id if outer else token_hex(4)  # of this call's lines in the log
        self.watch: Watch | None = outer.watch if outer else None
        self.began = _now()
        self.status: int | None = None  # of the last answer, like its headers that may be shown
        self.headers: Mapping[str, str] = {}
        self.edition = 0  # of the headers that proved who sent the last try
        self.unproven = False  # nothing could be had that proves who sends it
        self.renewed = False  # these were refused, and others were had
        self.queued = 0.0  # the part of `waited` that was spent waiting for the budget
        self.attempts = 0
        self.refusals = 0
        self.waited = 0.0
        self.on_the_wire = False  # a try is under way, and the server may have it
        self.written = False  # an earlier try may have been carried out
        self.failure: PlanadoError | None = None  # what the last try ended with
        self.conflict: ConflictError | None = None  # it has ended so; what follows only adds to it

    def add(self, looking: "_Progress") -> None:
        """Count what looking the call up has cost."""
        self.waited += looking.waited
        self.queued += looking.queued
        self.refusals += looking.refusals
        self.status, self.headers = looking.status, looking.headers

    def ended(self, error: str | None) -> Ended:
        """Return how the call has ended, well or by an error of this class."""
        return Ended(
            error=error,
            status=self.status,
            headers=self.headers,
            attempts=self.attempts,
            refusals=self.refusals,
            queued=self.queued,
            waited=self.waited,
            seconds=_now() - self.began,
        )

    def failed(self, error: PlanadoError, kind: Kind) -> None:
        """Tell of a try that failed, though the call may go on."""
        if self.watch:
            self.watch.failed(Failed.by(error, kind, self.attempts))

    def may_have_happened(self, call: Call) -> bool:
        """Tell whether a write that fails now may still have been carried out."""
        return call.effect != "read" and (self.on_the_wire or self.written)


def _with_once(session: aiohttp.ClientSession) -> Sequence[aiohttp.ClientMiddlewareType] | None:
    """Return a caller's own middlewares, which those of a request replace, with ours behind.

    aiohttp has no public name for them. Were this one to go, theirs would run without ours.
    """
    own: Sequence[aiohttp.ClientMiddlewareType] | None = getattr(session, "_middlewares", None)
    return None if own is None else (*own, _once)


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or DELETE again by itself, past the budget.

    It does so when it sees its own error for a connection that broke, so it gets to see another.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was written
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as failure:
        raise aiohttp.ClientConnectionError(type(failure).__name__) from failure


class Transport:
    """Sends calls to one API; everybody who shares it shares session and budget."""

    def __init__(
        self,
        *,
        base_url: str,
        auth: Auth,
        limiter: Limiter,
        retries: RetryPolicy,
        session: aiohttp.ClientSession | None = None,
        on_wait: Callable[[float], object] | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        telemetry: Telemetry | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not isinstance(retries, RetryPolicy):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
            raise ConfigurationError(
                "retries= takes a RetryPolicy, such as RetryPolicy(attempts=3)"
            )
        self.limiter = limiter
        self.base_url = base_url
        self._auth = auth
        self._retries = retries
        self._session = session
        self._owns_session = session is None
        self._observers: dict[str, Callable[[Any], object] | None] = {
            "on_wait": on_wait,
            "on_retry": on_retry,
        }
        self._users = 0  # `async with` blocks that are open
        self._in_line: set[asyncio.Task[Any]] = set()  # waiting for a token, or for the limiter
        self._evicted: set[asyncio.Task[Any]] = set()  # of these, those whom the end has overtaken
        self._telemetry = None if telemetry is None else Guard(telemetry)
        self._rng = rng or random.Random()

    async def open(self) -> None:
        """Make the session, unless one was given; whoever opens closes, the last for all."""
        self._users += 1
        if self._session is None:
            # Cookies would tie calls together that have nothing to do with each other.
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), middlewares=(_once,)
            )

    async def close(self) -> None:
        """Close the session if it is our own, and let the calls fail that wait for their turn."""
        self._users = max(0, self._users - 1)
        if self._users:
            return
        for task in self._in_line:
            task.cancel()
        evicted, self._in_line = self._in_line, set()
        self._evicted |= evicted
        await self._auth.close()
        if self._owns_session and self._session:
            await self._session.close()
            self._session = None

    async def send(self, call: Call) -> Any:
        """Send a call and return what its `read` makes of the JSON, None for an empty body.

        Raises:
            PlanadoError: any of the tree but the webhooks' branch.
        """
        progress = _Progress()
        if self._telemetry is None:
            return await self._to_its_end(call, progress)
        with self._telemetry.call(self._begun(call, progress)) as progress.watch:
            return await self._to_its_end(call, progress)

    def _begun(self, call: Call, progress: _Progress) -> Begun:
        server = URL(self.base_url)
        return Begun(
            id=progress.id,
            method=call.method,
            route=call.route,
            host=server.host or "",
            port=server.port or 0,
        )

    async def _to_its_end(self, call: Call, progress: _Progress) -> Any:
        """Carry a call out, and tell how it ended."""
        failure = None
        try:
            return await self._within_deadline(call, progress)
        except BaseException as error:
            failure = type(error).__name__
            if isinstance(error, PlanadoError):
                error.attempts, error.waited = progress.attempts, progress.waited
                error.add_note(f"{call.method} {call.route}")
            raise
        finally:
            ended = progress.ended(failure)
            _log.debug("call %s: %s %s: %s", progress.id, call.method, call.route, ended)
            if progress.watch:
                progress.watch.ended(ended)

    async def _within_deadline(self, call: Call, progress: _Progress) -> Any:
        deadline = call.options.deadline
        if deadline is None:
            return await self._until_done(call, progress, None)
        if deadline <= 0:
            raise DeadlineExceededError("the deadline has passed already; nothing was sent")
        ends_at = _now() + deadline
        scope = asyncio.timeout(deadline)
        try:
            async with scope:
                return await self._until_done(call, progress, ends_at)
        except TimeoutError:
            if not scope.expired():
                raise
            if progress.conflict:
                raise progress.conflict from None
            if progress.may_have_happened(call):
                raise _unknown(call, f"the deadline of {deadline} s passed") from None
            last = progress.failure or self._auth.trouble
            tried = f"; {progress.attempts} tries, the last: {last}" if last else ""
            raise DeadlineExceededError(
                f"not done within its deadline of {deadline} s{tried}"
            ) from last

    async def _until_done(self, call: Call, progress: _Progress, ends_at: float | None) -> Any:
        while True:
            try:
                return await self._try(call, progress, ends_at)
            except PlanadoError as error:
                progress.failure = error
                if progress.unproven:
                    if progress.may_have_happened(call):
                        raise _unknown(call, str(error)) from error
                    raise
                if isinstance(error, AuthenticationError) and self._can_renew(progress):
                    continue
                decision = self._decide(call, progress, error)
                if isinstance(decision, LookUp):
                    found = await self._recover(call, progress, error, decision, ends_at)
                    if found is not None:
                        return found
                else:
                    self._tell(call, progress, error, decision.seconds)
                    await _pause(progress, decision.seconds)

    async def _authenticated(self, call: Call, progress: _Progress) -> None:
        """Wait until the call can prove who sends it, before it takes up a turn."""
        self._open_session()  # else this would be asked in vain
        began = _now()
        try:
            with self._lined_up():
                await self._auth.ready(patient=call.patient)
        except PlanadoError:
            progress.unproven = True
            raise
        finally:
            progress.waited += _now() - began

    def _can_renew(self, progress: _Progress) -> bool:
        """Tell whether a call whose proof was refused may try another one."""
        if progress.edition != self._auth.edition:
            return True
        first, progress.renewed = not progress.renewed, True
        return first and self._auth.refused(progress.edition)

    async def _try(self, call: Call, progress: _Progress, ends_at: float | None) -> Any:
        """Make one try, paying for it."""
        turn = await self._turn(call, progress, ends_at)
        answered = False
        try:
            progress.attempts += 1
            answer = await self._exchange(call, progress)
            progress.on_the_wire = False
            self.limiter.heed(turn, answer.headers)
            call.told(answer.headers)
            value, error = _read(answer, call)
            if isinstance(error, RateLimitError):
                progress.refusals += 1
                progress.attempts -= 1
                progress.failed(error, "refusal")
                _log.warning("call %s: %s %s is refused", progress.id, call.method, call.route)
                await self.limiter.refused(turn, error.retry_after)
            else:
                answered = True
        finally:
            self.limiter.release(turn, answered=answered)
        if isinstance(error, NotFoundError) and call.method == "DELETE" and progress.written:
            return None  # the try before removed it, and its answer was lost
        if isinstance(error, AuthenticationError):
            error.args = (f"{error}; {self._auth.hint}",)
        if call.scope and isinstance(error, PermissionDeniedError):
            error = scope_error(error, call.scope)
        if error:
            raise error
        return value

    async def _turn(self, call: Call, progress: _Progress, ends_at: float | None) -> Turn:
        """Wait for a turn with a proof that holds when it comes."""
        again = progress.refusals > 0
        while True:
            await self._authenticated(call, progress)
            turn = await self._granted(call, progress, ends_at, again=again)
            if self._auth.holds():
                return turn
            self.limiter.release(turn, answered=False)
            again = True

    async def _granted(
        self, call: Call, progress: _Progress, ends_at: float | None, *, again: bool
    ) -> Turn:
        """Wait for the limiter, and tell who wants to know."""
        priority, began = call.options.priority, _now()
        longest = None if ends_at is None else ends_at - began
        if self._observers["on_wait"]:
            eta = self.limiter.eta(priority, again=again)
            if eta > 0 and (longest is None or eta <= longest):
                self._observe("on_wait", eta)
        try:
            with self._lined_up():
                return await self.limiter.acquire(priority, again=again, longest=longest)
        finally:
            seconds = _now() - began
            progress.waited += seconds
            progress.queued += seconds

    @contextmanager
    def _lined_up(self) -> Iterator[None]:
        """Let the call fail that waits in here when the client is closed."""
        task = asyncio.current_task()
        assert task is not None
        self._in_line.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task in self._evicted and not task.uncancel():  # else its caller cancelled it too
                raise ConfigurationError("the client was closed while the call waited") from None
            raise
        finally:
            self._in_line.discard(task)
            self._evicted.discard(task)

    def _observe(self, name: str, told: Any) -> None:
        """Tell an observer; one that fails is told no more, and no call fails with it."""
        try:
            if observer := self._observers[name]:
                observer(told)
        except Exception:
            _log.exception("%s failed and is not called again; the calls go on", name)
            self._observers[name] = None

    async def _exchange(self, call: Call, progress: _Progress) -> "_Answer":
        """Send the request once; map what aiohttp raises, here and nowhere else."""
        error: BaseException
        send = self._request(call)
        # No local holds the headers: what reports errors with the locals of frames would send them.
        request = send(await self._auth.headers())
        progress.edition = self._auth.edition
        progress.on_the_wire = True
        try:
            async with request as response:
                answer = _Answer(response.status, response.headers, await response.read())
                progress.status, progress.headers = response.status, shown(response.headers)
                return answer
        except asyncio.CancelledError as cancelled:
            error = asyncio.CancelledError(*cancelled.args)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            error = _mapped(failure, call.options.timeout)
        progress.on_the_wire = not isinstance(error, ConnectError)
        # Raised here, not above: aiohttp's errors and frames hold the request, and with it the key.
        raise error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            raise ConfigurationError(
                "the client is not open, or its session was closed; use `async with` around calls"
            )
        return self._session

    def _request(
        self, call: Call
    ) -> Callable[[Mapping[str, str]], AbstractAsyncContextManager[aiohttp.ClientResponse]]:
        """Return what sends a call with the headers that authenticate it."""
        query = f"?{urlencode(call.query)}" if call.query else ""
        content = {} if call.content is None else {"Content-Type": call.content_type}
        headers = {**_HEADERS, **content, **call.options.headers}
        url = URL(f"{self.base_url}{call.path}{query}", encoded=True)
        return lambda auth: self._open_session().request(
            call.method,
            url,
            headers={**headers, **auth},
            data=call.content,
            allow_redirects=False,
            raise_for_status=False,
            timeout=aiohttp.ClientTimeout(total=call.options.timeout),
            middlewares=None if self._owns_session else _with_once(self._open_session()),
        )

    def _decide(self, call: Call, progress: _Progress, error: PlanadoError) -> Wait | LookUp:
        """Return how to go on after an error, or raise it."""
        failure = Failure(
            error=error,
            effect=call.effect,
            attempt=progress.attempts,
            refusals=progress.refusals,
            in_doubt=progress.written,
        )
        decision = decide(failure, self._retries, self._rng)
        if isinstance(decision, Stop):
            if decision.unknown:
                raise _unknown(call, str(error)) from error
            raise error
        never_happened = ConnectError | RateLimitError | ConflictError
        progress.written |= not isinstance(error, never_happened)
        return decision

    async def _recover(
        self,
        call: Call,
        progress: _Progress,
        error: PlanadoError,
        decision: LookUp,
        ends_at: float | None,
    ) -> Any:
        """Return what a call in doubt has made, None if it is to be sent again."""
        if isinstance(error, ConflictError) and not progress.written:
            raise await self._with_uuid(call, progress, error, ends_at)
        kind = type(error).__name__
        _log.info("call %s: %s %s is looked up: %s", progress.id, call.method, call.route, kind)
        progress.failed(error, "look_up")
        await _pause(progress, decision.seconds)
        try:
            found = await self._look_up(call, progress, ends_at)
        except PlanadoError as failure:
            raise _unknown(call, f"{error}; looking it up failed: {failure}") from failure
        if found is None and not decision.again:
            raise _unknown(call, f"{error}; it is not there yet") from error
        if found is None:
            self._tell(call, progress, error, 0.0)
        return found

    async def _with_uuid(
        self, call: Call, progress: _Progress, error: ConflictError, ends_at: float | None
    ) -> ConflictError:
        """Return a conflict with the uuid of the record that has the id already."""
        progress.conflict = error
        with suppress(PlanadoError):
            error.uuid = await self._look_up(call, progress, ends_at, once=True)
        if error.uuid is not None:
            error.args = (f"{error}; it is {error.uuid}",)
        return error

    async def _look_up(
        self, call: Call, progress: _Progress, ends_at: float | None, *, once: bool = False
    ) -> Any:
        """Read the record that a call makes, as a call of its own; None if there is none."""
        assert call.look_up is not None
        looking, send = _Progress(progress), self._try if once else self._until_done
        try:
            return await send(call.look_up, looking, ends_at)
        except NotFoundError:
            return None
        finally:
            progress.add(looking)

    def _tell(self, call: Call, progress: _Progress, error: PlanadoError, seconds: float) -> None:
        refused = isinstance(error, RateLimitError)
        if not refused:  # a refusal has been told as such
            kind = type(error).__name__
            _log.info(
                "call %s: %s %s is tried again: %s", progress.id, call.method, call.route, kind
            )
            progress.failed(error, "retry")
        if self._observers["on_retry"]:
            eta = self.limiter.eta(call.options.priority, again=True)
            retry = Retry(
                method=call.method,
                route=call.route,
                attempt=progress.attempts,
                seconds=eta if refused else seconds,
                error=error,
            )
            self._observe("on_retry", retry)


def _mapped(failure: Exception, timeout: float) -> TransportError:
    """Return our error for one of aiohttp's."""
    if isinstance(failure, aiohttp.ClientConnectorError):
        error = ConnectError(f"no connection: {failure}")
        error.retryable = not isinstance(failure, aiohttp.ClientSSLError)
        return error
    if isinstance(failure, TimeoutError):
        return TryTimeoutError(f"no whole answer within {timeout} s")
    return TransportError(f"the connection broke: {type(failure.__cause__ or failure).__name__}")


@frozen
class _Answer:
    """What came back. It shows no body: that of the identity server holds tokens."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def error(self, call: Call) -> PlanadoError:
        """Return the error it stands for; that of a form may quote what is secret."""
        body = self.body if call.form is None else _the_word(self.body)
        return error_for(self.status, self.headers, body)


def _read(answer: _Answer, call: Call) -> tuple[Any, PlanadoError | None]:
    """Return what a call makes of an answer, or the error it stands for."""
    if not 200 <= answer.status < 300:
        return None, answer.error(call)
    empty = not answer.body.strip()
    try:
        parsed = None if empty else orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None, answer.error(call)
    expected = empty or isinstance(parsed, call.answers)
    if not expected or is_refusal(answer.status, answer.body):
        return None, answer.error(call)
    try:
        return call.read(parsed), None
    except PlanadoError as failure:
        return None, failure.with_traceback(None)  # whose frames hold what was answered


def _the_word(body: bytes) -> bytes:
    """Return of an error's body nothing but its `error`, a word of OAuth's (RFC 6749, 5.2)."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b""
    word = parsed.get("error") if isinstance(parsed, dict) else None
    is_one = isinstance(word, str) and len(word) < 50 and word.replace("_", "").isalpha()
    return orjson.dumps({"error": word}) if is_one else b""


def _unknown(call: Call, reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{call.method} {call.route} was sent and may or may not have happened ({reason}); "
        f"{_advice(call)} before sending it again",
        method=call.method,
        path=call.path,
        sent=call.body,
    )


def _advice(call: Call) -> str:
    """Say what to look up. The message names no id: it may end in a log."""
    if call.look_up:
        return f"ask {call.look_up.method} {call.look_up.route}, with the id in .sent,"
    return "look the record up" if call.method == "POST" else "look up the record of .path"


async def _pause(progress: _Progress, seconds: float) -> None:
    began = _now()
    try:
        await asyncio.sleep(seconds)
    finally:
        progress.waited += _now() - began


def expect(answer: Any, key: str, kind: type) -> Any:
    """Return `answer[key]`, of the JSON type `kind`, or raise `UnexpectedResponseError`."""
    if isinstance(answer, dict) and isinstance(answer.get(key), kind):
        return answer[key]
    raise UnexpectedResponseError(f"the answer has no {key!r} that is {kind.__name__}")


def _now() -> float:
    return asyncio.get_running_loop().time()
