"""The portals' web pages: who comes, what a form does, and which page that shows.

Nobody needs a password: a cookie names the administrator one acts as. A form is answered with the
way to a page, which then says what was done.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from urllib.parse import parse_qs

from aiohttp import web
from attrs import frozen

from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.gate import Handler
from planado_async.emulator.planday import app_screens, screens
from planado_async.emulator.planday.access import Access
from planado_async.emulator.planday.html import answer, see_other
from planado_async.emulator.planday.pages import error_page
from planado_async.emulator.planday.records import Admin, App, Portal
from planado_async.emulator.planday.scopes import REST
from planado_async.emulator.planday.world import World

# Names who one acts as. Strict, so that no other site can press a button here.
COOKIE = "administrator"
Form = Mapping[str, Sequence[str]]


@frozen(kw_only=True)
class Visit:
    """A call of a page by an administrator of the portal."""

    world: World
    frame: screens.Frame
    me: Admin
    ids: Mapping[str, str]
    form: Form
    done: str | None

    @property
    def access(self) -> Access:
        """Who may do what."""
        return self.world.access

    @property
    def portal(self) -> Portal:
        """The portal whose page it is."""
        return self.frame.portal

    @property
    def app(self) -> App:
        """The app that the path names."""
        return self.access.app_in(self.portal.id, self.ids["app"])

    @property
    def admin(self) -> Admin:
        """The administrator whom the path names."""
        return _chosen(self.world, self.portal, self.ids["admin"])

    @property
    def departments(self) -> dict[int, str]:
        """The names of the portal's departments."""
        return {each.id: each.name for each in self.world.data(self.portal.id).departments}

    def text(self, name: str) -> str:
        """A line of the form, without the blanks around it."""
        return _line(self.form, name)


@frozen
class Route:
    """A page, or what a form does. `apps`: only for those who see all departments."""

    method: str
    path: str
    run: Callable[[Visit], web.Response]
    apps: bool = False


