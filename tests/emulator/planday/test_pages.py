from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import aiohttp
import pytest
from yarl import URL

from planado_async.emulator import Emulator
from planado_async.emulator.planday import pages
from planado_async.emulator.planday.emulator import PlandayEmulator
from planado_async.emulator.planday.html import join, tag
from planado_async.emulator.planday.records import Admin, App, Portal
from planado_async.emulator.planday.scopes import REST
from tests.emulator.planday.visitor import Read, Visitor

LIST = "/settings/api-access"
METTE, JENS = 1, 2  # the administrators of the start
EVIL = """<script>alert(1)</script><b onclick='x'>"&amp;"""


@pytest.fixture
def planday(emulator: Emulator) -> PlandayEmulator:
    return emulator.planday


@pytest.fixture
def portal_id(emulator: Emulator) -> int:
    return emulator.planday_portal_id


@pytest.fixture
def app_id(emulator: Emulator) -> str:
    return emulator.planday_app_id


@pytest.fixture
async def stranger(emulator: Emulator, portal_id: int) -> AsyncIterator[Visitor]:
    """Somebody who has not signed in."""
    connector = aiohttp.TCPConnector(force_close=True)
    jar = aiohttp.CookieJar(unsafe=True)  # or it keeps none of an address of numbers
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        origin = URL(emulator.url).origin()
        yield Visitor(URL(f"{origin}/portal/{portal_id}"), session)


@pytest.fixture
async def mette(stranger: Visitor) -> Visitor:
    """The administrator who authorised the app of the start."""
    await stranger.sign_in(METTE)
    return stranger


def token(planday: PlandayEmulator, app_id: str, portal_id: int) -> str | None:
    """The refresh token that is alive."""
    grant = planday.access.live_grant(app_id, portal_id)
    return None if grant is None else grant.refresh_token


def newest(planday: PlandayEmulator) -> App:
    return list(planday.access.apps.values())[-1]


# --- Signing in -----------------------------------------------------------------------------------


async def test_portals(stranger: Visitor, planday: PlandayEmulator, portal_id: int) -> None:
    """The page above all portals leads to each of them."""
    other = planday.add_portal("Fjord")
    shown = await Visitor(stranger.root.parent, stranger.session).get()
    assert shown.status == 200
    assert {f"/portal/{portal_id}", f"/portal/{other.id}"} <= shown.page.paths


async def test_a_stranger_is_asked_who_it_is(stranger: Visitor) -> None:
    """Each page asks a stranger to sign in, and then goes on to where the stranger wanted to go."""
    for path in ("", LIST, "/users"):
        shown = await stranger.get(path)
        assert shown.page.values("admin") == [str(METTE), str(JENS)], path
        assert shown.page.values("to") == [f"{stranger.root.path}{path}"]
    wanted = ("to", f"{stranger.root.path}/users")
    assert (await stranger.post("/sign-in", ("admin", "2"), wanted)).path.endswith("/users")
    assert "Jens Dahl" in (await stranger.get()).page.text


@pytest.mark.parametrize("to", ["//evil.example/portal", "https://evil.example", "/portal/1/users"])
async def test_sign_in_leads_nowhere_else(stranger: Visitor, to: str) -> None:
    """Whatever a form asks for, signing in stays in the portal."""
    shown = await stranger.post("/sign-in", ("admin", "1"), ("to", to))
    assert (shown.status, shown.path) == (200, stranger.root.path)


async def test_a_stranger_changes_nothing(
    stranger: Visitor, planday: PlandayEmulator, portal_id: int, app_id: str
) -> None:
    """A form that comes without the cookie is answered with the question who it is."""
    for path in (f"{LIST}/{app_id}/revoke", f"{LIST}/{app_id}/delete", f"/users/{JENS}/deactivate"):
        shown = await stranger.post(path)
        assert shown.page.values("admin"), path
    assert token(planday, app_id, portal_id)
    assert planday.access.admin(portal_id, JENS).active


