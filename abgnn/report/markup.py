"""HTML from small parts: what is no `Html` is escaped, so that no text of a file becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Markup; any other text is escaped before it becomes that."""

    __slots__ = ()


def plain(value: object) -> str:
    """Text without control characters (new lines and tabs stay) and without lone surrogates."""
    shown = str(value).encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in shown)


def text(value: object) -> Html:
    """Markup as it is, anything else escaped."""
    return value if isinstance(value, Html) else Html(escape(plain(value), quote=True))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after another, escaped where they are no markup."""
    return Html(text(between).join(text(part) for part in parts))


def tag(name: str, *content: object, **attributes: str) -> Html:
    """An element; `class_` is written `class`, other underscores are hyphens."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def badge(label: str) -> Html:
    """The label of where figures come from."""
    return tag("span", label, class_="label")


def _number(cell: object) -> bool:
    """Whether a cell begins as a number does."""
    return bool(re.match(r"[+\-−$]?[.]?\d", str(cell)))


def table(
    caption: object, label: str, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> Html:
    """A table in a box that scrolls by itself; the first cell of a row is its heading.

    Columns of words stand left, columns of numbers right.
    """
    every = list(rows)
    words = [not any(_number(row[k]) for row in every if k < len(row)) for k in range(len(head))]
    looks = [{"class_": "words"} if k else {} for k in words]
    columns = (tag("th", name, scope="col", **look) for name, look in zip(head, looks, strict=True))
    body = (
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, **look) for cell, look in zip(row[1:], looks[1:], strict=False)),
        )
        for row in every
    )
    made = tag(
        "table",
        tag("caption", tag("span", caption, " ", badge(label), class_="told")),
        tag("thead", tag("tr", *columns)),
        tag("tbody", *body),
    )
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=plain(caption))


def folded(summary: object, *content: object) -> Html:
    """Content that is shown on demand."""
    return tag("details", tag("summary", summary), *content)


def section(key: str, title: str, *content: object) -> Html:
    """A section under a heading of the second level."""
    return tag("section", tag("h2", title, id=f"{key}-title"), *content, id=key)
