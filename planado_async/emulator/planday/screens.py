"""What the pages of a portal show but for API Access: pure functions of its records."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from planado_async.emulator.planday.html import (
    Html,
    alert,
    box,
    button,
    document,
    form,
    hidden,
    join,
    link,
    notice,
    plain_banner,
    tag,
)
from planado_async.emulator.planday.records import Admin, App, Portal


@frozen(kw_only=True)
class Frame:
    """What stands around each page of a portal: where one is and who one acts as."""

    portal: Portal
    admin: Admin | None

    @property
    def root(self) -> str:
        """The path of the portal's pages."""
        return f"/portal/{self.portal.id}"

    @property
    def api_access(self) -> str:
        """The path of the list of apps, under which each app has its own."""
        return f"{self.root}/settings/api-access"

    def owns(self, app: App) -> bool:
        """Whether the app was made in this portal."""
        return app.owner_portal_id == self.portal.id

    def page(self, title: str, *body: str | None, trail: str | None = None) -> str:
        """A page of this portal; `trail` says where in the menus it is."""
        above = tag("p", trail, class_="trail") if trail else None
        return document(title, *body, above=above, banner=self._banner())

    def _banner(self) -> Html:
        if self.admin is None:
            return plain_banner(tag("span", self.portal.name, class_="portal"))
        return plain_banner(
            tag("span", self.portal.name, class_="portal"),
            tag(
                "nav",
                link("Home", self.root),
                link("API Access", self.api_access),
                link("Users", f"{self.root}/users"),
            ),
            form(f"{self.root}/sign-out", tag("span", self.admin.name), button("Sign out")),
        )


# --- Home -----------------------------------------------------------------------------------------


def portal_list(portals: Iterable[Portal]) -> str:
    """All portals, for want of a login that knows one's own."""
    entries = (
        tag("li", link(portal.name, f"/portal/{portal.id}"), " ", tag("small", portal.address))
        for portal in portals
    )
    return document("Portals", tag("ul", *entries, class_="card"))


def sign_in(frame: Frame, admins: Sequence[Admin], wanted: str, problem: str | None = None) -> str:
    """Asks which administrator one acts as, before the page that is wanted."""
    choices = [admin_box(admin, "admin", str(admin.id)) for admin in admins]
    return frame.page(
        "Sign in",
        alert(problem),
        form(
            f"{frame.root}/sign-in",
            hidden("to", wanted),
            tag("fieldset", tag("legend", "Act as"), *choices),
            tag("p", button("Sign in", kind="main"), class_="actions"),
            class_="card",
        ),
        tag("p", "Here nobody needs a password.", class_="muted"),
    )


def admin_box(admin: Admin, name: str, value: str) -> Html:
    """An administrator to choose; one who is deactivated says so."""
    state = "" if admin.active else ", deactivated"
    caption = join(admin.name, tag("small", f"{admin.email}{state}"))
    return box(caption, name, value, type="radio", required=True)


def refused(frame: Frame, problem: str) -> str:
    """Says why something is not done."""
    return frame.page("That cannot be done", alert(problem))


def home(frame: Frame, admin: Admin) -> str:
    """Where one is after signing in."""
    return frame.page(
        frame.portal.company_name,
        tag("p", f"You act as {admin.name}."),
        tag(
            "ul",
            tag("li", "Settings > Integrations > ", link("API Access", frame.api_access)),
            tag("li", link("Users", f"{frame.root}/users")),
            class_="card",
        ),
    )


# --- Users ----------------------------------------------------------------------------------------


def users(
    frame: Frame,
    me: Admin,
    admins: Sequence[Admin],
    departments: Mapping[int, str],
    done: str | None,
) -> str:
    """The portal's administrators."""
    heads = [
        tag("th", head, scope="col") for head in ("Administrator", "Departments", "Status", "")
    ]
    rows = [_user(frame, me, admin, departments) for admin in admins]
    return frame.page(
        "Users",
        notice(done),
        tag(
            "div",
            tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows)),
            class_="card",
        ),
    )


def _user(frame: Frame, me: Admin, admin: Admin, departments: Mapping[int, str]) -> Html:
    state = ("Active", "badge good") if admin.active else ("Deactivated", "badge bad")
    return tag(
        "tr",
        tag("th", admin.name, tag("small", admin.email), scope="row"),
        tag("td", _sees(admin, departments)),
        tag("td", tag("span", state[0], class_=state[1])),
        tag("td", _user_actions(frame, me, admin)),
    )


def _sees(admin: Admin, departments: Mapping[int, str]) -> str:
    if admin.department_ids is None:
        return "All departments"
    names = [name for id_, name in departments.items() if id_ in admin.department_ids]
    return ", ".join(names) or "No department"


def _user_actions(frame: Frame, me: Admin, admin: Admin) -> Html:
    if admin.id == me.id:
        return tag("span", "You", class_="muted")
    path = f"{frame.root}/users/{admin.id}"
    word = "Deactivate" if admin.active else "Reactivate"
    return tag(
        "div",
        link(
            "Departments",
            f"{path}/departments",
            kind="button",
            label=f"Departments of {admin.name}",
        ),
        form(f"{path}/{word.lower()}", button(word, label=f"{word} {admin.name}")),
        class_="actions",
    )


def departments_of(frame: Frame, admin: Admin, departments: Mapping[int, str]) -> str:
    """Asks which departments an administrator may see."""
    chosen = admin.department_ids
    boxes = [
        box(name, "department", str(id_), checked=chosen is not None and id_ in chosen)
        for id_, name in departments.items()
    ]
    return frame.page(
        f"Departments of {admin.name}",
        form(
            f"{frame.root}/users/{admin.id}/departments",
            box("All departments", "all", "yes", checked=chosen is None),
            tag("fieldset", tag("legend", "Or only these"), *boxes),
            tag(
                "p",
                button("Save", kind="main"),
                link("Cancel", f"{frame.root}/users", kind="button"),
                class_="actions",
            ),
            class_="card",
        ),
        trail="Users",
    )
