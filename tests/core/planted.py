"""A client whose every call carries what must not be shown, and a server that quotes it back."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson

from planado_async import LocalLimiter, Planado, PlanadoError, RetryPolicy
from tests.canary import Canaries
from tests.core.wire import Answer, Wire

KEY = "canary-key-5ab1"
ID = "canary-id-77"
PHONE = "+31655501234"
PERSON = "Wilhelmina Canary"
STREET = "Canarystraat 9"
WORDS = "gate code canary 4711"
PLANTED = Canaries(KEY, ID, PHONE, PERSON, STREET, WORDS)

_QUOTES = f"{KEY} {ID} {PHONE} {PERSON} {STREET} {WORDS}"
_HEADERS = {
    "X-Customer": _QUOTES,
    "X-Request-Id": f"<{_QUOTES}>",
    "Set-Cookie": "who=" + PHONE,
    "Location": f"/v2/people/{ID}?phone={PHONE}",
}


def _quoting(status: int) -> Answer:
    body = orjson.dumps({"message": _QUOTES, "errors": {"phone": [f"{PHONE} is {PERSON}'s"]}})
    return Answer(status=status, body=body, headers=_HEADERS)


ANSWERS = (
    *(_quoting(status) for status in (200, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503)),
    Answer(body=_QUOTES.encode(), headers=_HEADERS),
    Answer(body=f"Rate limit: {_QUOTES}".encode(), headers=_HEADERS),
    Answer(cut=True),
    Answer(after=60.0),
)


def _calls(planado: Planado) -> list[Callable[[], Coroutine[Any, Any, Any]]]:
    person: dict[str, Any] = {
        "first_name": PERSON,
        "contacts": [{"type": "phone", "value": PHONE, "name": PERSON}],
        "site_address": {"formatted": STREET, "description": WORDS},
    }
    return [
        lambda: planado.jobs.get(ID),
        lambda: planado.jobs.list(after=ID).collect(),
        lambda: planado.jobs.create(description=WORDS, external_id=ID),
        lambda: planado.jobs.update(ID, description=WORDS),
        lambda: planado.jobs.delete(ID),
        lambda: planado.clients.create(organization=False, **person),
        lambda: planado.clients.upsert(ID, **person),
        lambda: planado.request("GET", f"/people/{ID}", query={"phone": PHONE}),
        lambda: planado.request("POST", f"/people/{ID}", body={"name": PERSON}),
        lambda: planado.bulk(planado.jobs.get, [ID]),
    ]


async def a_bad_day(**options: Any) -> list[PlanadoError]:
    """Make every call meet every answer, cancel one each, and return what was raised."""
    errors: list[PlanadoError] = []
    for answer in ANSWERS:
        once: dict[str, Any] = {
            "limiter": LocalLimiter(None),
            "retries": RetryPolicy(attempts=2, refusals=1),
        }
        async with (
            Wire(answer) as wire,
            Planado(
                KEY, base_url=wire.url, deadline=40.0, timeout=9.0, **once, **options
            ) as planado,
        ):
            for call in _calls(planado):
                try:
                    await call()
                except PlanadoError as error:
                    errors.append(error)
            cancelled = asyncio.create_task(planado.jobs.get(ID))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
    return errors
