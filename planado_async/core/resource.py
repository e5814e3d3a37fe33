"""What the groups of calls of all clients share: options, sending, and the shape of answers."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, Generic, Self, TypedDict, TypeVar

from attrs import evolve, frozen

from planado_async.core.convert import decode, decode_all
from planado_async.core.encode import MoreThan
from planado_async.core.limiter import Priority
from planado_async.core.model import Model
from planado_async.core.retry import Effect
from planado_async.core.transport import Call, Options, Transport, expect, path_of

ModelT = TypeVar("ModelT", bound=Model)


class CallOptions(TypedDict, total=False):
    """Options every call takes; what is not given is as in the client's own options."""

    timeout: Annotated[float, MoreThan(0)]
    """Seconds for one try."""
    deadline: float | None
    """Seconds for the whole call, waiting for the budget included; None for no end."""
    priority: Priority


@frozen(kw_only=True)
class ClientOptions:
    """The options of a client, which those of a call replace one by one."""

    timeout: float = 30.0
    deadline: float | None = None
    priority: Priority = "normal"

    def of_call(self, given: Mapping[str, Any], *, write: bool) -> Options:
        """Return how one call is sent."""
        chosen = evolve(self, **given) if given else self
        return Options(
            timeout=chosen.timeout,
            deadline=chosen.deadline,
            priority=chosen.priority,
            headers=chosen.switches() if write else {},
        )

    def switches(self) -> dict[str, str]:
        """Return the headers of a write that the API reads as switches."""
        return {}


OptionsT = TypeVar("OptionsT", bound=ClientOptions)


class Group(Generic[OptionsT]):
    """A group of calls; its methods are thin over those that begin with an underscore."""

    def __init__(self, transport: Transport, options: OptionsT) -> None:
        self._transport = transport
        self._options = options

    def _with(self, options: OptionsT) -> Self:
        """Return the same group of calls with other options; what it keeps is shared."""
        other = copy(self)
        other._options = options
        return other

    async def _send(
        self,
        method: str,
        route: str,
        *ids: str,
        effect: Effect,
        given: Mapping[str, Any],
        read: Callable[[Any], Any],
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        look_up: Call | None = None,
        scope: str | None = None,
        answers: tuple[type, ...] = (dict, list),
    ) -> Any:
        options = self._options.of_call(given, write=effect != "read")
        call = Call(
            method=method,
            route=route,
            path=path_of(route, *ids),
            effect=effect,
            query=query,
            body=body,
            read=read,
            look_up=look_up,
            scope=scope,
            answers=answers,
            options=options,
        )
        return await self._transport.send(call)


def one(key: str, model: type[ModelT]) -> Callable[[Any], ModelT]:
    """Return what reads the one record under `key` of an answer."""
    return lambda answer: decode(expect(answer, key, dict), model, at=f"$.{key}")


def many(key: str, model: type[ModelT]) -> Callable[[Any], list[ModelT]]:
    """Return what reads the records under `key` of an answer."""
    return lambda answer: decode_all(expect(answer, key, list), model, at=f"$.{key}")


def ignored(_: Any) -> None:
    """Read nothing from an answer."""


def split(
    encoded: Mapping[str, Any], options: frozenset[str] = CallOptions.__optional_keys__
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a write and the options of its call."""
    body = {name: value for name, value in encoded.items() if name not in options}
    return body, {name: value for name, value in encoded.items() if name in options}
