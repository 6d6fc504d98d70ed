"""How replies in Chinese state an option letter; for texts that `width.spaced` has prepared."""

from __future__ import annotations

import re

from datamodules.scoring.width import HAN

_FILL = (
    r"(?:是|为|应该|应当|应|就|显然|只能|必须|最终|选择|选项|选|[ \t:*_`\"“”'({$>\])-]|\[|–|—|"
    r"\\boxed|\\text|\\mathrm|\\textbf){0,16}"
)
_GOES_ON = (  # Han characters that may follow a letter which is an answer
    r"选项|项(?!目)|正确|因|由于|所以|而|吧|是(?![错不])|对(?![应比于])|理由|其|符合|最|故"
)
_END = r"[)\]}*_`\"”'$]{0,6}\s*"
_LETTER = (
    rf"([A-Z])(?![\w'’])(?!{_END}(?:或|还是|和|与|及))"
    rf"(?!{_END}(?!{_GOES_ON}){HAN})(?!\s+(?!is\b|as\b|since\b|because\b|and\b|not\b|but\b)[a-z])"
)
_LOWER = r"([a-z])(?=[)*_`]{0,3}\s*(?:[.,;!?]|$))"
_IF = r"(?<!如果)(?<!假设)(?<!假如)(?<!若)(?<!其他)(?<!错误)"
_LEAD = (
    r"(?:所以|因此|因而|综上所述|综上|故|应该|应当|应|我们|我|就|则|最终|最后|只能|必须|可以|会|要|"
    r"本题|此题|这题|这道题|于是|还是|那么|那|一定|肯定|可知|可见|可得|排除法|倾向于|正确)"
)
_STATES = (
    rf"(?:{_IF}答案[\s:*_\]”)是为]{{0,8}}|(?<!不)正确的?(?:选项|选择)?(?:应该|应)?(?=是|为)|最佳(?:选项|选择)|"
    rf"(?:^|[,.;:!?(>][ \t]?)[ \t*_]{{0,4}}(?:{_LEAD}[ \t:,]?){{0,5}}选(?:择|取)?"
    r"(?![项手民举修出])|(?:不对|不|错了|等等|等一下|更正|纠正|抱歉)[,.:!]\s?|而是|(?<!不)应该?是|应当是|"
    rf"(?:所以|因此|故|一定|肯定|只能|必然)是)"
)
_BEFORE = r"(?<![A-Z], )(?<![A-Z],)(?<![和与及或若否] )(?<![果设如] )(?<![果设若]选项 )"
STATED = (
    re.compile(_STATES + _FILL + _LETTER, re.MULTILINE),
    re.compile(_STATES + _FILL + _LOWER, re.MULTILINE),
    re.compile(  # in short, B.
        r"(?:综上所述|综上|所以|因此|因而|故|于是|只剩下?|剩下)[,:]?\s?(?:选项\s?)?[(\[*_]{0,4}([A-Z])"
        r"[)\]*_]{0,4}(?=\s*(?:[.;!]|$)|,\s(?!\W?[A-Z]\b))",
        re.MULTILINE,
    ),
    re.compile(  # B is right
        rf"{_BEFORE}\b([A-Z]){_END}(?:选项|项)?\s?(?:才|显然|就|明显|应该){{0,2}}(?:是|为)?\s?"
        r"(?:唯一|最)?(?:正确|对|佳|合适|恰当|符合题意|符合要求|答案)(?:的|答案|选项|选择|项){0,3}"
        r"(?=[*_]{0,3}\s*(?:[,.;:!)]|$))",
        re.MULTILINE,
    ),
)
THOUGHT = re.compile(rf"(?:认为|觉得|我猜|可能是|也许是|大概是|似乎是){_FILL}{_LETTER}")
TORN = re.compile(
    rf"{_STATES}{_FILL}([A-Z]){_END}(?:,|/|以?及|和|与|或者?|还是)\s?[(\[*_]{{0,4}}"
    rf"(?:选项\s?|选\s?|是\s?)?([A-Z])(?![\w'’])(?!{_END}(?![两三都均皆]){HAN})"
    r"(?!\s+(?:is|are|was|has|would)\b)",
    re.MULTILINE,
)
