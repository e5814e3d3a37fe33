"""The three web pages of the identity server: sign-in, consent, and an error's.

They are plain functions that give a page's text; `html.answer` makes it an answer.
"""

from collections.abc import Iterable, Mapping

from planado_async.emulator.planday import html
from planado_async.emulator.planday.app_screens import bounds, scope_list
from planado_async.emulator.planday.html import Html, alert, button, document, form, tag
from planado_async.emulator.planday.records import Admin, App, Portal
from planado_async.emulator.planday.screens import admin_box

# Names in their forms, and what the consent page's button says.
PICK = "admin"  # who signs in, as `{portal id}.{administrator's id}`
DECISION = "decision"
AUTHORISE, CANCEL = "authorise", "cancel"


def sign_in_page(
    app: App,
    portals: Iterable[tuple[Portal, Iterable[Admin]]],
    *,
    action: str,
    hidden: Mapping[str, str],
    problem: str | None = None,
) -> str:
    """Asks which administrator of which portal signs in; posts PICK and the hidden fields."""
    return document(
        "Sign in to Planday",
        alert(problem),
        form(
            action,
            *map(html.hidden, hidden, hidden.values()),
            tag("p", tag("b", app.name), " wants to work with your portal. Who are you?"),
            *(_choices(portal, admins) for portal, admins in portals),
            tag("p", button("Sign in", kind="main"), class_="actions"),
            class_="card",
        ),
        tag("p", "Here nobody needs a password.", class_="muted"),
    )


def _choices(portal: Portal, admins: Iterable[Admin]) -> Html:
    boxes = [admin_box(admin, PICK, f"{portal.id}.{admin.id}") for admin in admins]
    return tag("fieldset", tag("legend", f"{portal.name}, {portal.address}"), *boxes)


def consent_page(
    app: App,
    portal: Portal,
    admin: Admin,
    scopes: Iterable[str],
    *,
    action: str,
    hidden: Mapping[str, str],
) -> str:
    """Asks to let an app into a portal; posts DECISION and the hidden fields."""
    return document(
        f"Authorise {app.name}?",
        form(
            action,
            *map(html.hidden, hidden, hidden.values()),
            tag("p", tag("b", app.name), " asks for access to ", tag("b", portal.name), ":"),
            scope_list(scopes),
            bounds(admin),
            tag(
                "p",
                button("Authorise", kind="main", name=DECISION, value=AUTHORISE),
                button("Cancel", name=DECISION, value=CANCEL),
                class_="actions",
            ),
            class_="card",
        ),
    )


def error_page(title: str, problem: str) -> str:
    """Says why the browser is not sent back to the app; goes out with status 400."""
    return document(title, alert(problem))