async def test_the_cookie(stranger: Visitor, portal_id: int) -> None:
    """The cookie goes along with no form of another site, to no script and to no other portal."""
    url = f"{stranger.root}/sign-in"
    form = {"admin": "1"}
    async with stranger.session.post(url, data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        cookie = answer.cookies["administrator"]
    assert cookie["samesite"] == "Strict"
    assert cookie["httponly"]
    assert cookie["path"] == f"/portal/{portal_id}"


async def test_sign_out(mette: Visitor) -> None:
    """Whoever signs out is a stranger."""
    assert (await mette.post("/sign-out")).page.values("admin")
    assert (await mette.get(LIST)).page.values("admin")


async def test_a_deactivated_administrator(
    mette: Visitor, planday: PlandayEmulator, portal_id: int
) -> None:
    """A closed account is signed out at once and cannot sign in."""
    planday.deactivate_admin(portal_id, METTE)
    assert (await mette.get(LIST)).page.values("admin")
    shown = await mette.sign_in(METTE)
    assert shown.status == 403
    assert "Mette Holm is deactivated" in shown.page.text
    assert (await mette.get()).page.values("admin")


async def test_an_administrator_of_some_departments(
    stranger: Visitor, planday: PlandayEmulator, portal_id: int, app_id: str
) -> None:
    """API Access is closed to them, its forms too."""
    planday.limit_admin(portal_id, JENS, [1001])
    await stranger.sign_in(JENS)
    assert (await stranger.get()).status == 200
    shown = await stranger.get(LIST)
    assert shown.status == 403
    assert "administrators of all departments" in shown.page.text
    assert (await stranger.post(f"{LIST}/{app_id}/revoke")).status == 403
    assert token(planday, app_id, portal_id)


async def test_portals_are_apart(mette: Visitor, planday: PlandayEmulator) -> None:
    """Nobody acts in a portal with an account of another, nor sees who is there."""
    other = planday.add_portal("Fjord")
    ola = planday.add_admin(other.id, "Ola Nordmann")
    visitor = Visitor(mette.root.parent / str(other.id), mette.session)
    assert (await visitor.get()).page.values("admin") == [str(ola.id)]
    assert (await visitor.sign_in(JENS)).status == 404
    assert "Ola" not in (await mette.get("/users")).page.text
    await visitor.sign_in(ola.id)
    assert "Mette" not in (await visitor.get("/users")).page.text
    assert "Mette Holm" in (await mette.get()).page.text


# --- Apps -----------------------------------------------------------------------------------------


async def test_a_tile(
    mette: Visitor, emulator: Emulator, planday: PlandayEmulator, portal_id: int
) -> None:
    """A tile shows name, App ID, scopes and the token of this portal, and no other portal's."""
    other = planday.add_portal("Fjord")
    planday.connect_app(other.id, emulator.planday_app_id)
    ola = planday.add_admin(other.id, "Ola")
    foreign = planday.authorise(other.id, emulator.planday_app_id, ola.id)
    shown = (await mette.get(LIST)).page
    assert shown.values("app_id") == [emulator.planday_app_id]
    assert shown.values("token") == [emulator.planday_refresh_token]
    assert foreign.refresh_token not in shown.text
    assert "planado_async" in shown.text
    assert f"{len(REST)} scopes" in shown.text
    assert "Authorised by Mette Holm on 02 February 2026, 08:00 UTC" in shown.text


async def test_create_app(mette: Visitor, planday: PlandayEmulator, portal_id: int) -> None:
    """An app gets its title, its redirect URLs and what is ticked; ALL is all of a resource."""
    shown = await mette.post(
        f"{LIST}/create",
        ("title", " Roster bridge "),
        ("redirect_uri", "http://127.0.0.1/a"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://example.com/b"),
        ("scope", "shift:read"),
        ("scope", "revenue:set"),
        ("all", "employee"),
    )
    assert (shown.status, shown.path) == (200, f"{mette.root.path}{LIST}")
    assert "The app is created" in shown.page.text
    app = newest(planday)
    assert (app.name, app.owner_portal_id) == ("Roster bridge", portal_id)
    assert app.redirect_uris == ("http://127.0.0.1/a", "https://example.com/b")
    actions = ("create", "read", "update", "deactivate", "history")
    employee = {f"employee:{action}" for action in actions}
    assert app.scopes == {"shift:read", "revenue:set", *employee}
    assert token(planday, app.app_id, portal_id) is None


async def test_the_grid_offers_every_scope(mette: Visitor) -> None:
    """Each scope of an app has one box, each resource one for all."""
    shown = (await mette.get(f"{LIST}/create")).page
    assert sorted(map(str, shown.values("scope"))) == sorted(REST)
    assert set(shown.values("all")) == {scope.partition(":")[0] for scope in REST}
    assert len(shown.values("redirect_uri")) == 3


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ([("title", " ")], "Title: can't be blank."),
        ([("title", "x"), ("redirect_uri", "nowhere")], "Redirect URLs: must be"),
        ([("title", "x"), *[("redirect_uri", "http://a.example")] * 4], "Redirect URLs: is too"),
        ([("title", "x"), ("scope", "shift:eat")], "Scopes: must be one of"),
    ],
)
async def test_a_draft_with_mistakes(
    mette: Visitor, planday: PlandayEmulator, fields: list[tuple[str, str]], told: str
) -> None:
    """A form that breaks a rule comes back as it was filled in and says which; no app is made."""
    before = len(planday.access.apps)
    shown = await mette.post(f"{LIST}/create", *fields, ("scope", "shift:read"))
    assert shown.status == 422
    assert told in shown.page.text
    assert shown.page.values("title") == [dict(fields)["title"].strip()]
    given = [value for name, value in fields if name == "redirect_uri"][:3]
    assert shown.page.values("redirect_uri")[: len(given)] == given
    ticked = [each["value"] for each in shown.page.inputs if "checked" in each]
    assert ticked == ["shift:read"]
    assert len(planday.access.apps) == before


