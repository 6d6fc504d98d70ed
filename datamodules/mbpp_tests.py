"""MBPP's asserts, made ready to run in another process than the solution."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judge:
    """How a solution is judged.

    Args:
        entry_point: the function that the tests call first.
        names: functions of the solution's process that the tests call.
        calls: source to be put behind the solution; defines some of these names.
        test: source of the tests.
    """

    entry_point: str
    names: tuple[str, ...]
    calls: str
    test: str


def judge(code: str, setup: str, tests: Sequence[str]) -> Judge | None:
    """How a solution is judged by these tests, or None: they need its objects on their own side.

    Results cross over as plain data, and arguments too. A call whose arguments do not (types,
    instances of the solution's classes, what the setup makes of them) is made on the solution's
    side instead, as a function without arguments behind the solution; what it should give is
    still only on the tests' side.

    Args:
        code: the reference solution: its top-level names are those that a solution has.
        setup: what runs before the tests.
        tests: asserts.

    Raises:
        SyntaxError: no Python.
        LookupError: no test calls a function of the code.
    """
    solution, harness = _parsed(code), _parsed("\n".join([setup, *tests]))
    functions = {n.name for n in solution.body if isinstance(n, ast.FunctionDef)}
    called = [c.func.id for c in _calls(harness) if c.func.id in functions]  # type: ignore[attr-defined]
    if not called:
        raise LookupError("no test calls a function of the code")
    entry, names = called[0], tuple(dict.fromkeys(called))
    imports = _imports(solution, _free(harness))
    if _free(harness) - _bound(imports) <= functions and not _needs_objects(harness, functions):
        return Judge(entry, names, "", "\n".join([*imports, setup, *tests]))
    imports += _imports(_parsed(setup), None)
    moved = _Moved(functions)
    left = [ast.unparse(moved.visit(_parsed(test))) for test in tests]
    if _free(_parsed("\n".join(left))) - _bound(imports) - set(moved.sources):
        return None
    calls = [f"def {name}():\n    return {source}" for name, source in moved.sources.items()]
    behind = "\n".join(["", setup, *calls, ""])
    return Judge(entry, tuple(moved.sources), behind, "\n".join([*imports, *left]))


class _Moved(ast.NodeTransformer):
    """Replaces calls of the solution's functions by calls without arguments."""

    def __init__(self, functions: set[str]) -> None:
        self.functions = functions
        self.sources: dict[str, str] = {}

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not (isinstance(node.func, ast.Name) and node.func.id in self.functions):
            return self.generic_visit(node)
        name = f"_call_{len(self.sources)}"
        self.sources[name] = ast.unparse(node)
        return ast.Call(ast.Name(name, ast.Load()), [], [])


def _calls(tree: ast.AST) -> list[ast.Call]:
    """Calls of plain names, in the order of the source."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _needs_objects(tree: ast.AST, functions: set[str]) -> bool:
    """Whether an argument of the solution's functions is a built-in type or function."""
    known = set(dir(builtins)) | functions
    for call in _calls(tree):
        if call.func.id not in functions:  # type: ignore[attr-defined]
            continue
        nodes = [n for argument in _arguments(call) for n in ast.walk(argument)]
        used = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
        if any(isinstance(n, ast.Name) and n.id in known and id(n) not in used for n in nodes):
            return True
    return False


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _free(tree: ast.AST) -> set[str]:
    """Names that are read and not made, built-in ones left out."""
    nodes = list(ast.walk(tree))
    names = [n for n in nodes if isinstance(n, ast.Name)]
    made = {n.id for n in names if isinstance(n.ctx, ast.Store)} | _bound(_imports(tree, None))
    made |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    made |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    return {n.id for n in names} - made - set(dir(builtins))


def _imports(tree: ast.AST, wanted: set[str] | None) -> list[str]:
    """Import statements, those that bind a wanted name (None: all)."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    sources = [ast.unparse(node) for node in nodes]
    return [s for s in sources if wanted is None or _bound([s]) & wanted]


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old code holds invalid escapes
        return ast.parse(source)


def _bound(imports: Iterable[str]) -> set[str]:
    nodes = [n for source in imports for n in ast.parse(source).body]
    aliases = [a for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]
    return {(alias.asname or alias.name).split(".")[0] for alias in aliases}
