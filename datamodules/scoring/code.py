"""The program that a response to a programming question stands for."""

from __future__ import annotations

import re

from abgnn.sandbox.tools.code_blocks import complete_program, preamble
from abgnn.sandbox.tools.thoughts import without_thoughts

_DEF = re.compile(r"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)


def scored_program(response: str, prompt: str, entry_point: str) -> str:
    """The whole program, in which the tests call `entry_point`.

    As `complete_program` finds it: fenced or not, between prose, the last of several blocks that
    define the function, made complete by what the prompt holds. If no function of that name is
    defined, but one other function and no more, that one is meant: it gets the expected name. Of
    several, none is chosen.

    Args:
        response: what the LLM wrote.
        prompt: imports, helpers and signature that the question gives; may be empty.
        entry_point: the function's name.
    """
    response = without_thoughts(response)
    misnamed = _only_function(response, entry_point)
    if misnamed is None:
        return complete_program(response, prompt, entry_point)
    program = complete_program(response, "", misnamed)
    return f"{preamble(prompt, entry_point)}\n{program}\n{entry_point} = {misnamed}\n"


def _only_function(response: str, entry_point: str) -> str | None:
    """The one function that is defined at the outermost level, unless the expected one is."""
    functions = [(len(indent), name) for indent, name in _DEF.findall(response.replace("\r", ""))]
    if not functions or re.search(rf"^\s*{re.escape(entry_point)}\s*=", response, re.MULTILINE):
        return None
    if entry_point in {name for _, name in functions}:
        return None
    outermost = min(indent for indent, _ in functions)
    names = {name for indent, name in functions if indent == outermost}
    return names.pop() if len(names) == 1 else None
