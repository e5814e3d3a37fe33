"""What a webhook request says."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planado_async.core.errors import BadSecretError, MalformedEventError
from planado_async.core.secret import Secret
from planado_async.testing import EventFactory
from planado_async.webhooks.events import (
    MAX_CONTAINERS,
    ClientEvent,
    Event,
    JobEvent,
    SiteEvent,
    attempt_of,
    parse,
    scan,
    verify,
)
from tests.webhooks.making import HEADERS, body

SECRETS = [Secret("old"), Secret("n\N{SNOWMAN}w")]


def secret(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"X-PLANADO-Secret", value) for value in values]


@pytest.mark.parametrize("value", [b"old", "n\N{SNOWMAN}w".encode()])
def test_each_of_several_secrets_is_valid(value: bytes) -> None:
    """The old secret and the new one are both taken while they are being changed."""
    verify(secret(value), SECRETS)


@pytest.mark.parametrize(
    "values", [(), (b"",), (b"bad",), (b"OLD",), (b"old", b"old"), (b"\xff\x00",), (b"o" * 8192,)]
)
def test_anything_but_one_valid_secret_is_refused(values: tuple[bytes, ...]) -> None:
    """No header, a wrong one, two of them or any bytes raise BadSecretError and nothing else."""
    with pytest.raises(BadSecretError):
        verify(secret(*values), SECRETS)


def test_every_secret_is_compared() -> None:
    """A match does not end the comparing early, so its place does not show in the time taken."""
    compared: list[str] = []

    class Watched(Secret):
        def matches(self, candidate: bytes) -> bool:
            compared.append(self.reveal())
            return super().matches(candidate)

    verify(secret(b"old"), [Watched("old"), Watched("new")])
    assert compared == ["old", "new"]


def test_a_refused_secret_is_not_in_the_error() -> None:
    """The error does not show what was sent: it may be another valid secret."""
    with pytest.raises(BadSecretError) as caught:
        verify(secret(b"hunter2"), SECRETS)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "attempt"),
    [((b"7",), 7), ((), 1), ((b"x",), 1), ((b"0",), 1), ((b"1", b"2"), 1), ((b"9" * 99,), 1)],
)
def test_attempt_header(values: tuple[bytes, ...], attempt: int) -> None:
    """Planado's attempt number is taken if it is one, else it is 1."""
    assert attempt_of([(b"x-planado-delivery-attempt", value) for value in values]) == attempt


def test_job_event() -> None:
    """A job's event has its job typed, its context and the JSON as received."""
    raw = body("e1", "job_started", version=5, previous_version={"version": 4})
    event = parse([(b"X-Planado-Delivery-Attempt", b"3")], raw)
    assert isinstance(event, JobEvent)
    assert (event.event_uuid, event.event_type, event.attempt) == ("e1", "job_started", 3)
    assert (event.entity_type, event.entity_uuid, event.version) == ("job", "j1", 5)
    assert (event.entity.uuid, event.source) == ("j1", "mobile")
    assert event.context.happened_at is not None
    assert event.raw == orjson.loads(raw)
    assert event.raw["job"]["previous_version"] == {"version": 4}
    assert "previous_version" not in repr(event)


@pytest.mark.parametrize(
    ("event_type", "kind"), [("client_updated", ClientEvent), ("site_created", SiteEvent)]
)
def test_other_known_entities(event_type: str, kind: type[Event]) -> None:
    """Events of clients and sites have classes of their own."""
    assert type(parse(HEADERS, body(event_type=event_type))) is kind


@pytest.mark.parametrize(
    ("raw", "entity_type", "entity_uuid"),
    [
        ({"event_type": "work_order_made", "work_order": {"uuid": "w"}}, "work_order", "w"),
        ({"event_type": "made", "work_order": {"uuid": "w"}, "context": {}}, "work_order", "w"),
        ({"event_type": "visit_made", "a": {}, "b": {}}, "visit", None),
        ({"event_type": "visit_made", "visit": {"uuid": 7}}, "visit", None),
        ({"event_type": "job_deleted"}, "job", None),
        ({"event_type": "job_deleted", "job": None, "context": "?"}, "job", None),
        ({"event_type": "job_updated", "client": {"uuid": "c"}}, "job", None),
        ({"event_type": "ping"}, None, None),
    ],
)
def test_unknown_events_arrive(
    raw: dict[str, Any], entity_type: str | None, entity_uuid: str | None
) -> None:
    """Unknown types and entities are events too, with what can be told of them."""
    event = parse([], orjson.dumps({"event_uuid": "e1"} | raw))
    assert type(event) is Event
    assert (event.entity_type, event.entity_uuid) == (entity_type, entity_uuid)
    assert event.entity is None


def deep(levels: int) -> bytes:
    """Return an event whose body has so many levels of objects and arrays."""
    inner = b"[" * (levels - 1) + b"]" * (levels - 1)
    return b'{"event_uuid": "e1", "event_type": "ping", "x": ' + inner + b"}"


