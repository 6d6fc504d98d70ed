"""The code in an LLM's reply."""

from __future__ import annotations

import re
from textwrap import dedent, indent

from abgnn.sandbox.tools.thoughts import without_thoughts

_FENCED = re.compile(r"```([^\n`]*)\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = ("", "python", "python3", "py")
_CODE = re.compile(  # an unindented line that is code rather than prose
    r"(?:[@#)\]}]|\"\"\"|'''|(?:async\s+)?(?:def|class)\s+\w+|import\s+\w|from\s+[\w.]+\s+import\b|"
    r"(?:if|elif|else|for|while|try|except|finally|with)\b.*:\s*(?:#.*)?$|"
    r"(?:return|assert|pass|raise)\b|[A-Za-z_][\w.\[\]]*\s*(?:[-+*/|&]?=[^=]|\(|:\s*\w.*=))"
)


def python_block(reply: str) -> str | None:
    """The last fenced block that is Python, or of no stated language; None: there is none.

    Blocks inside `<think>…</think>` are drafts and do not count.
    """
    blocks = _FENCED.findall("\n".join(without_thoughts(reply).splitlines()))
    python = [code for language, code in blocks if language.strip().lower() in _PYTHON]
    return dedent(python[-1]) if python else None


def complete_program(response: str, prompt: str, entry_point: str) -> str:
    """The whole program: the response's code, made complete by what the prompt holds.

    Of the fenced blocks (without any: of the stretches that look like code) the last one that
    defines the entry point wins; what the prompt has before the function (imports, helpers) goes
    in front. If none defines it, the last block, or the response itself, continues the prompt.
    What stands inside `<think>…</think>` does not count.

    Args:
        response: what the LLM wrote.
        prompt: imports, helpers, signature and docstring, as HumanEval gives them.
        entry_point: the function's name.
    """
    response = "\n".join(without_thoughts(response).splitlines())
    blocks = [code for _, code in _FENCED.findall(response)]
    stretches = [dedent(code) for code in blocks] or _stretches(response)
    defines = re.compile(
        rf"^(?:(?:async\s+)?def\s+{re.escape(entry_point)}\s*\(|{re.escape(entry_point)}\s*=)", re.M
    )
    whole = [code for code in stretches if defines.search(code)]
    if whole:
        return f"{preamble(prompt, entry_point)}\n{whole[-1]}"
    return prompt + _body(blocks[-1] if blocks else response)


def preamble(prompt: str, entry_point: str) -> str:
    """What a prompt has before its function: imports and helpers."""
    signature = re.search(rf"^(?:async\s+)?def\s+{re.escape(entry_point)}\b", prompt, re.M)
    return prompt[: signature.start()] if signature else ""


def _stretches(response: str) -> list[str]:
    """Runs of lines that are blank, indented, or look like code."""
    runs: list[list[str]] = [[]]
    for line in response.split("\n"):
        if _CODE.match(line) or (runs[-1] and (not line.strip() or line[0] in " \t")):
            runs[-1].append(line)
        elif runs[-1]:
            runs.append([])
    return ["\n".join(run) for run in runs if run]


def _body(text: str) -> str:
    """A function's body, indented by four, without the prose around it."""
    lines = text.strip("\n").split("\n")
    if lines[0][:1].strip():
        lines = _indented(lines)
    end = next((i for i, line in enumerate(lines) if line[:1].strip()), len(lines))
    return "\n".join(lines[:end]) + "\n"


def _indented(lines: list[str]) -> list[str]:
    """Indent a body by four; if only its first line lost its indentation, that line alone."""
    second = next((line for line in lines[1:] if line.strip()), "")
    lost = 5 if lines[0].rstrip().endswith(":") else 1
    if len(second) - len(second.lstrip(" ")) >= lost:
        return ["    " + lines[0], *lines[1:]]
    end = next((i for i, line in enumerate(lines) if i and _is_prose(line)), len(lines))
    return indent("\n".join(lines[:end]), "    ").split("\n")


def _is_prose(line: str) -> bool:
    return bool(line[:1].strip()) and not _CODE.match(line)
