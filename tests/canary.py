"""Secrets that the tests plant, and a watch that no log shows one of them in any form."""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from random import Random
from urllib.parse import quote, quote_plus

from tests.core.wire import KEY
from tests.webhooks.making import SECRET

EMULATED = f"{Random(0).getrandbits(160):040x}"  # what `Emulator(seed=0)` makes its key
OTHERS = ("key-of-the-account", "canary-55")  # of tests/planado
PLANTED = (KEY, SECRET, EMULATED, *OTHERS)

WATCHED = ("planado_async", "aiohttp", "asyncio")


def forms(secret: str) -> set[str]:
    """Return a secret as it stands in text, reprs, JSON, URLs, hexadecimal and base64."""
    raw = secret.encode()
    return {
        secret,
        repr(secret)[1:-1],
        repr(raw)[2:-1],
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        raw.hex(),
        *_in_base64(raw),
    }


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what every base64 text has in it that holds `raw`, however many bytes come before."""
    for before in range(3):
        text = b64encode(bytes(before) + raw + bytes(2)).decode()
        whole = text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield from (whole, whole.replace("+", "-").replace("/", "_"))


class Canaries:
    """Finds any of some secrets, in any of their forms."""

    def __init__(self, *secrets: str) -> None:
        every = sorted({form for secret in secrets for form in forms(secret)})
        self._any = re.compile("|".join(map(re.escape, every)))

    def shown_in(self, text: str) -> list[str]:
        """Return the forms that a text shows, and what stands around them."""
        return [text[max(0, hit.start() - 60) : hit.end() + 20] for hit in self._any.finditer(text)]


class Watch(logging.Handler):
    """Reads every record of every logger, with its traceback and its extra fields."""

    def __init__(self, canaries: Canaries) -> None:
        super().__init__()
        self.hits: list[str] = []
        self._canaries = canaries
        self._given_out: set[str] = set()

    def plant(self, secret: str) -> str:
        """Look for one more secret until the end of the test, and return it."""
        self._given_out.add(secret)
        return secret

    def end(self) -> list[str]:
        """Return what was found in a test, and begin anew."""
        hits, self.hits = self.hits, []
        self._given_out.clear()
        return hits

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)} {vars(record)}"
        shown = self._canaries.shown_in(text)
        shown += [secret for secret in self._given_out if secret in text]
        self.hits += [f"{record.name}: …{each}…" for each in shown]

    def begin(self) -> None:
        """Read along from now on, with the loggers of ours and below us at DEBUG."""
        logging.getLogger().addHandler(self)
        for name in WATCHED:
            logging.getLogger(name).setLevel(logging.DEBUG)
