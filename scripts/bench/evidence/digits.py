"""Which digits of a README are numbers: all in its prose that was measured, set or cited.

No numbers are code, links' targets, comments and generated tables; parts of names (SmolLM2-135M,
GSM8K, L1, p95, Apache-2.0); versions of three parts, and Python's; what is numbered (Table 1, Eq 9,
section 4.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NO_PROSE = re.compile(
    r"""
      ^(?P<fence>```+)[^\n]*\n.*?^(?P=fence)[ ]*$     # a block of code
    | <!--[ ]table[ ].*?<!--[ ]/table[ ]-->           # a generated table
    | <!--.*?-->                                      # another comment
    | <[a-zA-Z/][^>]*>                                # a tag, or an address
    | (?P<tick>`+)(?!`)(?:(?!\n\s*\n).)*?(?<!`)(?P=tick)(?!`)  # code in a line
    | (?<=\])\([^)\s]*\)                              # a link's target
    """,
    re.M | re.S | re.X,
)
_ONE, _MANY = "table|figure|eq|equation|section", "tables|figures|eqs|equations|sections"
_LABEL = r"\d+(?:\.\d+)*"
_NO_NUMBER = re.compile(
    rf"""
      arXiv[: ]\d{{4}}\.\d{{4,5}}
    | (?<!\w)[^\W\d_][\w@]*\d[\w.]*(?:-\w+)*          # SmolLM2-135M, GSM8K, L1, P@T4, p95
    | (?<!\w)[A-Z]\w*-\d[\w.]*                        # GPT-4o, Apache-2.0
    | (?<![\w.])\d+(?:\.\d+){{2,}}                    # 0.1.0, 127.0.0.1
    | \bPython[ ](?:[<>]=?[ ]?)?\d+(?:\.\d+)?
    | \b(?i:{_ONE})[ ]{_LABEL}
    | \b(?i:{_MANY})[ ]{_LABEL}(?:(?:,|[ ]and|[ ]to|–)[ ]?{_LABEL})*
    """,
    re.X,
)
_NUMBER = re.compile(r"[±×]?[ ]?[+−-]?(?:\d+(?:[.,]\d+)*|\.\d+|[½¼¾⅓⅔])[½¼¾]?(?:\^\d+)?(?:[ ]?%)?")


def prose(text: str) -> str:
    """The text, as long as before, with blanks in place of what is no prose."""
    return _blanked(_NO_PROSE, text)


def numbers(text: str) -> Iterator[re.Match[str]]:
    """Every number in a README's prose: with its sign, ± or ×, and %."""
    words = _blanked(_NO_NUMBER, prose(text).replace("\n", " "))
    return _NUMBER.finditer(words)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
