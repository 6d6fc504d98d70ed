"""Who may import whom (the map's arrows)."""

from __future__ import annotations

import ast

import pytest

from tests.paths import ROOT


def imported(folder: str) -> dict[str, set[str]]:
    """File → modules that it imports, anywhere in it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module}
        found[str(path.relative_to(ROOT))] = names
    return found


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("abgnn", "datamodules"),
        ("abgnn/rollout", "torch"),
        ("abgnn/rollout", "lightning"),
        ("abgnn/nn", "abgnn.rollout"),
        ("abgnn/transforms", "abgnn.rollout"),
        ("abgnn/nn", "abgnn.models"),
        ("abgnn/models", "abgnn.training"),
    ],
)
def test_folder_does_not_import(folder: str, forbidden: str) -> None:
    files = imported(folder)
    assert len(files) > 3
    guilty = {
        file: name
        for file, names in files.items()
        for name in names
        if name == forbidden or name.startswith(forbidden + ".")
    }
    assert not guilty


def test_pools_are_numpy_only() -> None:
    files = imported("abgnn")
    for name in ("pools", "pareto", "clustering", "estimates", "catalogue", "profiles"):
        assert not {m for m in files[f"abgnn/{name}.py"] if m.split(".")[0] == "torch"}, name