def test_depth_is_bounded() -> None:
    """64 levels are an event, 65 are not, and wide bodies are not deep."""
    assert parse([], deep(64)).event_type == "ping"
    wide = {"event_uuid": "e1", "event_type": "ping", "x": [{} for _ in range(1000)]}
    assert parse([], orjson.dumps(wide)).event_type == "ping"
    with pytest.raises(MalformedEventError, match="64"):
        parse([], deep(65))


def wide(containers: int) -> bytes:
    """Return an event whose body has so many objects and arrays, half of them of each kind."""
    inner = b"[],{}," * ((containers - 2) // 2) + b"[]," * (containers % 2)
    return b'{"event_uuid": "e1", "event_type": "ping", "x": [' + inner + b"0]}"


@pytest.mark.parametrize("more", [1, 2, 90_000])
def test_the_number_of_containers_is_bounded(more: int) -> None:
    """10,000 objects and arrays are an event, more are not, and are not even parsed."""
    assert parse([], wide(MAX_CONTAINERS)).event_type == "ping"
    with pytest.raises(MalformedEventError, match="more than 10000 objects and arrays"):
        parse([], wide(MAX_CONTAINERS + more))
    assert scan(wide(MAX_CONTAINERS + more) + b"?").problem == scan(wide(20_000)).problem


@pytest.mark.parametrize("event_type", ["job_finished", "client_updated", "site_updated"])
def test_the_bound_is_far_above_real_events(event_type: str) -> None:
    """A hundred times the objects of an event still count as one, and so do texts of brackets."""
    event = EventFactory()(event_type)
    real = orjson.dumps(event)
    assert (real.count(b"{") + real.count(b"[")) * 100 < MAX_CONTAINERS
    event[event_type.partition("_")[0]]["description"] = '{"a": [1, 2]}, ' * 1_000
    assert parse([], orjson.dumps(event)).event_type == event_type


VERSIONS = [b"7.0", b'"7"', b"true", b"-1", b"9223372036854775808", b"1e3", b"[]", b"{}"]


@pytest.mark.parametrize("version", VERSIONS)
def test_version_is_an_integer(version: bytes) -> None:
    """Only an integer from 0 to 2^63 - 1 is a version; nothing is turned into one."""
    raw = body(version=-99).replace(b"-99", version)
    with pytest.raises(MalformedEventError, match=r"job\.version"):
        parse([], raw)
    assert scan(raw).event_uuid == "e1"


@pytest.mark.parametrize("version", [0, 2**63 - 1, None])
def test_every_version_a_store_can_hold(version: int | None) -> None:
    """The ends of the range are versions, and an entity may have none."""
    assert scan(body(version=version)) == scan(body(version=version))
    assert parse([], body(version=version)).version == version


NOT_EVENTS = [
    b"",
    b"{",
    b"[]",
    b"1",
    b"null",
    b'"x"',
    b"{} {}",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b'{"event_uuid": NaN}',
    b'{"event_uuid": "\\ud800", "event_type": "job_updated"}',
    b'{"event_uuid": "\x00", "event_type": "job_updated"}',
    b'{"event_uuid": "e\\u0000", "event_type": "job_updated"}',
    b'{"event_uuid": "", "event_type": "job_updated"}',
    b'{"event_uuid": 1, "event_type": "job_updated"}',
    b'{"event_uuid": "e1"}',
    b'{"event_uuid": "e1", "event_type": null}',
    b'{"event_uuid": "e1", "event_type": "job\\nupdated"}',
    b'{"event_uuid": "e1", "event_type": "' + b"x" * 256 + b'"}',
    b'{"event_uuid": "e1", "event_type": "job_updated", "job": {"version": 1}}',
    b'{"event_uuid": "e1", "event_type": "job_updated", "job": {"uuid": "j", "description": 1}}',
    b'{"event_uuid": "e1", "event_type": "x_y", "context": {"happened_at": "never"}}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"x": ' + b"9" * 10_000 + b"}",
]


@pytest.mark.parametrize("raw", NOT_EVENTS, ids=range(len(NOT_EVENTS)))
def test_what_is_no_event_is_malformed(raw: bytes) -> None:
    """Every body that is no event raises MalformedEventError, and can be scanned."""
    with pytest.raises(MalformedEventError):
        parse([], raw)
    scan(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["uuid", "version", "context", "job", "skills", "type", "x"]), inner
        )
    ),
    max_leaves=10,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "event_uuid": st.just("e1") | JSON,
        "event_type": st.sampled_from(["job_updated", "site_x", "other_x"]) | JSON,
        "context": JSON,
        "job": JSON,
        "site": JSON,
        "other": JSON,
    },
)


@given(raw=st.binary(max_size=60) | BODIES.map(lambda one: json.dumps(one).encode()))
@example(raw=b'{"event_uuid":"e1","event_type":"job_x","job":{"uuid":"j","created_at":"0001"}}')
def test_parse_raises_only_its_own_error(raw: bytes) -> None:
    """Whatever is fed in, the outcome is an Event or a MalformedEventError, and scan agrees."""
    found = scan(raw)
    try:
        event = parse([], raw)
    except MalformedEventError:
        return
    assert found.problem is None
    assert (event.event_uuid, event.version) == (found.event_uuid, found.version)
