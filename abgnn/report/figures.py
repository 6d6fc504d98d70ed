"""The report's figures: legible in grey (markers, line styles), small enough for a phone, light or
dark as the page is, and with what the script needs to read values off."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from matplotlib.figure import Figure

from abgnn.plots.style import style
from abgnn.report.markup import Html, badge, join, plain, tag, text
from abgnn.report.palette import themed

Reading = Mapping[str, Any]  # what the script reads off; see `script.SCRIPT`


def svg(figure: Figure, title: str, key: str) -> Html:
    """Inline SVG with a title; ids start with `key`, so that pictures on a page do not clash."""
    out = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        figure.savefig(out, format="svg", metadata=nothing)
    body = out.getvalue()
    body = body[body.index("<svg") :]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)  # the page's sheet has it
    body = re.sub(r"<[^>]*>", lambda found: themed(_own(found[0], key)), body)
    named = f'<svg role="img" aria-labelledby="{key}-title"'
    head, _, rest = body.removeprefix("<svg").partition(">")
    return Html(f'{named}{head}><title id="{key}-title">{text(title)}</title>{rest.strip()}')


def _own(tag: str, key: str) -> str:
    """A tag whose ids, and links to them, start with the picture's key."""
    tag = re.sub(r'\bid="', f'id="{key}-', tag)
    tag = re.sub(r'href="#', f'href="#{key}-', tag)
    return re.sub(r"url\(#", f"url(#{key}-", tag)


def shown(
    figure: Figure,
    caption: str,
    label: str,
    key: str,
    least: float = 0.7,
    *,
    legend: Sequence[Html] = (),
    group: str = "",
    read: Reading | None = None,
) -> Html:
    """A figure with caption and label; it shrinks to a share of its width, then its box scrolls.

    Args:
        figure, caption, label: what is shown.
        key: starts the ids in it.
        least: share of its width below which it does not shrink.
        legend: its series, in the order of their gids `s0-…`, `s1-…`.
        group: figures of one group have the same series, toggled together.
        read: what the script may read off the first axes.
    """
    width = 96 * float(figure.get_size_inches()[0])  # CSS pixels
    limits = f"max-width: {1.25 * width:.0f}px; min-width: {least * width:.0f}px"
    drawn = tag("div", svg(figure, f"{caption} ({label})", key), style=limits)
    parts = [tag("div", drawn, class_="picture", tabindex="0")]
    if legend:
        parts.append(tag("ul", join(tag("li", of) for of in legend), class_="legend"))
    below = tag("figcaption", caption, " ", badge(label))
    if read is None:
        return tag("figure", *parts, below)
    data = {**_frame(figure), **read}
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return tag("figure", *parts, below, data_read=written, data_key=key, data_group=group or key)


def _frame(figure: Figure) -> Reading:
    """Where the first axes lie in the SVG's units, once drawn, and what they span."""
    axes = figure.axes[0]
    wide, high = (72 * float(inches) for inches in figure.get_size_inches())
    box = axes.get_position()
    frame = (box.x0 * wide, (1 - box.y1) * high, box.width * wide, box.height * high)
    return {
        "frame": [round(value, 2) for value in frame],
        "x": list(map(float, axes.get_xlim())),
        "y": list(map(float, axes.get_ylim())),
    }


def rounded(value: float) -> float:
    """Six digits: enough to read off."""
    return float(f"{value:.6g}")


def named(name: str) -> str:
    """A name as the script shows it."""
    return " ".join(plain(name).split())
