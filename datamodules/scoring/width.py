"""Full-width letters, digits and punctuation, as Chinese and Japanese texts have them, in ASCII.

Not Unicode's NFKC, which also turns 5² into 52, ½ into 1⁄2 and ⑤ into 5: another number each.
"""

from __future__ import annotations

import re

HAN = r"[㐀-鿿豈-﫿]"
_FORMS = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_FORMS |= {
    ord(wide): narrow
    for wide, narrow in zip("。、\u3000【】〔〕「」『』￥￡", "., []()“”“”¥£", strict=True)
}
_SIMPLIFIED = str.maketrans(
    "選擇確應該為對錯負萬億於還個結顯決這題會項與誤",
    "选择确应该为对错负万亿于还个结显决这题会项与误",
)
_THOUSANDS = re.compile(r"(?<=[０-９])，(?=[０-９]{3}(?![０-９]))")
_STOPS = re.compile(r"(?:(?<=[。，；！？、])|(?<=[Ａ-Ｚ]．))(?=[^\s。，；！？、）)])")
_SEAMS = re.compile(
    rf"(?<={HAN})(?=[*_`(\[“]{{0,6}}[A-Za-z0-9.$¥£€\\])|(?<=[是为于])(?=[-−]\d)|"
    rf"(?<=[A-Za-z0-9$%.,:;!?)\]*_`”])(?={HAN})"
)


def half_width(text: str) -> str:
    """The same text with full-width forms replaced by their ASCII ones.

    A full-width comma or stop gets the space behind it that its ASCII form has ("2，300" is two
    numbers), but for a comma that parts full-width digits into thousands ("１，０００").
    """
    return _STOPS.sub(" ", _THOUSANDS.sub(",", text)).translate(_FORMS)


def spaced(text: str) -> str:
    """`half_width`, and a space between Han characters and Latin letters or digits.

    To a regular expression all of these are word characters: "答案是B" has no boundary before B.
    Traditional characters of the words that answers are stated with become simplified ones.
    """
    return _SEAMS.sub(" ", half_width(text).translate(_SIMPLIFIED))
