"""Write the tables and pictures that come from `scripts/bench/results`, or say which are stale:
those of all READMEs, all of the study on one page (`results/tables.md`), and its pictures (of
those of Figure 6, which need no rows, the missing ones)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .page import PAGE, page
from .pictures import draw_cases_of_paper, draw_pictures
from .readmes import ROOT, fill, stale


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Exit status 1: with `--check` a table is stale."""
    parser = argparse.ArgumentParser(prog="scripts/bench/tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any is stale")
    check = parser.parse_args(arguments).check
    old = stale(root) if check else fill(root)
    if root == ROOT:
        old += _study(check=check)
    for name in old:
        print(f"{'stale' if check else 'written'}: {name}")
    return int(check and bool(old))


def _study(*, check: bool) -> list[str]:
    """The study's page, and its pictures, which are not compared."""
    text = page()
    same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
    if not check:
        PAGE.write_text(text, encoding="utf-8")
        draw_pictures()
        draw_cases_of_paper()
    return [] if same else [str(PAGE.relative_to(ROOT))]


if __name__ == "__main__":
    sys.exit(main())
