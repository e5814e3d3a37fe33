"""What the pages of `connect` show: plain functions of values, which escape all that they show."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from attrs import field, frozen

from planado_async.planday.models.portal import Portal
from planado_async.planday.tokens import Grant

_SHOWN_OF_TOKEN = 4  # characters, the last ones
_LONG_ENOUGH = 12  # characters of a token of which that many tell nothing


@frozen(kw_only=True)
class Problem:
    """Why something was not done, and what to do about it."""

    status: int
    title: str
    text: str
    retry_after: int | None = None
    """Seconds after which trying again makes sense."""


@frozen(kw_only=True)
class Form:
    """What the page that begins holds: where its forms go, and what stands in them."""

    path: str
    """Of the pages, as the browser knows it."""
    csrf: str = field(repr=False)
    app_id: str
    scopes: Sequence[str]


@frozen(kw_only=True)
class Connected:
    """A portal that is connected now."""

    portal: Portal
    grant: Grant
    missing: Sequence[str]
    """Scopes that were asked for and not granted."""
    at: datetime
    notes: Sequence[str] = ()
    """What there is to do still."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(template: str, /, **values: str) -> Html:
    """Return a template with its names replaced by values, each escaped unless it is HTML."""
    told = {
        name: value if isinstance(value, Html) else escape(value) for name, value in values.items()
    }
    return Html(template.format(**told))


def begin_page(form: Form, problem: Problem | None = None) -> str:
    """Return the page that begins, with what has gone wrong before, if anything has."""
    return _page(
        "Connect Planday",
        _alert(problem) if problem else Html(),
        html(
            _BEGIN,
            path=form.path,
            csrf=form.csrf,
            app_id=form.app_id,
            scopes=_list(form.scopes),
        ),
    )


def problem_page(path: str, problem: Problem) -> str:
    """Return a page that says what went wrong, and leads to the one that begins."""
    again = html(
        '<p><a id="again" href="{path}/connect">Back to Connect Planday</a></p>', path=path
    )
    return _page(problem.title, _alert(problem, titled=False), again)


def connected_page(done: Connected) -> str:
    """Return the page that tells what is connected."""
    portal, grant = done.portal, done.grant
    rows = [
        _row("portal-name", "Portal", portal.name or "(without a name)"),
        _row("portal-id", "Portal id", str(portal.id)),
        _row("kept-as", "Kept as", grant.portal),
        _row("app-id", "App ID", grant.app_id),
        _row("token", "Token", _end_of(grant)),
        _row("granted", "Scopes granted", _list(grant.scopes) if grant.scopes else "(not told)"),
        _row("missing", "Asked for, not granted", _list(done.missing) if done.missing else "none"),
        _row("time", "Time", f"{done.at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    return _page(
        "Planday is connected",
        Html('<p id="done" role="status">The token is checked and kept.</p>'),
        *(html('<p class="note">{note}</p>', note=note) for note in done.notes),
        html("<dl>{rows}</dl>", rows=_joined(rows)),
    )


def _page(title: str, *body: Html) -> str:
    return html(_PAGE, title=title, style=Html(_STYLE), body=_joined(body))


def _alert(problem: Problem, *, titled: bool = True) -> Html:
    title = html("<strong>{title}.</strong> ", title=problem.title) if titled else Html()
    return html('<p id="problem" role="alert">{title}{text}</p>', title=title, text=problem.text)


def _row(id: str, caption: str, value: str) -> Html:
    return html('<dt>{caption}</dt><dd id="{id}">{value}</dd>', caption=caption, id=id, value=value)


def _list(words: Sequence[str]) -> Html:
    return html("<ul>{items}</ul>", items=_joined([html("<li>{w}</li>", w=word) for word in words]))


def _joined(pieces: Sequence[Html]) -> Html:
    return Html("\n".join(pieces))


def _end_of(grant: Grant) -> str:
    """Return as much of a token as tells it from others and opens nothing."""
    token = grant.refresh_token.reveal()
    return f"…{token[-_SHOWN_OF_TOKEN:]}" if len(token) >= _LONG_ENOUGH else "…"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

_BEGIN = """
<p>You need to be an administrator of the portal, with access to all departments.</p>
<section>
<h2>Sign in at Planday</h2>
<p>Planday asks you to authorise the app, and sends you back here.</p>
<details><summary>What the app asks for</summary>{scopes}</details>
<form id="authorise" method="post" action="{path}/connect">
<input type="hidden" name="csrf" value="{csrf}">
<button id="connect" type="submit">Connect with Planday</button>
</form>
</section>
<section>
<h2>Or enter App ID and token</h2>
<p>In Planday, open Settings / Integrations / API Access and press Authorise on the app. Its tile
then shows both.</p>
<form id="paste" method="post" action="{path}/token" autocomplete="off">
<input type="hidden" name="csrf" value="{csrf}">
<label for="app-id">App ID</label>
<input id="app-id" name="app_id" value="{app_id}" required maxlength="100" spellcheck="false"
 autocapitalize="none" autocomplete="off">
<label for="token">Token</label>
<input id="token" name="token" type="password" required maxlength="4000" autocomplete="off">
<button id="check" type="submit">Check and keep token</button>
</form>
</section>
"""

_STYLE = """
:root { --ink: #1d2433; --soft: #5b6474; --line: #d9dee7; --accent: #1f5fd0; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f9; color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 40rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
section, dl { margin: 1rem 0; padding: 1rem 1.25rem; background: #fff;
  border: 1px solid var(--line); border-radius: .5rem; }
p { margin: .5rem 0; }
label { display: block; margin-top: .75rem; font-weight: 600; }
input:not([type=hidden]) { display: block; width: 100%; min-height: 2.75rem; margin-top: .25rem;
  padding: .5rem .6rem; font: inherit; border: 1px solid #aab2c0; border-radius: .375rem; }
button { min-height: 2.75rem; margin-top: 1rem; padding: .5rem 1rem; font: inherit; color: #fff;
  background: var(--accent); border: 0; border-radius: .375rem; cursor: pointer; }
:focus-visible { outline: 3px solid #f2a900; outline-offset: 2px; }
summary { cursor: pointer; padding: .25rem 0; }
ul { margin: 0; padding-left: 1.25rem; }
dt { margin-top: .75rem; color: var(--soft); font-size: .875rem; } dt:first-child { margin-top: 0; }
dd { margin: 0; } dd ul { list-style: none; padding: 0; }
#problem, #done, .note { padding: .75rem 1rem; border: 1px solid; border-radius: .375rem; }
#problem { color: var(--bad); background: #fdf1f0; }
#done { color: #1a6b3c; background: #eef8f1; }
.note { color: #8a5a00; background: #fff8e6; }
@media (max-width: 30rem) { button { width: 100%; } section, dl { padding: .9rem 1rem; } }
"""