async def test_connect_app(mette: Visitor, planday: PlandayEmulator, portal_id: int) -> None:
    """An app of another portal is connected by its App ID, in any case and amid blanks."""
    other = planday.add_portal("Fjord")
    app = planday.create_app(other.id, "Bridge", ["shift:read"])
    shown = await mette.post(f"{LIST}/connect", ("app_id", f" {app.app_id.upper()} "))
    assert "The app is connected" in shown.page.text
    assert app.app_id in shown.page.values("app_id")
    again = await mette.post(f"{LIST}/connect", ("app_id", app.app_id))
    assert (again.status, again.page.values("app_id")) == (409, [app.app_id])
    unknown = await mette.post(f"{LIST}/connect", ("app_id", "nope"))
    assert (unknown.status, unknown.page.values("app_id")) == (404, ["nope"])
    assert "There is no app with this App ID" in unknown.page.text


async def test_authorise(
    stranger: Visitor, emulator: Emulator, planday: PlandayEmulator, portal_id: int
) -> None:
    """Authorise lists the scopes and gives a new token; the one of before is gone."""
    app_id, old = emulator.planday_app_id, emulator.planday_refresh_token
    await stranger.sign_in(JENS)
    asked = (await stranger.get(f"{LIST}/{app_id}/authorise")).page
    assert "punchclockkioskdevice" in asked.text
    assert "You are Jens Dahl" in asked.text
    assert "The token in use now stops working" in asked.text
    assert token(planday, app_id, portal_id) == old  # looking changes nothing
    shown = await stranger.post(f"{LIST}/{app_id}/authorise")
    assert "The app is authorised" in shown.page.text
    new = token(planday, app_id, portal_id)
    assert new not in (None, old)
    assert shown.page.values("token") == [new]
    assert "Authorised by Jens Dahl" in shown.page.text


async def test_revoke(
    mette: Visitor, planday: PlandayEmulator, portal_id: int, app_id: str
) -> None:
    """A revoked app keeps its tile but has no token; it can be authorised, not revoked again."""
    shown = await mette.post(f"{LIST}/{app_id}/revoke")
    assert token(planday, app_id, portal_id) is None
    assert "The app is revoked" in shown.page.text
    assert (shown.page.values("app_id"), shown.page.values("token")) == ([app_id], [])
    assert "Revoked. Mette Holm had authorised it on" in shown.page.text
    assert f"/portal/{portal_id}{LIST}/{app_id}/revoke" not in shown.page.paths
    assert (await mette.post(f"{LIST}/{app_id}/revoke")).status == 409
    assert (await mette.post(f"{LIST}/{app_id}/authorise")).page.values("token")


def leaves(planday: PlandayEmulator, app_id: str, portal_id: int) -> None:
    planday.deactivate_admin(portal_id, JENS)


