"""Runs the examples of the README and the tutorial as a reader would, with a given Python."""

import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
SECRET = "s3cret"
_MOMENT = r"20\d\d-\d\d-\d\d \d\d:\d\d:00\+0[12]:00"
_ROSTER = rf"Nordlys Service is well\n(\w+ ({_MOMENT} \d+:\d\d:00|None None)\n){{20,}}"
PATIENCE = 60.0  # seconds a process gets to say something


def blocks(page: str) -> list[str]:
    """Return the Python blocks of a Markdown page."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)


def the_block(page: str, holding: str) -> str:
    """Return the one Python block of a page that holds a text."""
    (block,) = (block for block in blocks(page) if holding in block)
    return block


@contextmanager
def process(
    python: str, *arguments: str, folder: Path, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python process in `folder`; stop it with SIGTERM at the end."""
    child = subprocess.Popen(
        [python, "-u", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(PATIENCE)
        assert child.stdout is not None
        child.stdout.close()


@contextmanager
def emulator(python: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run the emulator's command; give what it prints."""
    with process(python, "-m", "planado_async.emulator", "--port", "0", folder=folder) as child:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())


def run_client(python: str, folder: Path, code: str, account: dict[str, str]) -> str:
    """Run a client example against an emulator and return what it prints."""
    (folder / "client.py").write_text(code, "utf-8")
    done = subprocess.run(
        [python, "client.py"],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "PLANADO_BASE_URL": account["planado_url"],
            "PLANADO_API_KEY": account["api_key"],
            **planday_of(account),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def planday_of(account: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which Planday's client finds an emulated portal."""
    return {
        "PLANDAY_BASE_URL": account["planday_url"],
        "PLANDAY_IDENTITY_URL": account["identity_url"],
        "PLANDAY_APP_ID": account["planday_app_id"],
        "PLANDAY_REFRESH_TOKEN": account["planday_refresh_token"],
    }


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answer(url: str) -> Any:
    """Return the JSON that a URL answers, as soon as it answers 200."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call("GET", url)
        except urllib.error.URLError:  # it does not listen yet, or has nothing to tell yet
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@contextmanager
def receiver(python: str, folder: Path, code: str) -> Iterator[tuple[str, IO[str]]]:
    """Run a receiver example; give its URL and what it prints."""
    port = free_port()
    assert "port=8080" in code
    (folder / "receiver.py").write_text(code.replace("port=8080", f"port={port}"), "utf-8")
    secret = {"PLANADO_WEBHOOK_SECRET": SECRET}
    with process(python, "receiver.py", folder=folder, **secret) as child:
        assert child.stdout is not None
        assert "Running on" in child.stdout.readline()
        yield f"http://127.0.0.1:{port}/planado", child.stdout


def call(method: str, url: str, body: Any = None, **headers: str) -> Any:
    """Send a request as a reader's curl would, and return the JSON it answers, if any."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        read = response.read()
        return json.loads(read) if read else None


def readme_works(python: str, folder: Path) -> None:
    """Run the README's three examples against the emulator, and assert what they say."""
    with emulator(python, folder) as account:
        said = run_client(python, folder, the_block("README.md", "planado.jobs"), account)
        assert said.startswith("scheduled "), said

        said = run_client(python, folder, the_block("README.md", "planday.shifts"), account)
        assert re.fullmatch(_ROSTER, said), said

        code = the_block("README.md", "hooks.mount")
        with receiver(python, folder, code) as (url, said_by_receiver):
            _finish_a_job(account, url)
            line = said_by_receiver.readline()
            while line.startswith(("=", "(")):  # the rest of aiohttp's greeting
                line = said_by_receiver.readline()
            assert line.startswith("to bill: wo-78 JobResolution("), line


def _finish_a_job(account: dict[str, str], receiver_url: str) -> None:
    key = {"X-Planado-API-Key": account["api_key"]}
    call("POST", f"{account['control_url']}/webhooks", body={"url": receiver_url, "secret": SECRET})
    users = call("GET", f"{account['planado_url']}/users", **key)["users"]
    worker = next(user for user in users if user["permissions"]["mobile"]["jobs"]["complete"])
    job = {
        "external_id": "wo-78",
        "scheduled_at": "2027-01-04T09:00:00+01:00",
        "assignee": {"worker": {"uuid": worker["uuid"]}},
    }
    call("POST", f"{account['planado_url']}/jobs", body=job, **key)
    for action in ("start", "finish"):
        body = {"action": action, **({"resolution": "Done"} if action == "finish" else {})}
        call("POST", f"{account['control_url']}/jobs/wo-78/actions", body=body)
