"""The map of the house: which room may import which, and what no room may do.

`python tests/test_architecture.py` prints rooms, arrows, floors, circles and what offends.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BELOW_TRAINING = [
    "data",
    "pools",
    "outcomes",
    "sandbox",
    "transforms",
    "nn",
    "rollout",
    "evaluation",
    "planning",
    "graph",
    "plots",
    "models",
    "difficulty",
]
_EXPERIMENTS = [*_BELOW_TRAINING, "training"]
_SERVE = [*_EXPERIMENTS, "experiments"]

MAY_IMPORT: Mapping[str, list[str]] = {
    "errors": [],
    "console": [],
    "data": [],
    "pools": ["data"],
    "outcomes": ["data"],
    "sandbox": ["data"],
    "transforms": ["data"],
    "nn": ["pools", "data"],
    "rollout": ["data", "outcomes", "sandbox"],
    "evaluation": ["data", "outcomes"],
    "planning": ["data", "pools"],
    "graph": ["data", "nn", "planning", "pools"],
    "plots": ["data", "evaluation", "planning", "pools"],
    "models": ["data", "difficulty", "graph", "nn", "planning", "transforms"],
    "difficulty": ["data", "evaluation", "graph", "nn", "outcomes", "plots"],
    "report": ["data", "evaluation", "planning", "plots", "rollout"],
    "training": _BELOW_TRAINING,
    "experiments": _EXPERIMENTS,
    "serve": _SERVE,
    "frameworks": [*_SERVE, "serve"],
    "cli": [*_SERVE, "serve", "report", "datamodules"],
    "datamodules": ["data", "outcomes", "sandbox"],
    "__main__": ["cli"],
    "__init__": ["data", "graph", "models", "rollout", "serve", "training", "experiments"],
}
"""Room → rooms that it may import; `errors` and `console` are free to all."""

LOOSE = {"__init__.py", "__main__.py", "console.py", "errors.py"}
NO_TORCH = ("data", "pools", "outcomes", "sandbox", "rollout", "planning", "evaluation", "plots")
EXTRAS = ("opentelemetry",)  # packages that a room's modules need and an installation may lack
MOST_LINES, MOST_OF_A_FUNCTION = 300, 60

Arrow = tuple[str, str]


def files() -> Iterator[Path]:
    for folder in ("abgnn", "datamodules"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """`abgnn.rollout.ledger.base` → `rollout`; `datamodules.scoring` → `datamodules`."""
    first, *rest = module.split(".")
    return (rest[0] if rest else "__init__") if first == "abgnn" else first


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in files()}


def _names(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, late and TYPE_CHECKING imports included, with its line."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield (whole if whole in modules() else base), node.lineno


@cache
def lent(package: str) -> dict[str, str]:
    """Name → module, of a package that lends names (its `__init__.pyi`)."""
    stub = modules()[package].with_suffix(".pyi")
    if not stub.exists():
        return {}
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    return {
        alias.name: f"{package}.{node.module}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@cache
def arrows() -> dict[Arrow, int]:
    """(importing module, imported module) → line; a name that a package lends is its module's."""
    found: dict[Arrow, int] = {}
    for module, path in modules().items():
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module in modules():
                for alias in node.names:
                    target = lent(node.module).get(alias.name)
                    if target in modules() and target != module:
                        found.setdefault((module, str(target)), node.lineno)
        for name, line in _names(path):
            if name in modules() and name != module and not lent(name):
                found.setdefault((module, name), line)
    return found


def room_arrows() -> set[Arrow]:
    pairs = {(room_of(a), room_of(b)) for a, b in arrows()}
    return {(a, b) for a, b in pairs if a != b}


def circle(pairs: set[Arrow]) -> list[str]:
    """A circle among the pairs, or nothing."""
    graph: dict[str, set[str]] = {}
    for a, b in pairs:
        graph.setdefault(a, set()).add(b)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def floors(pairs: set[Arrow]) -> dict[str, int]:
    """Room → floor: one above the highest that it imports."""
    below: dict[str, set[str]] = {}
    for a, b in pairs:
        below.setdefault(a, set()).add(b)

    @cache
    def floor(room: str) -> int:
        return 1 + max((floor(b) for b in below.get(room, ())), default=0)

    return {room: floor(room) for room in {r for pair in pairs for r in pair}}


def offending() -> list[str]:
    """Imports that the map does not allow, each with the place where it stands."""
    lines = []
    for (a, b), line in sorted(arrows().items()):
        room, other = room_of(a), room_of(b)
        if room != other and other not in ("errors", "console", *MAY_IMPORT.get(room, [])):
            where = modules()[a].relative_to(ROOT)
            homes = [r for r, allowed in MAY_IMPORT.items() if other in allowed]
            lines.append(f"{where}:{line}: {room} → {b}; only {', '.join(homes) or 'none'} may")
    return lines


def test_rooms_import_what_the_map_allows() -> None:
    assert set(MAY_IMPORT) == {room_of(module) for module in modules() if module != "abgnn.abgnn"}
    assert not offending(), "\n" + "\n".join(offending())


def test_no_circle_between_files() -> None:
    assert not circle(set(arrows()))


def test_no_circle_between_rooms() -> None:
    assert not circle(room_arrows())


def test_no_file_is_long() -> None:
    counts = {str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in files()}
    assert not {name: n for name, n in counts.items() if n > MOST_LINES}


def test_no_function_is_long() -> None:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, kinds)
    }
    assert not {name: n for name, n in lengths.items() if n > MOST_OF_A_FUNCTION}


def test_few_files_are_loose() -> None:
    assert {p.name for p in (ROOT / "abgnn").glob("*.py")} == LOOSE


def test_only_main_imports_the_command_line() -> None:
    assert {room_of(a) for a, b in arrows() if room_of(b) == "cli"} <= {"cli", "__main__"}


@pytest.mark.parametrize("room", NO_TORCH)
def test_room_loads_no_torch(room: str) -> None:
    """Every module of the room, imported in a process of its own."""
    names = [m for m in modules() if m == f"abgnn.{room}" or m.startswith(f"abgnn.{room}.")]
    names = [m for m in names if ".guest" not in m]  # programs of their own, in the sandbox
    assert names
    code = f"""
import importlib, sys
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {EXTRAS!r}:
            raise
    if "torch" in sys.modules:
        sys.exit(name + " loads torch")
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]


if __name__ == "__main__":
    between = room_arrows()
    level = floors(between)
    print(f"{len(level)} rooms on {max(level.values())} floors, {len(between)} arrows between them")
    print(f"circles: files {circle(set(arrows())) or 'none'}, rooms {circle(between) or 'none'}")
    for number in sorted(set(level.values()), reverse=True):
        print(f"  floor {number:2}: {', '.join(sorted(r for r in level if level[r] == number))}")
    print("\n".join(offending()) or "every import is one that the map allows")