def routes(world: World) -> web.Application:
    """The application that serves the pages; it stands under /portal."""

    def page(run: Callable[[World, web.Request], Awaitable[web.Response]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                return await run(world, request)
            except EmulatorError as error:
                return answer(error_page("That cannot be done", told(error)), error.status)

        return handle

    app = web.Application()
    app.router.add_get("", page(_portals))
    app.router.add_post("/{portal}/sign-in", page(_sign_in))
    for route in ROUTES:
        app.router.add_route(route.method, "/{portal}" + route.path, page(partial(_visit, route)))
    app.router.add_route("*", "/{rest:.*}", page(_nowhere))
    return app


async def _portals(world: World, request: web.Request) -> web.Response:
    return answer(screens.portal_list(world.access.portals.values()))


async def _nowhere(world: World, request: web.Request) -> web.Response:
    raise EmulatorError(404, "There is no such page")


async def _sign_in(world: World, request: web.Request) -> web.Response:
    portal, form = _portal(world, request), await _form(request)
    frame = screens.Frame(portal=portal, admin=None)
    wanted = _line(form, "to")
    try:
        admin = _chosen(world, portal, _line(form, "admin"))
        if not admin.active:
            raise EmulatorError(403, f"{admin.name} is deactivated")
    except EmulatorError as error:
        page = screens.sign_in(frame, _admins(world, portal), wanted, error.message)
        return answer(page, error.status)
    response = see_other(wanted if wanted.startswith(f"{frame.root}/") else frame.root)
    response.set_cookie(COOKIE, str(admin.id), path=frame.root, httponly=True, samesite="Strict")
    return response


async def _visit(route: Route, world: World, request: web.Request) -> web.Response:
    portal, form = _portal(world, request), await _form(request)
    me = _acting(world, portal, request.cookies.get(COOKIE, ""))
    frame = screens.Frame(portal=portal, admin=me)
    if me is None:
        wanted = request.path if request.method == "GET" else frame.root
        return answer(screens.sign_in(frame, _admins(world, portal), wanted))
    done = DONE.get(request.query.get("done", ""))
    visit = Visit(world=world, frame=frame, me=me, ids=request.match_info, form=form, done=done)
    try:
        if route.apps and me.department_ids is not None:
            raise EmulatorError(403, "API Access is for administrators of all departments")
        return route.run(visit)
    except EmulatorError as error:
        return answer(screens.refused(frame, told(error)), error.status)


def _portal(world: World, request: web.Request) -> Portal:
    given = request.match_info["portal"]
    for portal in world.access.portals.values():
        if str(portal.id) == given:
            return portal
    raise EmulatorError(404, "There is no such portal")


def _admins(world: World, portal: Portal) -> list[Admin]:
    return [admin for admin in world.access.admins.values() if admin.portal_id == portal.id]


def _chosen(world: World, portal: Portal, admin_id: str) -> Admin:
    for admin in _admins(world, portal):
        if str(admin.id) == admin_id:
            return admin
    raise EmulatorError(404, "Choose an administrator of this portal")


def _acting(world: World, portal: Portal, admin_id: str) -> Admin | None:
    """The administrator in the cookie, as long as the account is open."""
    active = (admin for admin in _admins(world, portal) if admin.active)
    return next((admin for admin in active if str(admin.id) == admin_id), None)


async def _form(request: web.Request) -> Form:
    try:
        raw = await request.read()
    except (web.RequestPayloadError, ConnectionError):
        raise EmulatorError(400, "The form cannot be read") from None
    return parse_qs(raw.decode(errors="replace"), keep_blank_values=True)


def _line(form: Form, name: str) -> str:
    return form.get(name, [""])[0].strip()


CAPTIONS = {"name": "Title", "redirect_uris": "Redirect URLs", "scopes": "Scopes"}


def told(error: EmulatorError) -> str:
    """What a refusal says to somebody who looks at a form."""
    if error.errors is None:
        return error.message
    return " ".join(
        f"{CAPTIONS.get(name, name)}: {', '.join(texts)}." for name, texts in error.errors.items()
    )


# --- What they show and do ------------------------------------------------------------------------

# What was done, by the word that the page's address then holds.
DONE = {
    "created": "The app is created. Authorise it to get its token.",
    "connected": "The app is connected. Authorise it to get its token.",
    "authorised": "The app is authorised. Copy its App ID and its token.",
    "revoked": "The app is revoked: its token no longer works.",
    "renamed": "The app is renamed.",
    "deleted": "The app is gone from this portal.",
    "deactivated": "The account is deactivated. What it authorised no longer works.",
    "reactivated": "The account is active again. What it authorised has to be authorised again.",
    "departments": "The departments are saved.",
}


def _home(visit: Visit) -> web.Response:
    return answer(screens.home(visit.frame, visit.me))


def _sign_out(visit: Visit) -> web.Response:
    response = see_other(visit.frame.root)
    response.del_cookie(COOKIE, path=visit.frame.root)
    return response


def _api_access(visit: Visit) -> web.Response:
    tiles = [_tile(visit, app) for app in visit.access.apps_in(visit.portal.id)]
    return answer(app_screens.api_access(visit.frame, tiles, visit.done))


def _tile(visit: Visit, app: App) -> app_screens.Tile:
    here = (app.app_id, visit.portal.id)
    grants = [
        grant for grant in visit.access.grants.values() if (grant.app_id, grant.portal_id) == here
    ]
    last = visit.access.live_grant(*here) or (grants[-1] if grants else None)
    return app_screens.Tile(
        app=app, grant=last, admin=visit.access.admin_of(last) if last is not None else None
    )


def _back(visit: Visit, done: str, app: App | None = None) -> web.Response:
    fragment = "" if app is None else f"#app-{app.app_id}"
    return see_other(f"{visit.frame.api_access}?done={done}{fragment}")


def _create_form(visit: Visit) -> web.Response:
    return answer(app_screens.create_app(visit.frame, app_screens.Draft()))


def _create(visit: Visit) -> web.Response:
    draft = _draft(visit)
    try:
        app = visit.access.create_app(
            visit.portal.id, draft.name, draft.scopes, draft.redirect_uris
        )
    except EmulatorError as error:
        return answer(app_screens.create_app(visit.frame, draft, told(error)), error.status)
    return _back(visit, "created", app)


def _draft(visit: Visit) -> app_screens.Draft:
    whole = visit.form.get("all", ())
    of_whole = [scope for scope in REST if scope.partition(":")[0] in whole]
    uris = (uri.strip() for uri in visit.form.get("redirect_uri", ()))
    return app_screens.Draft(
        name=visit.text("title"),
        redirect_uris=[uri for uri in uris if uri],
        scopes=[*visit.form.get("scope", ()), *of_whole],
    )


def _connect_form(visit: Visit) -> web.Response:
    return answer(app_screens.connect_app(visit.frame))


def _connect(visit: Visit) -> web.Response:
    app_id = visit.text("app_id")
    try:
        app = visit.access.connect_app(visit.portal.id, app_id)
    except EmulatorError as error:
        return answer(app_screens.connect_app(visit.frame, app_id, told(error)), error.status)
    return _back(visit, "connected", app)


def _authorise_form(visit: Visit) -> web.Response:
    return answer(app_screens.authorise_app(visit.frame, visit.me, _tile(visit, visit.app)))


def _authorise(visit: Visit) -> web.Response:
    app = visit.app
    visit.access.authorise(visit.portal.id, app.app_id, visit.me.id)
    return _back(visit, "authorised", app)


def _revoke(visit: Visit) -> web.Response:
    app = visit.app
    visit.access.revoke(visit.portal.id, app.app_id)
    return _back(visit, "revoked", app)


def _rename_form(visit: Visit) -> web.Response:
    return answer(app_screens.rename_app(visit.frame, visit.app, visit.app.name))


def _rename(visit: Visit) -> web.Response:
    app, name = visit.app, visit.text("title")
    try:
        visit.access.rename_app(visit.portal.id, app.app_id, name)
    except EmulatorError as error:
        return answer(app_screens.rename_app(visit.frame, app, name, told(error)), error.status)
    return _back(visit, "renamed", app)


def _delete_form(visit: Visit) -> web.Response:
    return answer(app_screens.delete_app(visit.frame, visit.app))


def _delete(visit: Visit) -> web.Response:
    visit.access.delete_app(visit.portal.id, visit.app.app_id)
    return _back(visit, "deleted")


def _users(visit: Visit) -> web.Response:
    admins = _admins(visit.world, visit.portal)
    return answer(screens.users(visit.frame, visit.me, admins, visit.departments, visit.done))


def _deactivate(visit: Visit) -> web.Response:
    if visit.admin == visit.me:
        raise EmulatorError(409, "Nobody can close the account they act with")
    visit.access.deactivate_admin(visit.portal.id, visit.admin.id)
    return see_other(f"{visit.frame.root}/users?done=deactivated")


def _reactivate(visit: Visit) -> web.Response:
    visit.access.reactivate_admin(visit.portal.id, visit.admin.id)
    return see_other(f"{visit.frame.root}/users?done=reactivated")


def _departments_form(visit: Visit) -> web.Response:
    return answer(screens.departments_of(visit.frame, visit.admin, visit.departments))


def _departments(visit: Visit) -> web.Response:
    picked = visit.form.get("department", ())
    chosen = [id_ for id_ in visit.departments if str(id_) in picked]
    ids = None if "all" in visit.form else chosen
    visit.access.limit_admin(visit.portal.id, visit.admin.id, ids)
    return see_other(f"{visit.frame.root}/users?done=departments")


LIST = "/settings/api-access"
APP = LIST + "/{app}"
USER = "/users/{admin}"

ROUTES = [
    Route("GET", "", _home),
    Route("POST", "/sign-out", _sign_out),
    Route("GET", LIST, _api_access, apps=True),
    Route("GET", LIST + "/create", _create_form, apps=True),
    Route("POST", LIST + "/create", _create, apps=True),
    Route("GET", LIST + "/connect", _connect_form, apps=True),
    Route("POST", LIST + "/connect", _connect, apps=True),
    Route("GET", APP + "/authorise", _authorise_form, apps=True),
    Route("POST", APP + "/authorise", _authorise, apps=True),
    Route("POST", APP + "/revoke", _revoke, apps=True),
    Route("GET", APP + "/rename", _rename_form, apps=True),
    Route("POST", APP + "/rename", _rename, apps=True),
    Route("GET", APP + "/delete", _delete_form, apps=True),
    Route("POST", APP + "/delete", _delete, apps=True),
    Route("GET", "/users", _users),
    Route("POST", USER + "/deactivate", _deactivate),
    Route("POST", USER + "/reactivate", _reactivate),
    Route("GET", USER + "/departments", _departments_form),
    Route("POST", USER + "/departments", _departments),
]