def comes_back(planday: PlandayEmulator, app_id: str, portal_id: int) -> None:
    planday.deactivate_admin(portal_id, JENS)
    planday.reactivate_admin(portal_id, JENS)


def gives_back(planday: PlandayEmulator, app_id: str, portal_id: int) -> None:
    planday.access.withdraw(app_id, str(token(planday, app_id, portal_id)))


def connects_anew(planday: PlandayEmulator, app_id: str, portal_id: int) -> None:
    planday.delete_app(portal_id, app_id)
    planday.connect_app(portal_id, app_id)


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (leaves, "Jens Dahl, who authorised this app, is deactivated"),
        (comes_back, "Jens Dahl, who authorised this app, was deactivated for a time"),
        (gives_back, "The app gave its token back"),
        (connects_anew, "Connected anew"),
    ],
)
async def test_why_a_token_is_dead(
    mette: Visitor,
    planday: PlandayEmulator,
    portal_id: int,
    happens: Callable[[PlandayEmulator, str, int], None],
    told: str,
) -> None:
    """A tile says what ended its token, and shows that no longer."""
    other = planday.add_portal("Fjord")
    app = planday.create_app(other.id, "Bridge", ["shift:read"])
    planday.connect_app(portal_id, app.app_id)
    planday.revoke(portal_id, next(iter(planday.access.apps)))
    planday.authorise(portal_id, app.app_id, JENS)
    happens(planday, app.app_id, portal_id)
    shown = (await mette.get(LIST)).page
    assert told in shown.text
    assert shown.values("token") == []


async def test_rename(mette: Visitor, planday: PlandayEmulator, app_id: str) -> None:
    """An app gets another title, which may not be blank."""
    shown = await mette.post(f"{LIST}/{app_id}/rename", ("title", "Bridge"))
    assert "The app is renamed" in shown.page.text
    assert planday.access.apps[app_id].name == "Bridge"
    blank = await mette.post(f"{LIST}/{app_id}/rename", ("title", ""))
    assert blank.status == 422
    assert "Title: can't be blank." in blank.page.text
    assert planday.access.apps[app_id].name == "Bridge"


async def test_delete(mette: Visitor, planday: PlandayEmulator, app_id: str) -> None:
    """An app is deleted once that is confirmed."""
    asked = await mette.get(f"{LIST}/{app_id}/delete")
    assert "here and in every portal" in asked.page.text
    assert not planday.access.apps[app_id].deleted
    shown = await mette.post(f"{LIST}/{app_id}/delete")
    assert "The app is gone from this portal" in shown.page.text
    assert "No app is connected to this portal yet." in shown.page.text
    assert planday.access.apps[app_id].deleted


async def test_an_app_made_elsewhere(
    mette: Visitor, planday: PlandayEmulator, portal_id: int
) -> None:
    """It cannot be renamed, and deleting it only takes it out of the list."""
    other = planday.add_portal("Fjord")
    app = planday.create_app(other.id, "Bridge", ["shift:read"])
    planday.connect_app(portal_id, app.app_id)
    own = f"/portal/{portal_id}{LIST}/{app.app_id}"
    assert f"{own}/rename" not in (await mette.get(LIST)).page.paths
    refused = await mette.post(f"{LIST}/{app.app_id}/rename", ("title", "x"))
    assert refused.status == 403
    assert "Its maker keeps it" in (await mette.get(f"{LIST}/{app.app_id}/delete")).page.text
    shown = await mette.post(f"{LIST}/{app.app_id}/delete")
    assert app.app_id not in shown.page.values("app_id")
    assert not planday.access.apps[app.app_id].deleted


# --- Users ----------------------------------------------------------------------------------------


async def test_deactivate_and_reactivate(
    mette: Visitor, planday: PlandayEmulator, portal_id: int
) -> None:
    """An administrator's account can be closed and opened again, but nobody's own."""
    shown = await mette.post(f"/users/{JENS}/deactivate")
    assert "The account is deactivated" in shown.page.text
    assert "Deactivated" in shown.page.text
    assert not planday.access.admin(portal_id, JENS).active
    shown = await mette.post(f"/users/{JENS}/reactivate")
    assert "The account is active again" in shown.page.text
    assert "Deactivated" not in shown.page.text
    assert planday.access.admin(portal_id, JENS).active
    assert f"{mette.root.path}/users/{METTE}/deactivate" not in shown.page.paths
    assert (await mette.post(f"/users/{METTE}/deactivate")).status == 409
    assert planday.access.admin(portal_id, METTE).active


