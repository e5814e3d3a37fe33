import asyncio
import gzip
from io import BytesIO
from urllib.parse import quote

import pytest

from planado_async.emulator import Emulator
from planado_async.emulator.server import PREFIXES
from tests.emulator.api import Api, caller_session


async def test_three_headers_open(api: Api) -> None:
    """The key may stand in any of three headers."""
    key = api.emulator.api_key
    for name, value in (
        ("X-Planado-API-Key", key),
        ("X-Planado-Api-Token", key),
        ("Authorization", f"Bearer {key}"),
        ("Authorization", f"bearer  {key} "),
    ):
        reply = await api.send("GET", "/jobs", key="wrong", headers={name: value})
        assert reply.status == 200, name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Planado-API-Key": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic {key}"},
        {"X-Api-Key": "{key}"},
    ],
)
async def test_without_the_key(api: Api, headers: dict[str, str]) -> None:
    """A missing or wrong key is answered 401 in JSON and costs no budget."""
    told = {name: value.format(key=api.emulator.api_key) for name, value in headers.items()}
    async with api.session.get(f"{api.emulator.url}/jobs", headers=told) as answer:
        assert answer.status == 401
        assert (await answer.json()).keys() == {"message"}
    counters = api.emulator.counters()
    assert (counters["unauthorised"], counters["calls"], counters["level"]) == (1, 0, 0)


async def test_both_prefixes(api: Api) -> None:
    """The same calls work under both paths."""
    root = api.emulator.url.removesuffix("/v2")
    replies = [await api.send("GET", "/skills", base=root + prefix) for prefix in PREFIXES]
    assert replies[0].json == replies[1].json
    assert api.emulator.counters()["routes"] == {"GET /skills": 2}


async def test_unknown_path_and_method(api: Api) -> None:
    """Both are answered in JSON."""
    reply = await api.send("GET", "/nothing/here")
    assert (reply.status, reply.json) == (404, {"message": "Not Found"})
    reply = await api.send("DELETE", "/skills")
    assert (reply.status, reply.json) == (405, {"message": "Method Not Allowed"})
    assert reply.headers["Allow"] == "GET"
    reply = await api.send("GET", "/elsewhere", base=api.emulator.url.removesuffix("/v2"))
    assert (reply.status, reply.json) == (404, {"message": "Not Found"})
    routes = api.emulator.counters()["routes"]
    assert routes == {"GET (unknown)": 1, "DELETE (unknown)": 1}


async def test_curl_calls_of_the_front_page(api: Api) -> None:
    """A body is read as JSON even where the content type says it is a form."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await api.send("POST", "/jobs", b'{"description": "Fix it"}', headers=form)
    assert reply.status == 201
    assert reply.json.keys() == {"job_uuid"}
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "id_", ["a/b", "a.b", "a b", "Заказ №1", "100%", "?x=1&y#z", ".", "..", "é"]
)
async def test_any_external_id_in_a_path(api: Api, id_: str) -> None:
    """An id quoted whole reaches the record it names."""
    await api.patch(f"/clients/{quote(id_, safe='').replace('.', '%2E')}", {
        "organization": True, "organization_name": "Blue Kiln",
    })  # fmt: skip
    clients = (await api.get("/clients"))["clients"]
    assert [client["external_id"] for client in clients] == [id_]


BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "array": b"[]",
    "string": b'"x"',
    "null": b"null",
    "NaN": b'{"a": NaN}',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "invalid UTF-8": b'{"a": "\xff"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "NUL in a value": b'{"description": "\\u0000"}',
    "NUL in a key": b'{"\\u0000": 1}',
    "NUL deep inside": b'{"custom_fields": [{"name": "x", "value": ["\\u0000"]}]}',
    "deep": b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 900 + b"1" + b"}" * 900,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/jobs"), ("PATCH", "/clients/x"), ("POST", "/users/geo/search")],
)
async def test_unusable_body(api: Api, method: str, path: str, body: bytes) -> None:
    """A body that is no JSON object, or holds what nobody stores, is answered 400."""
    reply = await api.send(method, path, body)
    assert reply.status == 400
    assert reply.json.keys() == {"message"}


async def test_too_large_body(api: Api) -> None:
    """A body over the limit is answered 413."""
    reply = await api.send("POST", "/jobs", BytesIO(b" " * (5 * 1024 * 1024)))
    assert (reply.status, reply.json.keys()) == (413, {"message"})


async def test_compressed_body(api: Api) -> None:
    """A compressed body is read; a broken one is answered 400."""
    packed = gzip.compress(b'{"description": "x"}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with asyncio.timeout(100):
        reply = await raw_post(api, packed, headers)
        assert reply[0] == 201
        reply = await raw_post(api, b"no gzip at all", headers)
        assert reply[0] == 400


async def raw_post(api: Api, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Sends a body that the session must not pack again."""
    told = {"X-Planado-API-Key": api.emulator.api_key, **headers}
    skip = api.session.post(f"{api.emulator.url}/jobs", data=body, headers=told, compress=None)
    async with skip as answer:
        return answer.status, await answer.read()


async def test_body_cut_short(emulator: Emulator) -> None:
    """Whoever leaves in the middle of a body leaves no job and no error behind."""
    host, port = emulator.url.removeprefix("http://").removesuffix("/v2").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v2/jobs HTTP/1.1\r\nHost: x\r\nX-Planado-API-Key: {emulator.api_key}\r\n"
    writer.write(head.encode() + b'Content-Length: 100\r\n\r\n{"desc')
    await writer.drain()
    await asyncio.sleep(1)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(1)
    assert emulator.counters()["calls"] == 1
    async with caller_session() as session:
        assert (await Api(emulator, session).get("/jobs")) == {"jobs": []}


@pytest.mark.parametrize(
    "query",
    ["%ff", "after=%ff", "after=%00", "after=", "a[b[c=1", "&&&", "after=" + "9" * 5000, "%F0%9F"],
)
async def test_odd_query(api: Api, query: str) -> None:
    """Odd queries are passed over, and an unknown cursor ends the list."""
    await api.job()
    for path in ("/jobs", "/skills", "/webhooks"):
        reply = await api.send("GET", f"{path}?{query}")
        assert reply.status == 200
        if "after" in query:
            assert reply.json == {path.strip("/"): []}
