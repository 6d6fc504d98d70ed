"""What people see of the pools: tables, the paper's Table 5 beside ours, the picture."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from abgnn.cli.pools import show_pools
from abgnn.cli.views.pools import differences, jaccard
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.plots.pools import draw_pools
from abgnn.pools.build import Pools, build_pools


def shown(
    tmp_path: Path, *, catalogue: str = "catalogues/paper.yaml", domain: str = "general"
) -> str:
    console = Console(width=120, record=True, quiet=False, file=(tmp_path / "log").open("w"))
    show_pools(catalogue, domain, 4, str(tmp_path), console=console)
    return console.export_text()


def test_the_report_shows_who_is_dominated_and_how_table_5_differs(tmp_path: Path) -> None:
    text = shown(tmp_path, domain="code")
    row = next(line for line in text.splitlines() if "Qwen2.5-72B-Instruct" in line)
    assert "Qwen3-32B" in row  # its dominator
    assert "+ Qwen3-32B-thinking" in text
    assert "- Qwen3-1.7B-thinking" in text
    assert "Mean Jaccard overlap 0.88" in " ".join(text.split())  # (1 + 1 + 1/2 + 1) / 4
    assert (tmp_path / "paper_code.png").read_bytes()[:4] == b"\x89PNG"


def test_another_catalogue_is_not_held_against_table_5(tmp_path: Path) -> None:
    text = shown(tmp_path, catalogue="catalogues/transfer.yaml", domain="math")
    assert "Table 5" not in text
    assert "1 of 4 pools" in text
    row = next(line for line in text.splitlines() if "Qwen3-Next-80B-A3B" in line)
    assert "~" in row  # its performance is a guess


def test_an_unknown_domain_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="general, math, code"):
        show_pools("catalogues/paper.yaml", "poetry", 4, str(tmp_path / "out"), console=Console())
    assert not (tmp_path / "out").exists()


def test_differences_name_the_dominated_and_the_ones_the_paper_leaves_out() -> None:
    pools = Pools.from_names(["a", "b", "c"], [["a", "c"]], [0.9, 0.5, 0.95], [1, 2, 3], [1, 2, 3])
    text = differences(pools, [["a", "b"]])
    assert "the paper's b (by a) is dominated" in text
    assert "none of the paper's pools: c" in text
    assert "0.33" in text
    assert jaccard(["a", "c"], ["a", "b"]) == pytest.approx(1 / 3)
    assert jaccard([], []) == 0


@pytest.mark.parametrize("n", [1, 2, pytest.param(40, marks=pytest.mark.slow)])
def test_pictures_of_few_and_of_many(tmp_path: Path, n: int) -> None:
    x = np.arange(1, n + 1, dtype=float)
    pools = build_pools([f"backbone-{i}" for i in range(n)], x / (n + 1), x, x, n_pools=8)
    path = draw_pools(pools, tmp_path / "new" / "pools.png")
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_the_picture_does_not_depend_on_pyplot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    found = Catalogue.from_yaml("catalogues/smollm2.yaml").names
    pools = Pools.from_names(found, [[found[0]]], [0.1, 0.2, 0.3], [1, 2, 3], [1, 2, 3])
    assert draw_pools(pools, tmp_path / "p.svg").read_text(encoding="utf-8").startswith("<?xml")
