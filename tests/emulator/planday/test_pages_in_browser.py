import asyncio
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Page, Route, expect
from yarl import URL

from planado_async.emulator import Emulator
from planado_async.emulator.planday.records import App
from tests.browser import HEIGHT, PHONE, sideways

pytestmark = pytest.mark.real_time

SCOPES = ("employee:read", "shift:create", "shift:read", "shift:update", "shift:delete")


@pytest.fixture
def origin(emulator: Emulator) -> str:
    return str(URL(emulator.url).origin())


@pytest.fixture
def api_access(emulator: Emulator, origin: str) -> str:
    return f"{origin}/portal/{emulator.planday_portal_id}/settings/api-access"


async def sign_in(page: Page, name: str) -> None:
    await page.get_by_role("radio", name=name).check()
    await page.get_by_role("button", name="Sign in").click()


def newest(emulator: Emulator) -> App:
    return list(emulator.planday.access.apps.values())[-1]


async def test_from_nothing_to_a_token(page: Page, emulator: Emulator, api_access: str) -> None:
    """Somebody creates an app, ticks scopes, authorises it and copies its App ID and token."""
    await page.goto(api_access)
    await sign_in(page, "Mette Holm")
    await page.get_by_role("link", name="Create App").click()
    await page.get_by_label("Title").fill("Roster bridge")
    await page.get_by_role("checkbox", name="employee:read", exact=True).check()
    await page.get_by_role("checkbox", name="shift: all", exact=True).check()
    await page.get_by_role("button", name="Save").click()
    tile = page.get_by_role("region", name="Roster bridge")
    await expect(tile.get_by_text("Not authorised")).to_be_visible()
    await expect(tile.get_by_label("Token")).to_have_count(0)
    await tile.get_by_role("link", name="Authorise").click()
    await page.get_by_role("button", name="Authorise").click()
    await expect(page.get_by_role("status")).to_contain_text("Copy its App ID and its token")
    app = newest(emulator)
    grant = emulator.planday.access.live_grant(app.app_id, app.owner_portal_id)
    assert app.scopes == set(SCOPES)
    assert grant is not None
    assert await tile.get_by_label("App ID").input_value() == app.app_id
    assert await tile.get_by_label("Token").input_value() == grant.refresh_token
    assert await tile.get_by_label("Token").is_editable() is False


async def test_when_somebody_leaves(page: Page, emulator: Emulator, api_access: str) -> None:
    """The tile of an app says that whoever authorised it is deactivated, and how to go on."""
    await page.goto(api_access)
    await sign_in(page, "Jens Dahl")
    tile = page.get_by_role("region", name="planado_async")
    old = await tile.get_by_label("Token").input_value()
    await page.get_by_role("link", name="Users").click()
    await page.get_by_role("button", name="Deactivate Mette Holm").click()
    await page.get_by_role("link", name="API Access").click()
    await expect(tile).to_contain_text("Mette Holm, who authorised this app, is deactivated")
    await tile.get_by_role("link", name="Authorise").click()
    await page.get_by_role("button", name="Authorise").click()
    new = await tile.get_by_label("Token").input_value()
    assert old == emulator.planday_refresh_token
    assert new not in ("", old)


async def press_until(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    script = "document.activeElement.ariaLabel ?? document.activeElement.innerText"
    for _ in range(400):
        await page.keyboard.press("Tab")
        if await page.evaluate(script) == name:
            return
    raise AssertionError(f"Tab never comes to {name!r}")


async def test_by_keyboard_alone(page: Page, emulator: Emulator, api_access: str) -> None:
    """Signing in, creating and authorising an app need no mouse."""
    await page.goto(api_access)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")  # the first radio button
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="API Access")).to_be_visible()
    await press_until(page, "Create App")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{api_access}/create")
    while await page.evaluate("document.activeElement.name") != "title":
        await page.keyboard.press("Tab")
    await page.keyboard.type("Keys")
    await press_until(page, "shift:read")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/api-access?done=created*")
    await press_until(page, "Authorise Keys")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/authorise")
    await press_until(page, "Authorise")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/api-access?done=authorised*")
    app = newest(emulator)
    assert (app.name, app.scopes) == ("Keys", frozenset(["shift:read"]))
    assert emulator.planday.access.live_grant(app.app_id, app.owner_portal_id)


async def test_on_a_phone(page: Page, emulator: Emulator, api_access: str, origin: str) -> None:
    """No page is wider than a phone, and nothing to press is cut off."""
    await page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    root = f"{origin}/portal/{emulator.planday_portal_id}"
    emulator.planday.rename_app(emulator.planday_portal_id, emulator.planday_app_id, "Longish" * 25)
    await page.goto(f"{origin}/portal")
    assert await sideways(page) == 0
    await page.goto(root)
    assert await sideways(page) == 0
    await sign_in(page, "Mette Holm")
    own = f"{api_access}/{emulator.planday_app_id}"
    apps = [api_access, f"{api_access}/create", f"{api_access}/connect", f"{own}/authorise"]
    for url in [root, *apps, f"{own}/rename", f"{own}/delete", f"{root}/users"]:
        await page.goto(url)
        assert await sideways(page) == 0, url
        for each in await page.locator("a, button, input:not([type=hidden]), summary").all():
            box = await each.bounding_box()
            assert box is not None, url
            assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE, (url, await each.inner_html())


async def test_pages_need_nothing_else(page: Page, api_access: str, origin: str) -> None:
    """A page is one answer, without script, and says nothing on the browser's console."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(api_access)
    await sign_in(page, "Mette Holm")
    await expect(page.get_by_role("heading", name="API Access")).to_be_visible()
    assert await page.locator("script").count() == 0
    assert said == []
    assert {URL(url).path for url in asked} == {
        URL(api_access).path,
        URL(api_access).path.replace("settings/api-access", "sign-in"),
    }


@pytest.mark.parametrize(("press", "told"), [("Authorise", {"code"}), ("Cancel", {"error"})])
async def test_code_flow(page: Page, emulator: Emulator, press: str, told: set[str]) -> None:
    """The browser comes back to the app with a code or a refusal, and with its state."""
    app = emulator.planday.access.apps[emulator.planday_app_id]
    (redirect_uri,) = app.redirect_uris
    back: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def arrive(route: Route) -> None:
        back.set_result(route.request.url)
        await route.fulfill(body="Done")

    await page.route(f"{redirect_uri}?**", arrive)
    query = {
        "client_id": app.app_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join((*app.scopes, "openid", "offline_access")),
        "state": "a&b",
    }
    await page.goto(f"{emulator.identity_url}/connect/authorize?{urlencode(query)}")
    await sign_in(page, "Jens Dahl")
    await expect(page.get_by_role("heading")).to_have_text("Authorise planado_async?")
    await page.get_by_role("button", name=press).click()
    answered = parse_qs(urlsplit(await back).query)
    assert answered.pop("state") == ["a&b"]
    assert answered.keys() == told
