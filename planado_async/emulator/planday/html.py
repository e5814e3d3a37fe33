"""HTML, written as calls: text is escaped wherever it is put, unless it is HTML already."""

from html import escape

from aiohttp import web

from planado_async.emulator.planday.style import STYLE

VOID = frozenset({"input", "link", "meta"})

# Tokens stand in these pages, so nobody keeps, frames or refers to them.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(element: str, /, *children: str | None, **attributes: str | bool | None) -> Html:
    """An element. A child that is None is left out, an attribute that is None or False too.

    An attribute's name is written as in Python: `class_`, `aria_label`.
    """
    opening = Html(f"<{element}{''.join(map(_attribute, attributes, attributes.values()))}>")
    return opening if element in VOID else join(opening, *children, Html(f"</{element}>"))


def _attribute(name: str, value: str | bool | None) -> str:
    spelt = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {spelt}" if value is True else f' {spelt}="{escape(value)}"'


def join(*children: str | None) -> Html:
    """Elements and texts, one after another."""
    return Html("".join(_escaped(child) for child in children if child is not None))


def _escaped(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


def document(
    title: str, *body: str | None, above: Html | None = None, banner: Html | None = None
) -> str:
    """A whole page: the banner, what stands above the heading, the heading and the rest."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Planday, emulated"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(STYLE)),
    )
    main = tag("main", above, tag("h1", title), *body)
    page = tag("html", head, tag("body", banner or plain_banner(), main), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def plain_banner(*inside: str | None) -> Html:
    """The strip on top of each page, which says that this is not the service itself."""
    brand = tag("span", "Planday", tag("small", "emulated"), class_="brand")
    return tag("header", brand, *inside)


def answer(page: str, status: int = 200) -> web.Response:
    """A page as it goes over the wire."""
    return web.Response(text=page, status=status, content_type="text/html", headers=HEADERS)


def see_other(path: str) -> web.Response:
    """Where to look after a form was taken."""
    return web.Response(status=303, headers={**HEADERS, "Location": path})


# --- Forms ----------------------------------------------------------------------------------------


def form(action: str, *children: str | None, class_: str | None = None) -> Html:
    """A form that is posted."""
    return tag("form", *children, method="post", action=action, class_=class_)


def button(text: str, *, kind: str | None = None, label: str | None = None, **more: str) -> Html:
    """A button that sends its form; `label` is what it is called where its text is not enough."""
    return tag("button", text, type="submit", class_=kind, aria_label=label, **more)


def link(text: str, to: str, *, kind: str | None = None, label: str | None = None) -> Html:
    """A link; `kind` makes it look like a button."""
    return tag("a", text, href=to, class_=kind, aria_label=label)


def text_field(caption: str, name: str, value: str = "", **more: str | bool) -> Html:
    """A captioned line of text to fill in."""
    return tag("label", caption, tag("input", name=name, value=value, **more), class_="field")


def box(caption: str, name: str, value: str, **more: str | bool) -> Html:
    """A captioned box to tick, or, with `type="radio"`, to choose among those of its name."""
    look = {"type": "checkbox", **more}
    return tag(
        "label", tag("input", name=name, value=value, **look), tag("span", caption), class_="box"
    )


def hidden(name: str, value: str) -> Html:
    """What a form carries along unseen."""
    return tag("input", type="hidden", name=name, value=value)


def alert(problem: str | None) -> Html | None:
    """What went wrong, told at once to those who listen to the page."""
    return None if problem is None else tag("p", problem, role="alert", class_="alert")


def notice(text: str | None) -> Html | None:
    """What was done."""
    return None if text is None else tag("p", text, role="status", class_="notice")
