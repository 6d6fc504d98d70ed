"""Legends as HTML: they wrap at any width, and the script makes buttons of them."""

from __future__ import annotations

from abgnn.plots.style import Look
from abgnn.report.markup import Html, join, tag
from abgnn.report.palette import variable

# in a box of ±5 around (17, 6), as matplotlib's markers
_MARKS = {
    "o": "M12.5 6a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "s": "M13 2h8v8h-8z",
    "^": "M17 1l5 9h-10z",
    "D": "M17 1l5 5l-5 5l-5 -5z",
    "v": "M17 11l5 -9h-10z",
    "P": "M15.5 1h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    "X": "M14 1l3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3l-3 -3z",
    "*": "M17 1l1.4 3.4l3.6 .3l-2.7 2.4l.8 3.6l-3.1 -2l-3.1 2l.8 -3.6l-2.7 -2.4l3.6 -.3z",
    "<": "M12 6l9 -5v10z",
    ">": "M22 6l-9 -5v10z",
}  # fmt: skip


def entry(name: str, look: Look, *, line: bool = True, filled: bool = False) -> Html:
    """A series: its line and marker, then its name."""
    colour = variable(look.colour)
    dashes = "" if look.line == "-" else " ".join(f"{1.5 * n:g}" for n in look.line[1])
    parts = []
    if line:
        parts.append(
            tag(
                "path", d="M0 6H34", style=f"stroke: {colour}; stroke-dasharray: {dashes or 'none'}"
            )
        )
    inside = colour if filled else "var(--paper)"
    parts.append(
        tag("path", d=_MARKS[look.marker], style=f"stroke: {colour}; fill: {inside}")
    )  # fmt: skip
    swatch = tag("svg", join(parts), viewBox="0 0 34 12", class_="swatch", aria_hidden="true")
    return join((swatch, tag("span", name, class_="name")))
