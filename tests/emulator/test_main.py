import asyncio
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

import aiohttp
import orjson
import pytest

from planado_async.emulator import Emulator
from planado_async.emulator import __main__ as command

pytestmark = pytest.mark.real_time

COMMAND = (sys.executable, "-m", "planado_async.emulator")
BOUND_S = 60


async def started(*arguments: str) -> tuple[Process, Any]:
    """A running command and its line."""
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(BOUND_S):
        return process, orjson.loads(await process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_told_to_stop(number: signal.Signals) -> None:
    """It tells where it is in one line, serves, and ends with 0 and nothing more to say."""
    process, told = await started("--seed", "5", "--speed", "2", "--start", "2026-02-02T08:00:00Z")
    assert told.keys() == {
        "planado_url",
        "api_key",
        "control_url",
        "planday_url",
        "identity_url",
        "planday_portal_id",
        "planday_app_id",
        "planday_refresh_token",
        "settings_url",
    }
    assert told["planado_url"].endswith("/v2")
    async with aiohttp.ClientSession(headers={"X-Planado-API-Key": told["api_key"]}) as session:
        async with session.post(
            f"{told['planado_url']}/jobs", data=b'{"description": "x"}'
        ) as answer:
            assert answer.status == 201
        async with session.get(f"{told['control_url']}/clock") as answer:
            assert orjson.loads(await answer.read())["speed"] == 2
        form = {"client_id": told["planday_app_id"], "refresh_token": told["planday_refresh_token"]}
        async with session.post(
            f"{told['identity_url']}/connect/token", data={**form, "grant_type": "refresh_token"}
        ) as answer:
            token = orjson.loads(await answer.read())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "X-ClientId": told["planday_app_id"]}
        async with session.get(
            f"{told['planday_url']}/portal/v1.0/info", headers=headers
        ) as answer:
            portal = orjson.loads(await answer.read())["data"]
        assert portal["id"] == told["planday_portal_id"]
        async with session.get(told["settings_url"]) as answer:
            assert answer.status == 200
            assert portal["name"] in await answer.text()
    process.send_signal(number)
    async with asyncio.timeout(BOUND_S):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


REFUSED = [
    ("--rate", "0"),
    ("--rate", "nan"),
    ("--burst", "-1"),
    ("--speed", "0"),
    ("--port", "70000"),
    ("--port", "x"),
    ("--host", "0.0.0.0"),
    ("--host", "example.test"),
    ("--start", "yesterday"),
    ("--start", "2026-02-02T08:00:00"),
    ("--loud",),
]


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_refuses_bad_arguments(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Arguments that make no sense end it with 2 and one line of reason."""
    with pytest.raises(SystemExit) as caught:
        command.main(list(arguments))
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "error: " in said.err.strip().splitlines()[-1]


def test_port_in_use() -> None:
    """A port in use is said in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*COMMAND, "--port", port], capture_output=True, timeout=BOUND_S)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert len(ended.stderr.splitlines()) == 1
    assert b"error: " in ended.stderr


def test_hosts() -> None:
    """Only this machine's own addresses are loopback."""
    assert command.is_loopback("127.0.0.1")
    assert command.is_loopback("::1")
    assert command.is_loopback("localhost")
    assert not command.is_loopback("192.168.0.1")


async def test_serve_in_process(capsys: pytest.CaptureFixture[str]) -> None:
    """A signal ends the serving."""
    asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(BOUND_S):
        await command.serve(Emulator())
    assert capsys.readouterr().out.count("\n") == 1


def test_importing_the_package_leaves_it_out() -> None:
    """Whoever imports the client does not load the emulator or aiohttp's server."""
    code = (
        "import sys, planado_async; "
        "sys.exit(any(name.startswith('planado_async.emulator') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=BOUND_S).returncode == 0
