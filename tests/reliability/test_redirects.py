"""A server that points elsewhere is not followed: nothing connects there, whatever it says."""

import asyncio
import socket
import traceback
from typing import Any

import aiohttp
import pytest

from planado_async import Planado, RedirectRefusedError
from tests.core.wire import KEY, Answer, Wire, raw_server

STATUSES = (301, 302, 303, 307, 308)
METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS")
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
GARBAGE = (
    *("", " ", "#", "?", "//", "///", "http://", "http://[", "http://[::1", "https://:0/", ":::"),
    *("http://127.0.0.1:port/", "http://127.0.0.1:99999/", "javascript:alert(1)", "file:///etc"),
    *("mailto:a@b", "data:,x", "\\\\evil\\x", "%00", "%0d%0aX: y", "é" * 9, "x" * 5000),
)


def targets(elsewhere: str, own: str) -> list[str]:
    """Return places to point to; both arguments are a host and a port."""
    port = elsewhere.rpartition(":")[2]
    return [
        f"http://{elsewhere}/v2/jobs",  # another port
        f"http://localhost:{port}/v2/jobs",  # another host
        f"http://evil.test:{port}/v2/jobs",
        f"http://user:word@{elsewhere}/v2/jobs",
        f"https://{elsewhere}/v2/jobs",  # another scheme
        f"https://{own}/v2/jobs",
        f"ws://{elsewhere}/v2/jobs",
        f"//{elsewhere}/v2/jobs",  # relative to the protocol
        METADATA,
        METADATA.removeprefix("http:"),
        *(
            "http://[fd00:ec2::254]/latest/",
            "http://2852039166/",
            "http://metadata.google.internal",
        ),
        *("/v2/jobs/8", "8", "../v1/jobs", "?page=2", "."),  # on the same server
        f"http://{own}/v2/jobs/8",
        *GARBAGE,
    ]


@pytest.fixture
async def reached(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that anything connects to, and every host name that is looked up."""
    loop, reached = asyncio.get_running_loop(), list[Any]()
    connect, look_up = loop.sock_connect, loop.getaddrinfo

    async def connecting(sock: socket.socket, address: Any) -> None:
        reached.append(f"{address[0]}:{address[1]}")
        await connect(sock, address)

    async def looking_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        reached.append(host)
        return await look_up(host, *args, **kwargs)

    monkeypatch.setattr(loop, "sock_connect", connecting)
    monkeypatch.setattr(loop, "getaddrinfo", looking_up)
    return reached


def host_of(wire: Wire) -> str:
    return wire.url.split("/")[2]


def shown(error: BaseException) -> str:
    """Return all that an error and its traceback tell."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join([*told.format(), repr(error), repr(vars(error))])


async def check(planado: Planado, method: str, wire: Wire, calls: int) -> None:
    """Make calls that are all redirected."""
    body = {"description": "pump"} if method in ("POST", "PATCH", "PUT") else None
    for done in range(calls):
        with pytest.raises(RedirectRefusedError) as caught:
            await planado.request(method, "/jobs", body=body)
        assert len(wire.asked) == done + 1
        assert (caught.value.attempts, caught.value.retryable) == (1, False)
        assert KEY not in shown(caught.value)


@pytest.mark.parametrize("ours", [True, False], ids=["our session", "the caller's"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", METHODS)
async def test_no_redirect_leads_anywhere(
    method: str, status: int, ours: bool, reached: list[Any]
) -> None:
    """Each call is one request to the server, none to any other place, and a typed error."""
    async with Wire() as own:
        host = host_of(own)
    async with Wire() as elsewhere, aiohttp.ClientSession() as session:
        places = targets(host_of(elsewhere), host)
        there = [Answer(status=status, headers={"Location": place}) for place in places]
        async with (
            Wire(*there, Answer(status=status), port=int(host.split(":")[1])) as wire,
            Planado(
                KEY, base_url=wire.url, rate=None, session=None if ours else session
            ) as planado,
        ):
            await check(planado, method, wire, len(there) + 1)
        assert set(reached) == {host}
        assert elsewhere.asked == []


@pytest.mark.parametrize("status", STATUSES)
async def test_a_place_that_is_no_text_is_not_followed(status: int, reached: list[Any]) -> None:
    """Bytes that no URL has are told and not followed."""
    answer = b"HTTP/1.1 %d X\r\nLocation: \xff\xfe//\x80\r\nContent-Length: 0\r\n\r\n" % status
    async with raw_server(answer) as url, Planado(KEY, base_url=url) as planado:
        with pytest.raises(RedirectRefusedError, match="redirects to") as caught:
            await planado.jobs.get("x")
    assert KEY not in shown(caught.value)
    assert set(reached) == {url.split("/")[2]}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
async def test_the_environment_leads_nowhere(
    name: str, monkeypatch: pytest.MonkeyPatch, reached: list[Any]
) -> None:
    """A proxy that is set for other programs does not get the key."""
    async with Wire() as proxy, Wire(Answer(body=b'{"job": {"uuid": "x"}}')) as wire:
        monkeypatch.setenv(name, f"http://{host_of(proxy)}")
        async with Planado(KEY, base_url=wire.url) as planado:
            await planado.jobs.get("x")
        assert set(reached) == {host_of(wire)}
    assert (len(wire.asked), proxy.asked) == (1, [])
