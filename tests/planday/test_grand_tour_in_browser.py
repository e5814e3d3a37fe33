"""The life of a grant as people see it: Planday's settings, our connect page, a browser."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, expect
from yarl import URL

from planado_async.core.errors import ReauthorisationRequiredError
from planado_async.emulator import Emulator
from planado_async.planday.client import PlandayPortals
from planado_async.planday.connect import connect
from planado_async.planday.tokens import FileTokenStore, TokenStore
from tests.browser import DESKTOP, HEIGHT, PHONE, sideways

pytestmark = pytest.mark.real_time

SCOPES = ("employee:read", "shift:read")


@asynccontextmanager
async def service(
    emulator: Emulator, store: TokenStore, app_id: str, port: int
) -> AsyncIterator[str]:
    """A company's service with the connect page under /planday; yields the address of the page."""
    url = f"http://127.0.0.1:{port}/planday"
    pages = connect(
        app_id=app_id,
        store=store,
        scopes=SCOPES,
        public_url=url,
        identity_url=emulator.identity_url,
        base_url=emulator.planday_url,
    )
    app = web.Application()
    app.add_subapp("/planday", pages)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"{url}/connect"
    finally:
        await runner.cleanup()


async def shot(page: Page, name: str) -> None:
    """Keep pictures of a page, as wide as a desktop's and a phone's, where a folder is named."""
    folder = os.environ.get("SCREENSHOTS")
    for width in (PHONE, DESKTOP):
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        assert await sideways(page) == 0, f"{name} is wider than {width} pixels"
        if folder:
            await page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


async def sign_in(page: Page, name: str) -> None:
    await page.get_by_role("radio", name=name).check()
    await page.get_by_role("button", name="Sign in").click()


async def create_app(page: Page, api_access: str, redirect_uri: str) -> str:
    """Create an app in Planday's settings and return its App ID."""
    await page.goto(api_access)
    await sign_in(page, "Mette Holm")
    await page.get_by_role("link", name="Create App").click()
    await page.get_by_label("Title").fill("Our service")
    await page.get_by_label("Redirect").first.fill(redirect_uri)
    for scope in SCOPES:
        await page.get_by_role("checkbox", name=scope, exact=True).check()
    await shot(page, "create-app")
    await page.get_by_role("button", name="Save").click()
    return await page.get_by_role("region", name="Our service").get_by_label("App ID").input_value()


async def test_the_grand_tour(
    page: Page, emulator: Emulator, tmp_path: Path, unused_tcp_port: int
) -> None:
    """Create, connect, call, lose the administrator, connect again as another: the calls finish."""
    origin = str(URL(emulator.url).origin())
    portal_id = emulator.planday_portal_id
    api_access = f"{origin}/portal/{portal_id}/settings/api-access"
    store = FileTokenStore(tmp_path)
    redirect_uri = f"http://127.0.0.1:{unused_tcp_port}/planday/callback"
    app_id = await create_app(page, api_access, redirect_uri)

    async with (
        service(emulator, store, app_id, unused_tcp_port) as connect_page,
        PlandayPortals(
            app_id,
            store,
            base_url=emulator.planday_url,
            identity_url=emulator.identity_url,
            reauthorisation_wait=None,
        ) as portals,
    ):
        await page.goto(connect_page)
        await shot(page, "connect")
        await page.get_by_role("button", name="Connect with Planday").click()
        await sign_in(page, "Mette Holm")
        await shot(page, "consent")
        await page.get_by_role("button", name="Authorise").click()
        await expect(page.get_by_role("status")).to_contain_text("checked and kept")
        await shot(page, "connected")
        grant = await store.load(str(portal_id), app_id)
        assert grant is not None
        assert set(SCOPES) <= set(grant.scopes)
        shown = await page.content()
        assert grant.refresh_token.reveal() not in shown

        planday = await portals.portal(portal_id)
        shifts = await planday.shifts.list().collect()
        assert shifts

        await page.goto(f"{origin}/portal/{portal_id}/users")
        await page.get_by_role("button", name="Sign out").click()
        await page.goto(f"{origin}/portal/{portal_id}/users")
        await sign_in(page, "Jens Dahl")
        await page.goto(f"{origin}/portal/{portal_id}/users")
        await page.get_by_role("button", name="Deactivate Mette Holm").click()
        await shot(page, "users")

        waiting = [asyncio.create_task(planday.shifts.get(each.id)) for each in shifts[:10]]
        await asyncio.sleep(1.0)
        assert not any(each.done() for each in waiting)
        (check,) = await portals.check()
        assert "press Authorise" in " ".join(check.problems)

        await page.goto(connect_page)
        await page.get_by_role("button", name="Connect with Planday").click()
        await sign_in(page, "Jens Dahl")
        await page.get_by_role("button", name="Authorise").click()
        await expect(page.get_by_role("status")).to_contain_text("checked and kept")
        async with asyncio.timeout(30.0):
            assert await asyncio.gather(*waiting) == shifts[:10]


async def test_the_token_of_the_tile(
    page: Page, emulator: Emulator, tmp_path: Path, unused_tcp_port: int
) -> None:
    """App ID and token, copied from the tile by hand, connect the portal as well."""
    origin = str(URL(emulator.url).origin())
    portal_id = emulator.planday_portal_id
    api_access = f"{origin}/portal/{portal_id}/settings/api-access"
    store = FileTokenStore(tmp_path)
    app_id = await create_app(page, api_access, "http://127.0.0.1:1/x")
    tile = page.get_by_role("region", name="Our service")
    await tile.get_by_role("link", name="Authorise").click()
    await page.get_by_role("button", name="Authorise").click()
    await shot(page, "tile")
    token = await tile.get_by_label("Token").input_value()
    async with service(emulator, store, app_id, unused_tcp_port) as connect_page:
        await page.goto(connect_page)
        await page.get_by_label("App ID").fill(app_id)
        await page.get_by_label("Token").fill("0123456789abcdefghijkl")
        await page.get_by_role("button", name="Check and keep token").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await shot(page, "wrong-token")
        assert await store.portals(app_id) == []
        await page.goto(connect_page)
        await page.get_by_label("App ID").fill(app_id)
        await page.get_by_label("Token").fill(token)
        await page.get_by_role("button", name="Check and keep token").click()
        await expect(page.get_by_role("status")).to_contain_text("checked and kept")
    base_url, identity_url = emulator.planday_url, emulator.identity_url
    async with PlandayPortals(
        app_id, store, base_url=base_url, identity_url=identity_url
    ) as portals:
        planday = await portals.portal(portal_id)
        assert await planday.shifts.list().collect()
        emulator.planday.revoke(portal_id, app_id)
        with pytest.raises(ReauthorisationRequiredError):
            await planday.shifts.list().collect()
