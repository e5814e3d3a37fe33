"""What the pages of API Access show: apps as tiles, and the forms that make and change them."""

from collections.abc import Collection, Iterable, Sequence

from attrs import frozen

from planado_async.emulator.planday.html import (
    Html,
    alert,
    box,
    button,
    form,
    join,
    link,
    notice,
    tag,
    text_field,
)
from planado_async.emulator.planday.records import Admin, App, Grant
from planado_async.emulator.planday.scopes import REST
from planado_async.emulator.planday.screens import Frame

MOST_REDIRECT_URIS = 3
COLUMNS = ("read", "create", "update", "delete")
# A tile folds a longer list of scopes.
FEW = 8

TRAIL = "Settings > Integrations"
DEEP_TRAIL = "Settings > Integrations > API Access"


@frozen(kw_only=True)
class Tile:
    """An app of the portal, with the last grant it got there and who gave it."""

    app: App
    grant: Grant | None
    admin: Admin | None

    @property
    def live(self) -> bool:
        """Whether the app's token works."""
        return self.grant is not None and not self.grant.revoked


def api_access(frame: Frame, tiles: Sequence[Tile], done: str | None) -> str:
    """The apps that are connected to the portal."""
    return frame.page(
        "API Access",
        notice(done),
        tag(
            "p",
            link("Create App", f"{frame.api_access}/create", kind="button main"),
            link("Connect App", f"{frame.api_access}/connect", kind="button"),
            class_="actions",
        ),
        *(_tile(frame, tile) for tile in tiles),
        None if tiles else tag("p", "No app is connected to this portal yet.", class_="card"),
        trail=TRAIL,
    )


def _tile(frame: Frame, tile: Tile) -> Html:
    app = tile.app
    state = ("Authorised", "badge good") if tile.live else ("Not authorised", "badge")
    return tag(
        "section",
        tag("div", tag("h2", app.name), tag("span", state[0], class_=state[1]), class_="head"),
        _told(tile),
        text_field("App ID", "app_id", app.app_id, readonly=True),
        _token(tile),
        _folded_scopes(app.scopes),
        _tile_actions(frame, tile),
        id=f"app-{app.app_id}",
        class_="tile",
        aria_label=app.name,
    )


def _tile_actions(frame: Frame, tile: Tile) -> Html:
    path = app_path(frame, tile.app)

    def to(word: str, kind: str) -> Html:
        return link(word, f"{path}/{word.lower()}", kind=kind, label=f"{word} {tile.app.name}")

    revoke = form(f"{path}/revoke", button("Revoke", label=f"Revoke {tile.app.name}"))
    return tag(
        "div",
        to("Authorise", "button main"),
        revoke if tile.live else None,
        to("Rename", "button") if frame.owns(tile.app) else None,
        to("Delete", "button danger"),
        class_="actions",
    )


def app_path(frame: Frame, app: App) -> str:
    """The path of an app's own pages."""
    return f"{frame.api_access}/{app.app_id}"


def _token(tile: Tile) -> Html | None:
    if tile.grant is None or not tile.live:
        return None
    return text_field("Token", "token", tile.grant.refresh_token, readonly=True)


def _told(tile: Tile) -> Html | None:
    """How the app came to its state, and what to do about it."""
    if tile.grant is None or tile.admin is None:
        return tag("p", "Press Authorise to get a token for this portal.", class_="muted")
    name = tile.admin.name
    if tile.grant.ended == "deactivated" and not tile.admin.active:
        return tag("p", DEACTIVATED.format(name=name), class_="warning")
    day = f"{tile.grant.created_at:%d %B %Y, %H:%M} UTC"
    return tag("p", ENDS[tile.grant.ended].format(name=name, day=day), class_="muted")


DEACTIVATED = (
    "{name}, who authorised this app, is deactivated, so its token no longer works. Authorise it "
    "again and put the new token into every system that used the old one."
)
ENDS: dict[str | None, str] = {
    None: "Authorised by {name} on {day}.",
    "revoked": "Revoked. {name} had authorised it on {day}.",
    "withdrawn": "The app gave its token back. {name} had authorised it on {day}.",
    "deactivated": (
        "{name}, who authorised this app, was deactivated for a time, and its token died with "
        "that. Authorise it again to get a new one."
    ),
    "deleted": "Connected anew. {name} had authorised it on {day}, before it was deleted here.",
}


def _folded_scopes(scopes: Collection[str]) -> Html:
    many = len(scopes) > FEW
    count = f"{len(scopes)} scopes" if len(scopes) != 1 else "1 scope"
    return tag("details", tag("summary", count), scope_list(scopes), open=not many)


def scope_list(scopes: Iterable[str]) -> Html:
    """Scopes by resource."""
    rows = [
        join(tag("dt", resource), tag("dd", ", ".join(actions)))
        for resource, actions in by_resource(scopes).items()
    ]
    return tag("dl", *rows, class_="scopes")


def by_resource(scopes: Iterable[str]) -> dict[str, list[str]]:
    """Actions by resource, both in the order of the documentation."""
    asked = set(scopes)
    grouped: dict[str, list[str]] = {}
    for scope in [scope for scope in REST if scope in asked]:
        resource, _, action = scope.partition(":")
        grouped.setdefault(resource, []).append(action)
    return grouped