async def test_departments(mette: Visitor, planday: PlandayEmulator, portal_id: int) -> None:
    """An administrator sees all departments, or those that are ticked."""
    first, second, *_ = planday.data(portal_id).departments
    path = f"/users/{JENS}/departments"

    async def ticked() -> list[str | None]:
        inputs = (await mette.get(path)).page.inputs
        return [each["value"] for each in inputs if "checked" in each]

    assert await ticked() == ["yes"]
    both = (("department", str(first.id)), ("department", str(second.id)))
    shown = await mette.post(path, *both, ("department", "77"))
    assert "The departments are saved" in shown.page.text
    assert f"{first.name}, {second.name}" in shown.page.text
    assert planday.access.admin(portal_id, JENS).department_ids == frozenset([first.id, second.id])
    assert await ticked() == [str(first.id), str(second.id)]
    assert "No department" in (await mette.post(path)).page.text
    await mette.post(path, ("all", "yes"), both[0])
    assert planday.access.admin(portal_id, JENS).department_ids is None


# --- The identity server's ------------------------------------------------------------------------

PORTAL = Portal(
    id=7,
    name=EVIL,
    company_name="x",
    country="x",
    time_zone="UTC",
    address="x",
    aliases=(),
    opened_at=datetime(2026, 2, 2, 8, tzinfo=UTC),
)
ADMIN = Admin(portal_id=7, id=3, name=EVIL, email=EVIL)
APP = App(app_id="a", name=EVIL, scopes=frozenset(["shift:read"]), owner_portal_id=7)


def test_sign_in_page() -> None:
    """It offers each portal's administrators and carries the hidden fields along."""
    hidden = {"state": EVIL, "scope": "shift:read openid"}
    page = Read(pages.sign_in_page(APP, [(PORTAL, [ADMIN])], action="/on?x=1&y", hidden=hidden))
    assert page.values(pages.PICK) == ["7.3"]
    assert page.values("state") == [EVIL]
    assert page.values("scope") == ["shift:read openid"]
    assert "/on?x=1&y" in page.paths
    assert_harmless(page)


def test_consent_page() -> None:
    """It names app, portal and scopes, and offers to consent and to refuse."""
    scopes = ["shift:read", "shift:delete", "employee:history"]
    text = pages.consent_page(APP, PORTAL, ADMIN, scopes, action="/on", hidden={"state": EVIL})
    page = Read(text)
    assert page.values("state") == [EVIL]
    assert f'name="{pages.DECISION}" value="{pages.AUTHORISE}"' in text
    assert f'name="{pages.DECISION}" value="{pages.CANCEL}"' in text
    assert f"{EVIL} asks for access to {EVIL}" in page.text
    assert "employeehistory" in page.text
    assert "shiftread, delete" in page.text
    assert_harmless(page)


def test_error_page() -> None:
    """It says what is wrong."""
    page = Read(pages.error_page("Unknown app", EVIL))
    assert "Unknown app" in page.text
    assert EVIL in page.text
    assert_harmless(page)


# --- All pages ------------------------------------------------------------------------------------


def assert_harmless(page: Read) -> None:
    """No text has become an element or an attribute."""
    assert not page.tags & {"script", "svg", "img"}
    assert not {name for name in page.attributes if name.startswith("on")}


async def test_names_are_never_markup(
    mette: Visitor, planday: PlandayEmulator, portal_id: int
) -> None:
    """Names of portals, people, apps and URLs are shown letter by letter on every page."""
    portal = planday.add_portal(EVIL)
    ola = planday.add_admin(portal.id, EVIL, email=EVIL)
    kari = planday.add_admin(portal.id, EVIL, email=EVIL)
    app = planday.create_app(portal.id, EVIL, ["shift:read"], ["http://x/?a='\"><script>"])
    planday.authorise(portal.id, app.app_id, kari.id)
    visitor = Visitor(mette.root.parent / str(portal.id), mette.session)
    await visitor.sign_in(ola.id)
    own = f"{LIST}/{app.app_id}"
    paths = ["", LIST, f"{own}/authorise", f"{own}/rename", f"{own}/delete", "/users"]
    for path in [*paths, f"/users/{kari.id}/departments"]:
        shown = await visitor.get(path)
        assert shown.status == 200
        assert EVIL in shown.page.text, path
        assert_harmless(shown.page)
    assert_harmless((await visitor.post(f"{LIST}/connect", ("app_id", EVIL))).page)
    shown = await visitor.post(f"{LIST}/create", ("title", ""), ("redirect_uri", EVIL))
    assert shown.page.values("redirect_uri")[0] == EVIL
    assert_harmless(shown.page)
    assert_harmless((await visitor.get(f"/{'%3Cscript%3E'}")).page)


