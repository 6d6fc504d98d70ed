"""Write the tables of all READMEs from `scripts/bench/results`, or say which are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .readmes import ROOT, fill, stale


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Exit status 1: with `--check` a table is stale."""
    parser = argparse.ArgumentParser(prog="scripts/bench/tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any is stale")
    check = parser.parse_args(arguments).check
    old = stale(root) if check else fill(root)
    for name in old:
        print(f"{'stale' if check else 'written'}: {name}")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
