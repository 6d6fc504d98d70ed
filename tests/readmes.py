"""What the READMEs show: their code blocks, the files that these write, and recipes.

How a block is read, by its fence and its first line:

- a first line such as `# my_layers.py` or `# my_llms.yaml`: the block is that file;
- `python`: executed, all of a README in one namespace, in their order; not where the fence says
  `no-run` (and why), only where a package is installed if it says `needs NAME`;
- `sh run`: commands that are executed; other `sh` blocks are only checked for names;
- `diff` with a first line `--- FILE`: lines added to a file of the project, after the context.

A section `## Recipe: …` lists whole files of the project and lines added to others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

READMES = sorted(
    path
    for pattern in (
        "*.md",
        "abgnn/**/*.md",
        "datamodules/**/*.md",
        "configs/*.md",
        "scripts/**/*.md",
    )
    for path in ROOT.glob(pattern)
    if path.name == "README.md"
)
"""Every README of the project, the one that a newcomer reads first included."""

_FENCE = re.compile(r"^```(\w+)[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)
_FILE = re.compile(r"# ([\w./-]+\.(?:py|pyi|yaml))(?=[;,:\s]|$)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text, the section that it is in."""

    language: str
    words: str
    text: str
    section: str

    @property
    def file(self) -> str | None:
        """The file that the block is, if its first line names one."""
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks(readme: Path) -> list[Block]:
    """All fenced blocks, in their order."""
    text = readme.read_text(encoding="utf-8")
    heads = [(m.start(), m[1]) for m in re.finditer(r"^## (.+)$", text, re.M)]
    found = []
    for match in _FENCE.finditer(text):
        section = [name for start, name in heads if start < match.start()]
        found.append(Block(match[1], match[2].strip(), match[3], section[-1] if section else ""))
    return found


def without_recipes(readme: Path) -> str:
    """The text but for the recipes, whose files and commands do not exist yet."""
    text = readme.read_text(encoding="utf-8")
    return re.sub(r"^## Recipe: .*?(?=^## |\Z)", "", text, flags=re.M | re.S)


@dataclass(frozen=True)
class Recipe:
    """A short list of files: new ones with their text, and lines added to existing ones."""

    name: str
    new: dict[str, str]
    edits: dict[str, str]

    @property
    def tests(self) -> list[str]:
        """The recipe's own tests."""
        return [name for name in self.new if name.startswith("tests/")]

    def follow(self, tree: Path) -> None:
        """Do what the recipe says, in a copy of the project."""
        for name, text in self.new.items():
            assert not (tree / name).exists(), f"{name} exists already"
            (tree / name).write_text(text, encoding="utf-8")
        for name, diff in self.edits.items():
            before = (tree / name).read_text(encoding="utf-8")
            (tree / name).write_text(applied(diff, before), encoding="utf-8")


def recipes(readme: Path) -> list[Recipe]:
    """The recipes of a README."""
    found: dict[str, Recipe] = {}
    for block in blocks(readme):
        if not block.section.startswith("Recipe: "):
            continue
        recipe = found.setdefault(block.section, Recipe(block.section[8:], {}, {}))
        if block.language == "diff":
            head, _, rest = block.text.partition("\n")
            recipe.edits[head.removeprefix("--- ")] = rest
        elif block.file and (ROOT / block.file).parent.is_dir():
            recipe.new[block.file] = block.text
    return list(found.values())


def applied(diff: str, text: str) -> str:
    """A text with lines added: hunks between `@@`, context that occurs once, no line numbers."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.M):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, f"the context occurs {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text
