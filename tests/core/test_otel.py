"""Spans and metrics of calls, as an exporter gets them."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from planado_async import LocalLimiter, Planado, RateLimit
from planado_async.core.auth import ApiKey
from planado_async.core.errors import PlanadoError, RateLimitError
from planado_async.core.otel import OpenTelemetry
from planado_async.core.retry import RetryPolicy
from planado_async.core.transport import Call, Options
from tests.core.planted import PLANTED, a_bad_day
from tests.core.wire import CUT, FAILED, KEY, REFUSED, Answer, Wire, opened

GONE = Answer(status=404, headers={"X-Request-Id": "r-1", "Retry-After": "7"})
SLOW = Answer(after=90.0)
NAMES = {"http.request.method": "GET", "url.template": "/jobs/{id}"}


class Exported:
    """A telemetry, and all that it exports."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def points(self) -> dict[str, list[Any]]:
        """Return each metric's points by its name."""
        data = self._reader.get_metrics_data()
        metrics = (
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        return {f"{metric.name} {metric.unit}": list(metric.data.data_points) for metric in metrics}

    def counts(self, metric: str) -> list[tuple[Mapping[str, Any], int]]:
        return [(dict(point.attributes), point.value) for point in self.points().get(metric, [])]

    def text(self) -> str:
        """Return everything that was exported, as text."""
        return "\n".join([*(span.to_json() for span in self.spans), repr(self.points())])


@pytest.fixture
def exported() -> Iterator[Exported]:
    exported = Exported()
    yield exported
    exported.tracers.shutdown()
    exported.meters.shutdown()


def call(**options: Any) -> Call:
    return Call(
        method="GET", route="/jobs/{id}", path="/jobs/7", effect="read", options=Options(**options)
    )


async def sent(exported: Exported, *answers: Answer, **options: Any) -> Wire:
    """Send one call that meets these answers."""
    async with (
        Wire(*answers) as wire,
        opened(wire.url, telemetry=exported.telemetry) as transport,
    ):
        with suppress(PlanadoError):
            await transport.send(call(**options))
    return wire


# --- Spans ----------------------------------------------------------------------------------------


async def test_a_call_is_a_span_with_these_attributes(exported: Exported) -> None:
    """What the page on telemetry lists, and nothing else."""
    wire = await sent(exported, Answer())
    span = exported.span
    told = dict(span.attributes or {})
    assert len(str(told.pop("planado.call_id"))) == 8
    assert told == {
        **NAMES,
        "server.address": "127.0.0.1",
        "server.port": int(wire.asked[0].headers["Host"].partition(":")[2]),
        "http.response.status_code": 200,
        "planado.attempts": 1,
        "planado.refusals": 0,
        "planado.waited": 0.0,
    }
    assert (span.name, span.kind) == ("GET /jobs/{id}", SpanKind.CLIENT)
    assert (span.status.status_code, span.events) == (StatusCode.UNSET, ())
    scope = span.instrumentation_scope
    assert scope is not None
    assert scope.name == "planado_async"


@pytest.mark.parametrize(
    ("answers", "options", "told"),
    [
        ((GONE,), {}, ("NotFoundError", 404, 1, 0, None)),
        ((FAILED,), {}, ("ServerError", 503, 5, 0, 4)),
        ((CUT,), {}, ("TransportError", None, 5, 0, 4)),
        ((SLOW,), {"deadline": 3.0}, ("DeadlineExceededError", None, 1, 0, None)),
        ((REFUSED,), {"deadline": 1.0}, ("BudgetWaitError", 429, 0, 1, None)),
        ((REFUSED, REFUSED, GONE), {}, ("NotFoundError", 404, 1, 2, 2)),
        ((), {"deadline": 0.0}, ("DeadlineExceededError", None, 0, 0, None)),
    ],
)
async def test_a_failure_is_told_by_its_class(
    exported: Exported,
    answers: tuple[Answer, ...],
    options: dict[str, Any],
    told: tuple[Any, ...],
) -> None:
    """Class, last status, attempts, refusals and requests after the first; no message."""
    await sent(exported, *answers, **options)
    attributes = exported.span.attributes or {}
    kind, *_ = told
    assert told == (
        attributes["error.type"],
        attributes.get("http.response.status_code"),
        attributes["planado.attempts"],
        attributes["planado.refusals"],
        attributes.get("http.request.resend_count"),
    )
    assert exported.span.status.status_code is StatusCode.ERROR
    assert exported.span.status.description == kind
    assert not [event for event in exported.span.events if event.name == "exception"]


async def test_each_refusal_and_retry_is_an_event(exported: Exported) -> None:
    """In their order, each with its class, the tries so far, and what the server asked for."""
    wait = Answer(status=429, headers={"Retry-After": "9"})
    await sent(exported, FAILED, wait, CUT, Answer())
    assert [(event.name, dict(event.attributes or {})) for event in exported.span.events] == [
        ("planado.retry", {"error.type": "ServerError", "planado.attempts": 1}),
        (
            "planado.refusal",
            {"error.type": "RateLimitError", "planado.attempts": 1, "planado.retry_after": 9.0},
        ),
        ("planado.retry", {"error.type": "TransportError", "planado.attempts": 2}),
    ]
    waited = (exported.span.attributes or {})["planado.waited"]
    assert isinstance(waited, float)
    assert waited > 9.0


async def test_a_look_up_is_an_event_of_the_call_that_needs_it(exported: Exported) -> None:
    """What a lost answer makes necessary stays one span."""
    found = Answer(body=b'{"job": {"uuid": "u", "external_id": "wo-1"}}')
    async with (
        Wire(CUT, FAILED, found) as wire,
        Planado(KEY, base_url=wire.url, telemetry=exported.telemetry) as planado,
    ):
        await planado.jobs.create(external_id="wo-1")
    assert exported.span.name == "POST /jobs"
    assert [event.name for event in exported.span.events] == ["planado.look_up", "planado.retry"]


async def test_headers_of_the_list_are_attributes(exported: Exported) -> None:
    """The server's request id finds the call on its side."""
    await sent(exported, GONE)
    attributes = exported.span.attributes or {}
    assert attributes["http.response.header.x-request-id"] == ("r-1",)
    assert attributes["http.response.header.retry-after"] == ("7",)


async def test_a_cancelled_call_ends_its_span(exported: Exported) -> None:
    """It is an error of the class CancelledError, and still raised as what it is."""
    async with (
        Wire(SLOW) as wire,
        opened(wire.url, telemetry=exported.telemetry) as transport,
    ):
        sending = asyncio.create_task(transport.send(call()))
        await asyncio.sleep(2.0)
        sending.cancel()
        await asyncio.wait([sending])
    assert sending.cancelled()
    assert (exported.span.attributes or {})["error.type"] == "CancelledError"
    assert exported.span.status.description == "CancelledError"


async def test_the_span_is_the_current_one_during_its_call(exported: Exported) -> None:
    """What is traced inside is its child, it is the child of what is around."""
    tracer = exported.tracers.get_tracer("test")

    class Traced(ApiKey):
        async def headers(self) -> Mapping[str, str]:
            with tracer.start_as_current_span("inner"):
                return await super().headers()

    async with (
        Wire() as wire,
        opened(wire.url, telemetry=exported.telemetry, auth=Traced(KEY)) as transport,
    ):
        with tracer.start_as_current_span("outer") as outer:
            await asyncio.gather(transport.send(call()), transport.send(call()))
            assert get_current_span() is outer
    calls = [span for span in exported.spans if span.name == "GET /jobs/{id}"]
    inner = [span for span in exported.spans if span.name == "inner"]
    parents = {span.parent.span_id for span in inner if span.parent}
    assert parents == {span.context.span_id for span in calls if span.context}
    assert len(parents) == 2
    for span in calls:
        assert span.parent is not None
        assert span.parent.span_id == outer.get_span_context().span_id


# --- Metrics --------------------------------------------------------------------------------------


def only(points: list[Any]) -> tuple[Mapping[str, Any], HistogramDataPoint]:
    (point,) = points
    return dict(point.attributes), point


async def test_times_are_histograms(exported: Exported) -> None:
    """The whole call, and its wait for the budget without that between tries."""
    limiter = LocalLimiter(RateLimit(6, per=60.0, burst=1))
    await limiter.acquire()
    patient = RetryPolicy(first_wait=100.0, longest_wait=100.0, attempts=2)
    async with (
        Wire(Answer(status=503, after=5.0)) as wire,
        opened(
            wire.url, telemetry=exported.telemetry, limiter=limiter, retries=patient
        ) as transport,
    ):
        with suppress(PlanadoError):
            await transport.send(call())
    waited = (exported.span.attributes or {})["planado.waited"]
    assert isinstance(waited, float)
    outcome = {**NAMES, "error.type": "ServerError"}
    points = exported.points()
    attributes, duration = only(points["planado.call.duration s"])
    assert attributes == outcome
    assert duration.sum == pytest.approx(waited + 10.0, abs=0.2)
    attributes, queued = only(points["planado.call.queued s"])
    assert attributes == outcome
    assert queued.sum == pytest.approx(10.0, abs=0.1)
    assert waited > 60.0
    assert (duration.explicit_bounds[0], duration.explicit_bounds[-1]) == (0.05, 600.0)
    assert queued.explicit_bounds == duration.explicit_bounds


async def test_a_success_has_no_error_in_its_metrics(exported: Exported) -> None:
    """Method and route alone; no id, which would make a series of each."""
    await sent(exported, Answer())
    points = exported.points()
    assert set(points) == {"planado.call.duration s", "planado.call.queued s"}
    assert [only(each)[0] for each in points.values()] == [NAMES, NAMES]


async def test_refusals_and_retries_are_counted(exported: Exported) -> None:
    """Each once, retries by the class of what failed."""
    await sent(exported, FAILED, REFUSED, REFUSED, CUT, Answer())
    assert exported.counts("planado.refusals {refusal}") == [(NAMES, 2)]
    assert exported.counts("planado.retries {retry}") == [
        ({**NAMES, "error.type": "ServerError"}, 1),
        ({**NAMES, "error.type": "TransportError"}, 1),
    ]


async def test_the_refusal_that_ends_a_call_is_counted_too(exported: Exported) -> None:
    """A call that gives up after two repeats was refused three times."""
    async with (
        Wire(REFUSED) as wire,
        opened(
            wire.url, telemetry=exported.telemetry, retries=RetryPolicy(refusals=2)
        ) as transport,
    ):
        with pytest.raises(RateLimitError):
            await transport.send(call())
    assert exported.counts("planado.refusals {refusal}") == [(NAMES, 3)]
    assert (exported.span.attributes or {})["planado.refusals"] == 3


# --- What is never exported, and what is not there ------------------------------------------------


async def test_nothing_exported_shows_whom_a_call_is_about(exported: Exported) -> None:
    """Neither key nor id, name, telephone number, address or text, whatever the server quotes."""
    errors = await a_bad_day(telemetry=exported.telemetry)
    assert len(exported.spans) >= len(errors)
    assert not PLANTED.shown_in(exported.text())
    assert '"GET (request)"' in exported.text()


async def test_with_options_is_told_of_too(exported: Exported) -> None:
    """It shares the telemetry like session and budget."""
    async with (
        Wire(Answer(body=b'{"job": {"uuid": "u"}}')) as wire,
        Planado(KEY, base_url=wire.url, telemetry=exported.telemetry) as planado,
    ):
        await planado.with_options(timeout=3.0).jobs.get("u")
    assert exported.span.name == "GET /jobs/{id}"


def test_without_opentelemetry_it_says_what_to_install() -> None:
    """The extra is named; the client itself needs nothing of it."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from planado_async import Planado\n"
        "import planado_async.core.otel"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: planado_async.core.otel needs OpenTelemetry: "
        "pip install 'planado_async[otel]'"
    )