# --- Create, connect, authorise, rename, delete ---------------------------------------------------


@frozen(kw_only=True)
class Draft:
    """An app as its form was filled in."""

    name: str = ""
    redirect_uris: Sequence[str] = ()
    scopes: Collection[str] = ()


def create_app(frame: Frame, draft: Draft, problem: str | None = None) -> str:
    """Asks for title, redirect URLs and scopes."""
    return frame.page(
        "Create App",
        alert(problem),
        form(
            f"{frame.api_access}/create",
            tag(
                "div",
                text_field("Title", "title", draft.name, required=True),
                _redirect_fields(draft.redirect_uris),
                class_="card",
            ),
            tag(
                "div",
                tag("h2", "Scopes"),
                tag("p", "They are fixed once the app is saved.", class_="muted"),
                _scope_grid(draft.scopes),
                class_="card",
            ),
            _save_or_back(frame),
        ),
        trail=DEEP_TRAIL,
    )


def _save_or_back(frame: Frame, save: str = "Save", kind: str = "main") -> Html:
    back = link("Cancel", frame.api_access, kind="button")
    return tag("p", button(save, kind=kind), back, class_="actions")


def _redirect_fields(given: Sequence[str]) -> Html:
    fields = [
        text_field(f"Redirect URL {number + 1}", "redirect_uri", uri, inputmode="url")
        for number, uri in enumerate([*given, *[""] * MOST_REDIRECT_URIS][:MOST_REDIRECT_URIS])
    ]
    return tag("div", *fields)


def _scope_grid(chosen: Collection[str]) -> Html:
    heads = [
        tag("th", head, scope="col")
        for head in ("Resource", "ALL", *map(str.upper, COLUMNS), "Other")
    ]
    rows = [
        _scope_row(resource, actions, chosen) for resource, actions in by_resource(REST).items()
    ]
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="grid")


def _scope_row(resource: str, actions: Sequence[str], chosen: Collection[str]) -> Html:
    def cell(*which: str) -> Html:
        return tag("td", *(_scope_box(resource, action, chosen) for action in which))

    others = [action for action in actions if action not in COLUMNS]
    return tag(
        "tr",
        tag("th", resource, scope="row"),
        tag("td", box("ALL", "all", resource, aria_label=f"{resource}: all")),
        *(cell(*({column} & set(actions))) for column in COLUMNS),
        cell(*others),
    )


def _scope_box(resource: str, action: str, chosen: Collection[str]) -> Html:
    scope = f"{resource}:{action}"
    return box(action.upper(), "scope", scope, checked=scope in chosen, aria_label=scope)


def connect_app(frame: Frame, app_id: str = "", problem: str | None = None) -> str:
    """Asks for the App ID of an app made elsewhere."""
    return frame.page(
        "Connect App",
        alert(problem),
        form(
            f"{frame.api_access}/connect",
            text_field("Application ID", "app_id", app_id, required=True),
            _save_or_back(frame),
            class_="card",
        ),
        trail=DEEP_TRAIL,
    )


def authorise_app(frame: Frame, admin: Admin, tile: Tile) -> str:
    """Shows what an app will be allowed, and asks to confirm."""
    again = "The token in use now stops working." if tile.live else None
    return frame.page(
        f"Authorise {tile.app.name}",
        form(
            f"{app_path(frame, tile.app)}/authorise",
            tag("p", tag("b", tile.app.name), " gets access to ", tag("b", frame.portal.name), ":"),
            scope_list(tile.app.scopes),
            bounds(admin),
            tag("p", again, class_="warning") if again else None,
            _save_or_back(frame, "Authorise"),
            class_="card",
        ),
        trail=DEEP_TRAIL,
    )


def bounds(admin: Admin) -> Html:
    """What an authorisation hangs on."""
    return tag(
        "p",
        f"You are {admin.name}. The app sees what you may see, and only as long as your account "
        "is active.",
    )


def rename_app(frame: Frame, app: App, name: str, problem: str | None = None) -> str:
    """Asks for another name."""
    return frame.page(
        f"Rename {app.name}",
        alert(problem),
        form(
            f"{app_path(frame, app)}/rename",
            text_field("Title", "title", name, required=True),
            _save_or_back(frame),
            class_="card",
        ),
        trail=DEEP_TRAIL,
    )


DELETED_EVERYWHERE = (
    "The app goes for good, here and in every portal that connected it, and its tokens stop "
    "working at once."
)
DELETED_HERE = (
    "The app leaves this portal, where its token stops working at once. Its maker keeps it."
)


def delete_app(frame: Frame, app: App) -> str:
    """Asks whether that is meant."""
    return frame.page(
        f"Delete {app.name}?",
        form(
            f"{app_path(frame, app)}/delete",
            tag("p", DELETED_EVERYWHERE if frame.owns(app) else DELETED_HERE),
            _save_or_back(frame, "Delete", "danger"),
            class_="card",
        ),
        trail=DEEP_TRAIL,
    )
