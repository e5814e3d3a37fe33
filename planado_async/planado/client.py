"""Planado: the client a service opens once and shares."""

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Unpack

import aiohttp
from attrs import evolve

from planado_async.core.auth import ApiKey, Auth
from planado_async.core.client import Client
from planado_async.core.encode import encode
from planado_async.core.errors import ConfigurationError
from planado_async.core.limiter import Limiter, LocalLimiter, Priority, RateLimit
from planado_async.core.retry import Retry, RetryPolicy
from planado_async.core.telemetry import Telemetry
from planado_async.core.transport import Transport, checked_url
from planado_async.planado.resources import (
    ClientOptions,
    Clients,
    Dictionaries,
    Jobs,
    JobTypes,
    ProductCategories,
    Products,
    Resolutions,
    ServiceCategories,
    Services,
    Sites,
    Skills,
    Teams,
    Templates,
    Territories,
    Units,
    Users,
    WebhookSubscriptions,
)
from planado_async.planado.writes import WriteOptions

IN_FLIGHT = 8
"""Calls sent and not answered yet, at most, unless said otherwise."""
DEFAULT_URL = "https://api.planadoapp.com/v2"


class Planado(Client):
    """A client of the Planado API, opened with `async with` and shared by a whole service.

    Args:
        api_key: the account's key; PLANADO_API_KEY if not given.
        base_url: ends in `/v2`; PLANADO_BASE_URL, else Planado's own, if not given.
        auth: in place of `api_key`, for a key in another header: `ApiKey(key, "Authorization")`.
        rate: the call budget; None for no budget of its own.
        limiter: in place of `rate`, a budget shared with other clients.
        in_flight: calls sent and not answered yet, at most.
        session: an aiohttp session to use; it is left open.
        retries: how often a call is tried again, and when.
        timeout: seconds for one try.
        deadline: seconds for a whole call, waiting for the budget included; None for no end.
        priority: which calls go before which, when they wait for the budget.
        notify_assignees: False keeps the assignees' phones quiet about what this client writes.
        trigger_webhooks: True asks for webhooks of what this client writes.
        directory_ttl: seconds for which `find` keeps a list of skills, teams and the like; 0 or
            less to ask every time.
        on_wait: called with the seconds a call is about to wait for the budget.
        on_retry: called before a call is tried again.
        telemetry: is told of every call: `planado_async.core.otel.OpenTelemetry()`, or your own.

    Raises:
        ConfigurationError: no key, or a URL that would show it.
    """

    jobs: Jobs
    clients: Clients
    sites: Sites
    users: Users
    teams: Teams
    territories: Territories
    skills: Skills
    job_types: JobTypes
    resolutions: Resolutions
    templates: Templates
    dictionaries: Dictionaries
    products: Products
    services: Services
    product_categories: ProductCategories
    service_categories: ServiceCategories
    units: Units
    webhooks: WebhookSubscriptions

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        auth: Auth | None = None,
        rate: RateLimit | None = RateLimit(),  # noqa: B008  # frozen
        limiter: Limiter | None = None,
        in_flight: int = IN_FLIGHT,
        session: aiohttp.ClientSession | None = None,
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen
        timeout: float = 30.0,
        deadline: float | None = None,
        priority: Priority = "normal",
        notify_assignees: bool | None = None,
        trigger_webhooks: bool | None = None,
        directory_ttl: float = 300.0,
        on_wait: Callable[[float], object] | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        if auth is not None and api_key is not None:
            raise ConfigurationError("pass either api_key= or auth=, not both")
        if not isinstance(rate, RateLimit | None):
            raise ConfigurationError("rate= takes a RateLimit, such as RateLimit(60), or None")
        if not isinstance(directory_ttl, int | float):
            raise ConfigurationError("directory_ttl= takes seconds, such as 300.0")
        if isinstance(limiter, str | os.PathLike):
            raise ConfigurationError("limiter= takes a limiter, such as SqliteLimiter(path)")
        if limiter is None:
            limiter = LocalLimiter(rate, in_flight=in_flight)
        elif rate != RateLimit() or in_flight != IN_FLIGHT:
            raise ConfigurationError("rate= and in_flight= belong to the limiter that is given")
        if auth is None:
            auth = ApiKey(_key_from_environment() if api_key is None else api_key)
        transport = Transport(
            base_url=_base_url(base_url),
            auth=auth,
            limiter=limiter,
            retries=retries,
            session=session,
            on_wait=on_wait,
            on_retry=on_retry,
            telemetry=telemetry,
        )
        given = {
            "timeout": timeout,
            "deadline": deadline,
            "priority": priority,
            "notify_assignees": notify_assignees,
            "trigger_webhooks": trigger_webhooks,
        }
        self._transport = transport
        self._options = ClientOptions(**encode(given, WriteOptions), directory_ttl=directory_ttl)
        # What the class annotates, and nothing else, is a group of calls.
        for name, resource in Planado.__annotations__.items():
            setattr(self, name, resource(transport, self._options))

    def with_options(self, **options: Unpack[WriteOptions]) -> "Planado":
        """Return a client with other options that shares session, budget and kept lists.

        It is open as long as this one is, and needs no `async with` of its own.
        """
        other = copy(self)
        other._options = evolve(self._options, **encode(options, WriteOptions))
        for name in Planado.__annotations__:
            setattr(other, name, getattr(self, name)._with(other._options))
        return other

    async def request(
        self,
        method: str,
        path: str,
        *,
        route: str = "(request)",
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Any = None,
        **options: Unpack[WriteOptions],
    ) -> Any:
        """Send a call that has no method here yet, and return the JSON it answers.

        `path` begins with a slash and comes after `/v2`, its ids quoted already. `route` is what
        errors, logs and traces show of it, with names in place of ids: `/jobs/{id}`. A GET is tried
        again after a failure; any other method only if it was not written.

        Raises:
            TypeError: a body that JSON cannot say.
            ValueError: a path that is not absolute, or leads elsewhere; a naive date-time.
        """
        given = encode(options, WriteOptions)
        return await self._request(method, path, route=route, query=query, body=body, given=given)


def _base_url(given: str | None) -> str:
    url = os.environ.get("PLANADO_BASE_URL") or DEFAULT_URL if given is None else given
    checked = checked_url(url, "base_url (PLANADO_BASE_URL)")
    if not checked.endswith("/v2"):
        raise ConfigurationError("base_url (PLANADO_BASE_URL) must end in /v2, as in the default")
    return checked


def _key_from_environment() -> str:
    try:
        return os.environ["PLANADO_API_KEY"]
    except KeyError:
        raise ConfigurationError(
            "no API key: pass api_key= or set PLANADO_API_KEY "
            "(in Planado: Settings / Integrations / API)"
        ) from None
