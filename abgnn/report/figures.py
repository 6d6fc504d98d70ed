"""The report's figures: legible in grey (markers, line styles), small enough for a phone."""

from __future__ import annotations

import re
from io import StringIO

from matplotlib.figure import Figure

from abgnn.plots.style import style
from abgnn.report.markup import Html, badge, tag, text


def svg(figure: Figure, title: str, key: str) -> Html:
    """Inline SVG with a title; ids start with `key`, so that pictures on a page do not clash."""
    out = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        figure.savefig(out, format="svg", metadata=nothing)
    body = out.getvalue()
    body = body[body.index("<svg") :]
    body = re.sub(r'\bid="', f'id="{key}-', body)
    body = re.sub(r'href="#', f'href="#{key}-', body)
    body = re.sub(r"url\(#", f"url(#{key}-", body)
    named = f'<svg role="img" aria-labelledby="{key}-title"'
    head, _, rest = body.removeprefix("<svg").partition(">")
    return Html(f'{named}{head}><title id="{key}-title">{text(title)}</title>{rest.strip()}')


def shown(figure: Figure, caption: str, label: str, key: str, least: float = 0.7) -> Html:
    """A figure with caption and label; it shrinks to a share of its width, then its box scrolls."""
    width = 96 * float(figure.get_size_inches()[0])  # CSS pixels
    limits = f"max-width: {1.25 * width:.0f}px; min-width: {least * width:.0f}px"
    drawn = tag("div", svg(figure, f"{caption} ({label})", key), style=limits)
    below = tag("figcaption", caption, " ", badge(label))
    return tag("figure", tag("div", drawn, class_="picture", tabindex="0"), below)
