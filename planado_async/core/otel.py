"""Spans and metrics of calls for OpenTelemetry; import it yourself, nothing else in here does.

It needs the extra `planado_async[otel]`. What it tells is described in the documentation, under
Logs and telemetry, name by name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from planado_async.core import __version__
from planado_async.core.telemetry import Begun, CallObserver, Ended, Failed

try:
    from opentelemetry.metrics import Meter, MeterProvider, get_meter
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer
except ImportError as _missing:
    raise ImportError(
        "planado_async.core.otel needs OpenTelemetry: pip install 'planado_async[otel]'"
    ) from _missing

_SCOPE = "planado_async"

_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""From an answer at once to a long queue for the budget; the library's own fit milliseconds."""


class OpenTelemetry:
    """Makes a span of every call and metrics of all: `Planado(telemetry=OpenTelemetry())`.

    Args:
        tracer_provider: makes the spans; the global one if not given.
        meter_provider: makes the metrics; the global one if not given.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = get_tracer(_SCOPE, __version__, tracer_provider)
        self._metrics = _Metrics(get_meter(_SCOPE, __version__, meter_provider))

    @contextmanager
    def call(self, begun: Begun) -> Iterator[CallObserver]:
        """Give the observer of one call, whose span is the current one."""
        names = {"http.request.method": begun.method, "url.template": begun.route}
        with self._tracer.start_as_current_span(
            f"{begun.method} {begun.route}",
            kind=SpanKind.CLIENT,
            attributes={
                **names,
                "server.address": begun.host,
                "server.port": begun.port,
                "planado.call_id": begun.id,
            },
        ) as span:
            yield _CallSpan(span, self._metrics, names)


class _Metrics:
    def __init__(self, meter: Meter) -> None:
        self.duration = meter.create_histogram(
            "planado.call.duration",
            unit="s",
            description="Time of a call from beginning to end, all its tries and waits included.",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )
        self.queued = meter.create_histogram(
            "planado.call.queued",
            unit="s",
            description="Time a call waited for the call budget.",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )
        self.refusals = meter.create_counter(
            "planado.refusals",
            unit="{refusal}",
            description="Tries that the server refused as too many.",
        )
        self.retries = meter.create_counter(
            "planado.retries",
            unit="{retry}",
            description="Tries that failed and were followed by another.",
        )


class _CallSpan:
    def __init__(self, span: Span, metrics: _Metrics, names: dict[str, str]) -> None:
        self._span = span
        self._metrics = metrics
        self._names = names

    def failed(self, failed: Failed) -> None:
        error = {"error.type": failed.error}
        if failed.kind == "refusal":
            self._metrics.refusals.add(1, self._names)
        elif failed.kind == "retry":
            self._metrics.retries.add(1, {**self._names, **error})
        attributes: dict[str, str | float] = {**error, "planado.attempts": failed.attempts}
        if failed.retry_after is not None:
            attributes["planado.retry_after"] = failed.retry_after
        self._span.add_event(f"planado.{failed.kind}", attributes)

    def ended(self, ended: Ended) -> None:
        outcome = {} if ended.error is None else {"error.type": ended.error}
        self._metrics.duration.record(ended.seconds, {**self._names, **outcome})
        self._metrics.queued.record(ended.queued, {**self._names, **outcome})
        self._span.set_attributes({**_attributes(ended), **outcome})
        if ended.error:
            self._span.set_status(StatusCode.ERROR, ended.error)


def _attributes(ended: Ended) -> dict[str, int | float | list[str]]:
    """Return what a span says of a call's end, its error aside."""
    attributes: dict[str, int | float | list[str]] = {
        "planado.attempts": ended.attempts,
        "planado.refusals": ended.refusals,
        "planado.waited": ended.waited,
    }
    if ended.status is not None:
        attributes["http.response.status_code"] = ended.status
    if (sent_again := ended.attempts + ended.refusals - 1) > 0:
        attributes["http.request.resend_count"] = sent_again
    for name, value in ended.headers.items():
        attributes[f"http.response.header.{name.lower()}"] = [value]
    return attributes
