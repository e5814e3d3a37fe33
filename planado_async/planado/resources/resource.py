"""What all groups of Planado's calls share: switches, pages and the ids that writes answer."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from attrs import frozen

from planado_async.core import resource
from planado_async.core.encode import encode
from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.pages import Pages, by_cursor
from planado_async.core.resource import CallOptions, Group, ModelT, ignored, many, one
from planado_async.core.retry import Effect
from planado_async.core.transport import Call, expect, path_of
from planado_async.planado.writes import Listing, WriteOptions

_SWITCHES = {
    "notify_assignees": "X-Planado-Notify-Assignees",
    "trigger_webhooks": "X-Planado-Trigger-Webhooks",
}


@frozen(kw_only=True)
class ClientOptions(resource.ClientOptions):
    """The options of a client, which those of a call replace one by one."""

    notify_assignees: bool | None = None
    trigger_webhooks: bool | None = None
    directory_ttl: float = 300.0
    """Seconds for which a list is kept for look-ups by name; it is the client's alone."""

    def switches(self) -> dict[str, str]:
        """Return the headers of the switches that are set (docs: Special headers)."""
        set_to = {header: getattr(self, name) for name, header in _SWITCHES.items()}
        return {header: str(value).lower() for header, value in set_to.items() if value is not None}


class Resource(Group[ClientOptions]):
    """A group of Planado's calls; its methods are thin over those that begin with an underscore."""

    async def _get(
        self, route: str, *ids: str, key: str, model: type[ModelT], given: Mapping[str, Any]
    ) -> ModelT:
        options = encode(given, CallOptions)
        read = one(key, model)
        answer: ModelT = await self._send(
            "GET", route, *ids, effect="read", given=options, read=read
        )
        return answer

    def _list(
        self,
        route: str,
        *ids: str,
        key: str,
        model: type[ModelT],
        given: Mapping[str, Any],
        shape: Any = Listing,
        query: Sequence[tuple[str, str]] = (),
        whole: bool = False,
        cursor_of: Callable[[ModelT], str] = attrgetter("uuid"),  # every listed model has one
    ) -> Pages[ModelT]:
        encoded = encode(given, shape)
        options = split(encoded)[1]
        path_of(route, *ids)  # a bad id is refused here, not at the first page

        async def fetch(cursor: str | None) -> list[ModelT]:
            paging = [] if cursor is None else [("after", cursor)]
            page: list[ModelT] = await self._send(
                "GET",
                route,
                *ids,
                effect="read",
                given=options,
                read=many(key, model),
                query=[*query, *paging],
            )
            return page

        return by_cursor(fetch, cursor_of, encoded.get("after"), whole=whole)

    async def _create(
        self,
        route: str,
        *,
        fields: Mapping[str, Any],
        shape: Any,
        answers: str,
        found_under: Sequence[str] = (),
    ) -> str:
        """POST a new record's fields and return its uuid: see `_post`."""
        return await self._post(route, encode(fields, shape), answers, found_under)

    async def _post(
        self, route: str, encoded: Mapping[str, Any], answers: str, found_under: Sequence[str] = ()
    ) -> str:
        """POST what is given and return the id the API answers under `answers`.

        `found_under` is the keys under which a record that is read by its external_id may come:
        with one of these, a create that carries an external_id recovers from a lost answer.
        """
        body, options = split(encoded)
        look_up = self._look_up(route, body.get("external_id"), found_under, options)
        read = the_id(answers)
        uuid: str = await self._send(
            "POST",
            route,
            effect="recoverable" if look_up else "once",
            given=options,
            read=read,
            body=body,
            look_up=look_up,
        )
        return uuid

    def _look_up(
        self,
        route: str,
        external_id: str | None,
        found_under: Sequence[str],
        options: Mapping[str, Any],
    ) -> Call | None:
        """Return the call that finds the uuid of a record by its external_id, if there is one."""
        if not (external_id and found_under):
            return None
        route += "/{external_id}"
        return Call(
            method="GET",
            route=route,
            path=path_of(route, external_id),
            effect="read",
            read=the_uuid(external_id, found_under),
            options=self._options.of_call(options, write=False),
        )

    async def _upsert(
        self, route: str, id: str, *, fields: Mapping[str, Any], shape: Any, answers: str
    ) -> str:
        """PATCH what is given and return the id the API answers under `answers`."""
        return await self._patch(route, id, encode(fields, shape), answers)

    async def _update(
        self, route: str, id: str, *, fields: Mapping[str, Any], shape: Any, answers: str
    ) -> str:
        """PATCH what is given; without any field no call is spent and `id` is returned."""
        encoded = encode(fields, shape)
        if split(encoded)[0]:
            return await self._patch(route, id, encoded, answers)
        path_of(route, id)
        return id

    async def _patch(self, route: str, id: str, encoded: Mapping[str, Any], answers: str) -> str:
        body, options = split(encoded)
        effect: Effect = "once" if adds_fields(body) else "repeatable"
        read = the_id(answers)
        uuid: str = await self._send(
            "PATCH", route, id, effect=effect, given=options, read=read, body=body
        )
        return uuid

    async def _delete(self, route: str, id: str, *, given: Mapping[str, Any]) -> None:
        options = encode(given, WriteOptions)
        await self._send("DELETE", route, id, effect="repeatable", given=options, read=ignored)


def the_id(key: str) -> Callable[[Any], str]:
    """Return what reads the id under `key` of an answer to a write."""
    return lambda answer: str(expect(answer, key, str))


def key_of(answer: Any, keys: Sequence[str]) -> str:
    """Return which of several keys an answer has, the first if none."""
    return next((key for key in keys if isinstance(answer, dict) and key in answer), keys[0])


def the_uuid(external_id: str, keys: Sequence[str]) -> Callable[[Any], str]:
    """Return what reads the uuid of the record with an external_id, found under one of `keys`."""

    def read(answer: Any) -> str:
        key = key_of(answer, keys)
        record = expect(answer, key, dict)
        if record.get("external_id") != external_id:  # a uuid may read like an external_id
            raise UnexpectedResponseError(f"$.{key} is a record with another external_id")
        return str(expect(record, "uuid", str))

    return read


def split(encoded: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a write and the options of its call."""
    return resource.split(encoded, WriteOptions.__optional_keys__)


def adds_fields(body: Mapping[str, Any]) -> bool:
    """Tell whether a PATCH adds custom or report fields, which a second try would add again."""
    written = [*(body.get("custom_fields") or ()), *(body.get("report_fields") or ())]
    return any("field_type" in field for field in written)


def between(name: str, filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the query of `name_after` and `name_before`, for the API's field `name_at`."""
    ends = {end: filters.get(f"{name}_{end}") for end in ("after", "before")}
    return [(f"{name}_at[{end}]", moment) for end, moment in ends.items() if moment is not None]
