"""What programming tasks are about, read off their text.

A benchmark of programs does not say it. A simulated world draws how hard a topic is and who is good
at it; so that this goes with what a question's text says, tasks of one kind share a topic there.
"""

from __future__ import annotations

import re

_WORDS = {
    "strings": r"strings?|characters?|letters?|vowels?|consonants?|palindromes?|substrings?|words?|"
    r"text|sentences?|uppercase|lowercase|spaces?|alphabet\w*|prefix\w*|suffix\w*|brackets?|"
    r"parenthes\w+|binary|hex\w*|roman|encode\w*|decode\w*|dates?|files?|json|format|regex",
    "numbers": r"primes?|divis\w+|divid\w+|factor\w*|digits?|multiples?|even|odd|remainder|"
    r"modul\w+|integers?|positive|negative|non-negative|decimal|perfect|rounded?|area|volume|"
    r"perimeter|triangles?|circles?|rectangles?|squares?|cubes?|sum|products?|average|mean|median|"
    r"polynomial\w*|powers?|root|fibonacci|n-th|nth|sequence|equation",
    "lists": r"lists?|arrays?|elements?|sort\w*|order\w*|largest|smallest|maximum|minimum|unique|"
    r"duplicates?|index|indices|intersect\w*|merge\w*|filter\w*|dict\w*|tuples?|sets?|matri\w+|"
    r"grid|rows?|columns?|nested|tree|queue|stack|pairs?",
}
TOPICS = tuple(_WORDS)
_PATTERNS = tuple(re.compile(rf"(?i)\b(?:{words})\b") for words in _WORDS.values())


def kind_of(text: str) -> str:
    """The topic with the most different words of its own in a task's text; without any, numbers."""
    found = [len({word.lower() for word in pattern.findall(text)}) for pattern in _PATTERNS]
    return TOPICS[max(range(len(found)), key=found.__getitem__)] if any(found) else "numbers"
