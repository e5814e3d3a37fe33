"""Somebody who looks at the pages without a browser: reads what they show and posts their forms."""

from html.parser import HTMLParser
from typing import Any

import aiohttp
from attrs import frozen
from yarl import URL

from planado_async.emulator.planday.html import VOID


class Read(HTMLParser):
    """What stands in a page; fails on one whose elements do not close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.paths: set[str] = set()  # of links and forms
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.add(tag)
        self.attributes |= told.keys()
        self.paths |= {str(told[name]) for name in ("href", "action") if name in told}
        if tag == "input":
            self.inputs.append(told)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def values(self, name: str) -> list[str | None]:
        """What stands in the inputs of a name."""
        return [each.get("value") for each in self.inputs if each.get("name") == name]


@frozen
class Shown:
    """A page as a visitor gets it, after all redirects."""

    status: int
    headers: Any
    path: str
    page: Read


@frozen
class Visitor:
    """Goes from page to page of one portal and keeps cookies as a browser does."""

    root: URL
    session: aiohttp.ClientSession

    async def get(self, path: str = "") -> Shown:
        return await self._send("GET", path)

    async def post(self, path: str, *fields: tuple[str, str]) -> Shown:
        return await self._send("POST", path, data=aiohttp.FormData(fields)())

    async def sign_in(self, admin_id: int) -> Shown:
        return await self.post("/sign-in", ("admin", str(admin_id)))

    async def _send(self, method: str, path: str, **options: Any) -> Shown:
        url = URL(f"{self.root}{path}", encoded=True)
        async with self.session.request(method, url, **options) as answer:
            assert answer.content_type == "text/html", await answer.read()
            return Shown(answer.status, answer.headers, answer.url.path, Read(await answer.text()))
