"""Colours as variables of the style sheet, so that pictures follow the page into the dark."""

from __future__ import annotations

import re
from collections.abc import Mapping

from abgnn.plots.style import COLOURS, DARK, DIM, FILL, GRID, INK, PALE, WARNING

# of figures → variable, in the light, in the dark: 4.5 to 1 with the paper for text, 3 for lines
_OF_FIGURES: Mapping[str, tuple[str, str, str]] = {
    INK: ("ink", "#222222", "#e6e9ec"),
    "#FFFFFF": ("paper", "#ffffff", "#15191e"),
    GRID: ("grid", "#dddddd", "#353c44"),
    DIM: ("dim", "#767676", "#949ba3"),
    WARNING: ("warning", "#a3001e", "#ff8a98"),
    DARK: ("dark", "#22384f", "#a9c4dc"),
    PALE: ("pale", "#f3f6f9", "#222931"),
    FILL: ("fill", "#9db7cc", "#46647e"),
    COLOURS[0]: ("c0", COLOURS[0], "#4da6e0"),
    COLOURS[1]: ("c1", COLOURS[1], "#f08a3c"),
    COLOURS[2]: ("c2", COLOURS[2], "#2fc79a"),
    COLOURS[3]: ("c3", "#b8568f", "#dd94bd"),
    COLOURS[4]: ("c4", "#b87d00", "#efb43c"),
    COLOURS[5]: ("c5", "#2f8fc4", "#7cc8f2"),
    COLOURS[6]: ("c6", "#000000", "#f2f4f6"),
    COLOURS[7]: ("c7", COLOURS[7], "#b99a6b"),
}  # fmt: skip
_OTHERS: Mapping[str, tuple[str, str]] = {
    "link": ("#0b4f8a", "#7ab8ef"),
    "line": ("#d5dbe1", "#3b434c"),
    "note": ("#fff8e6", "#2e2714"),
    "amber": ("#8a5a00", "#d9a441"),
}
_NAMES = {colour.lower(): name for colour, (name, _, _) in _OF_FIGURES.items()}
_HEX = re.compile("|".join(re.escape(colour) for colour in _NAMES), re.IGNORECASE)


def themed(tag: str) -> str:
    """An SVG tag whose palette colours are the sheet's variables."""
    return _HEX.sub(lambda found: f"var(--{_NAMES[found[0].lower()]})", tag)


def variable(colour: str) -> str:
    """A palette colour as the sheet's variable."""
    return f"var(--{_NAMES[colour.lower()]})"


def declarations(*, dark: bool) -> str:
    """The variables' values, as CSS."""
    pairs = [(name, bright, dim) for name, bright, dim in _OF_FIGURES.values()]
    pairs += [(name, bright, dim) for name, (bright, dim) in _OTHERS.items()]
    return " ".join(f"--{name}: {(bright, dim)[dark]};" for name, bright, dim in pairs)