def test_elements() -> None:
    """Text is escaped, elements are not; what is None or False is left out."""
    assert tag("p", "a<b", None, tag("i", "&")) == "<p>a&lt;b<i>&amp;</i></p>"
    assert tag("input", class_='"x"', aria_label="y", checked=True, readonly=False, id=None) == (
        '<input class="&quot;x&quot;" aria-label="y" checked>'
    )
    assert join("<", tag("b"), None) == "&lt;<b></b>"


async def test_pages_are_kept_by_nobody(mette: Visitor) -> None:
    """Pages with tokens are not stored, framed or told to other sites, and run no script."""
    for shown in (await mette.get(LIST), await mette.get("/nowhere")):
        assert shown.headers["Cache-Control"] == "no-store"
        assert shown.headers["Referrer-Policy"] == "no-referrer"
        policy = shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


NONSENSE = [
    "",
    "0",
    "-1",
    "x",
    "9" * 3000,
    "%00",
    "%ff",
    "%3Cb%3E",
    "..%2f",
    "%D9%A1",
    "1.5",
    "4%20",
]


@pytest.mark.parametrize("odd", NONSENSE)
async def test_nonsense_in_paths(mette: Visitor, app_id: str, odd: str) -> None:
    """Portals, apps, administrators and pages that do not exist are a page of 404."""
    above = Visitor(mette.root.parent, mette.session)
    apps = [f"{LIST}/{odd}/{verb}" for verb in ("authorise", "revoke", "rename", "delete")]
    users = [f"/users/{odd}/{verb}" for verb in ("deactivate", "reactivate", "departments")]
    replies = [await mette.post(path, ("title", "x")) for path in (*apps, *users)]
    replies += [await above.get(f"/{odd}/users"), await mette.get(f"/{odd}/{odd}")]
    assert {reply.status for reply in replies} == {404}
    assert (await mette.get(f"{LIST}/{app_id}/revoke")).status == 404


BODIES = [b"", b"\xff\xfe=%ff", b"title=%00&scope=%00&all=%ff", b"&&&==", b"{}", b"a" * 100_000]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "x/y; charset=z", ""])
async def test_nonsense_in_forms(mette: Visitor, app_id: str, body: bytes, kind: str) -> None:
    """A form of nonsense is refused, or taken for an empty one; it is never our error."""
    paths = ["/sign-in", f"{LIST}/create", f"{LIST}/connect", f"{LIST}/{app_id}/rename"]
    for path in [*paths, f"/users/{JENS}/departments"]:
        url = f"{mette.root}{path}"
        async with mette.session.post(url, data=body, headers={"Content-Type": kind}) as answer:
            assert answer.status < 500
            Read(await answer.text())


async def test_a_form_that_cannot_be_read(mette: Visitor) -> None:
    """A form that is said to be packed and is not is refused."""
    headers = {"Content-Encoding": "gzip"}
    url = f"{mette.root}{LIST}/create"
    async with mette.session.post(url, data=b"title=x", headers=headers, compress=None) as answer:
        assert answer.status == 400
        assert "The form cannot be read" in Read(await answer.text()).text


@pytest.mark.parametrize("cookie", ["", "0", "x", "9" * 4000, '"1', "1.0", "\\"])
async def test_nonsense_in_the_cookie(stranger: Visitor, cookie: str) -> None:
    """A cookie that names nobody is none."""
    headers = {"Cookie": f"administrator={cookie}"}
    async with stranger.session.get(f"{stranger.root}{LIST}", headers=headers) as answer:
        assert answer.status == 200
        assert Read(await answer.text()).values("admin")
