"""A server that cannot prove who it is gets nothing, and no switch changes that."""

import asyncio
import inspect
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import trustme

import planado_async
from planado_async import ConnectError, Planado
from planado_async.core.transport import Options, Transport
from planado_async.planado.writes import WriteOptions
from tests import readme
from tests.core.wire import KEY

HOST = "127.0.0.1"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OFF = re.compile(r"ssl|tls|cert|verif|insecure|trust|hostname", re.IGNORECASE)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def good(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert(HOST)


def expired(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert(HOST, not_before=LONG_AGO, not_after=LONG_AGO.replace(year=2021))


def not_yet_valid(ca: trustme.CA) -> trustme.LeafCert:
    later = datetime.now(UTC).replace(year=datetime.now(UTC).year + 5, day=1)
    return ca.issue_cert(HOST, not_before=later, not_after=later.replace(year=later.year + 1))


def wrong_host(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert("api.planadoapp.com", "localhost", "127.0.0.2")


def self_signed(_: trustme.CA) -> trustme.CA:
    return trustme.CA()


BAD = {each.__name__: each for each in (expired, not_yet_valid, wrong_host, self_signed)}


def serving(certificate: trustme.LeafCert | trustme.CA) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if isinstance(certificate, trustme.LeafCert):
        certificate.configure_cert(context)
    else:
        with certificate.private_key_pem.tempfile() as key, certificate.cert_pem.tempfile() as pem:
            context.load_cert_chain(pem, key)
    return context


class Server:
    """Speaks TLS, keeps what it is told once that stands, and answers with a job."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"job": {"uuid": "x"}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()


@asynccontextmanager
async def server(certificate: trustme.LeafCert | trustme.CA) -> AsyncIterator[Server]:
    """Serve with a certificate."""
    server = Server()
    context = serving(certificate)
    running = await asyncio.start_server(server.serve, HOST, 0, ssl=context)
    server.url = f"https://{HOST}:{running.sockets[0].getsockname()[1]}/v2"
    async with running:
        yield server


@asynccontextmanager
async def trusting(ca: trustme.CA) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that trusts an authority of one's own: the one way to do so."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield session


async def refused(planado: Planado, server: Server) -> ConnectError:
    """Check that a read and a write are both refused before a byte of HTTP is sent."""
    with pytest.raises(ConnectError):
        await planado.jobs.create(description="pump")
    with pytest.raises(ConnectError) as caught:
        await planado.jobs.get("x")
    assert (caught.value.attempts, caught.value.retryable) == (1, False)
    assert KEY not in repr(caught.value)
    assert server.heard == []
    return caught.value


async def test_an_authority_of_the_callers_own_is_trusted(ca: trustme.CA) -> None:
    """With a session whose connector trusts it, the call is made."""
    async with (
        server(good(ca)) as at,
        trusting(ca) as session,
        Planado(KEY, base_url=at.url, session=session) as planado,
    ):
        assert (await planado.jobs.get("x")).uuid == "x"
    assert KEY.encode() in at.heard[0]


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_certificate_is_refused_even_by_who_trusts_its_maker(
    kind: str, ca: trustme.CA
) -> None:
    """Expired, not valid yet, of another host, its own maker: nothing is sent."""
    async with (
        server(BAD[kind](ca)) as at,
        trusting(ca) as session,
        Planado(KEY, base_url=at.url, session=session) as planado,
    ):
        error = await refused(planado, at)
    said = {"wrong_host": "mismatch", "self_signed": "self-signed", "expired": "expired"}
    assert said.get(kind, "not yet valid") in str(error)


@pytest.mark.parametrize("kind", [*BAD, "good"])
async def test_without_trust_every_certificate_is_refused(kind: str, ca: trustme.CA) -> None:
    """The client's own session trusts the system's authorities alone."""
    certificate = {**BAD, "good": good}[kind](ca)
    async with server(certificate) as at, Planado(KEY, base_url=at.url) as planado:
        await refused(planado, at)


async def test_no_variable_turns_checking_off(
    ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that do so for other programs are passed over."""
    for name in ("PYTHONHTTPSVERIFY", "NODE_TLS_REJECT_UNAUTHORIZED", "PLANADO_VERIFY"):
        monkeypatch.setenv(name, "0")
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PLANADO_CA"):
        monkeypatch.setenv(name, "")
    async with server(good(ca)) as at, Planado(KEY, base_url=at.url) as planado:
        await refused(planado, at)


def test_no_parameter_turns_checking_off() -> None:
    """None of client, transport or call has one, and no text tells of one."""
    names: list[str] = [*WriteOptions.__annotations__, *inspect.signature(Options).parameters]
    for taker in (Planado, Transport, Planado.request, Planado.bulk):
        names += inspect.signature(taker).parameters
    assert [name for name in names if OFF.search(name)] == []
    package = Path(planado_async.__file__).parent
    sources = [*(package / "core").glob("*.py"), *(package / "planado").rglob("*.py")]
    pages = [readme.ROOT / "README.md", *(readme.ROOT / "docs").glob("*.md")]
    off = re.compile(
        r"ssl=(False|None|0)|CERT_NONE|check_hostname|_create_unverified|verify_ssl|TRUST_ENV"
    )
    assert [str(each) for each in (*sources, *pages) if off.search(each.read_text("utf-8"))] == []
