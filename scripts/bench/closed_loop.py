"""Closed loops on recorded answers of real LLMs (`answers` layout), at matched realised cost.

Some questions train: every LLM has answered them, as `abgnn calibrate --design complete` would
ask; the others are judged. Everything is fitted and priced on the training questions. Budgets:
four, equally spaced strictly between the cheapest and the dearest LLM's mean cost; and the
dearest LLM's. A gain is the mean score less that of the best random mixture of single LLMs,
picked on the test questions, at the method's own realised cost. Intervals, 95 %, are over
resampled questions, after the mean over resamples of the training questions; all methods see the
same draws. `--others` takes the LLMs that the tables' studies left out: for choices of constants.
`--ceiling` asks what could be reached: all questions but the one answered are known, and prices are
those that spend the budgets on these very questions.
"""

from __future__ import annotations

import logging
import re
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from closed_loop_ceiling import ceilings
from closed_loop_judged import INNER, SHARES, Judged, matched, shown
from closed_loop_methods import Recorded, methods
from over_worlds import table_of
from rich.table import Table
from routing import ONE_TO_17
from routing_beliefs import ANSWERS, RealTable, resamples, study_of

from abgnn.console import make_console
from abgnn.data.answer_form import form_features
from abgnn.data.arrays import Array
from abgnn.outcomes.layouts import read_outcomes
from abgnn.planning.closed_loop.answer_table import AnswerTable, key_codes

PAIR = "outcomes_routellm_gsm8k_2llm.csv"
BUDGETS = ("gain", "1", "2", "3", "4", "dearest LLM's cost")


def recorded(path: Path, first: int, without: tuple[str, ...], others: bool) -> Recorded:
    """The study's LLMs, or the others, of a table."""
    table = study_of(path, first, without, others=others)
    real = RealTable.from_outcomes(table)
    keys = key_codes([[key or None for key in row] for row in table.keys])
    answers = AnswerTable(
        table.llms, keys, table.score, table.cost, table.completion_tokens / 50.0,
        np.array(table.options), table.tasks, table.texts,
    )  # fmt: skip
    return Recorded(real, answers)


def pair(path: Path) -> Recorded:
    """Two LLMs with their replies: keys are read from these, and how they are written."""
    table = read_outcomes(path, profiles=ONE_TO_17)
    real = RealTable.from_outcomes(table)
    keys = key_codes([[_last(text) for text in row] for row in table.responses])
    replies = zip(table.responses, table.texts, strict=True)
    features = np.array([[form_features(text, asked) for text in row] for row, asked in replies])
    answers = AnswerTable(
        table.llms, keys, table.score, table.cost, table.completion_tokens / 50.0,
        np.zeros(len(table.ids), dtype=np.int64), table.tasks, table.texts, features=features,
    )  # fmt: skip
    return Recorded(real, answers)


def _last(text: str) -> str | None:
    """The last number as it is written: what the table's scores go by."""
    written = re.findall(r"\d[\d,]*(?:\.\d+)?", text)
    return written[-1].replace(",", "") if written else None


def measured(known: Recorded, size: int, times: int) -> tuple[dict[str, Judged], list[Array]]:
    """Every method on the same resamples, and their budgets."""
    splits = resamples(len(known.table), size, times)
    made: dict[str, list[tuple[Array, Array]]] = {}
    budgets: list[Array] = []
    for train, test in splits:
        means = known.table.usd[test].mean(0)
        inner = np.linspace(means.min(), means.max(), INNER + 2)[1:]
        more = np.array([1.05 * means.min(), 0.5 * (means.min() + inner[0]), 1.3 * means.max()])
        budgets.append(np.concatenate([inner, more]))
        for name, points in methods(known, train, test, budgets[-1]).items():
            made.setdefault(name, []).append(points)
    tests = [test for _, test in splits]
    return {name: Judged(tests, each) for name, each in made.items()}, budgets


def tables_of(
    title: str, judged: Mapping[str, Judged], budgets: list[Array], known: Recorded
) -> list[Table]:
    """Gains, and the first method less the others."""
    gains = table_of(title + ": points over the mixture", ["", *BUDGETS, "cost / budget, sd"])
    less = table_of("closed loop less …", ["", *BUDGETS])
    best = table_of("beside the best single LLM", ["", "its cost's share that matches it", "best"])
    base: Array | None = None
    for name, each in judged.items():
        figures = each.figures(known.real.score, known.real.cost)
        columns = [figures[:, :INNER].mean(1), *figures[:, : INNER + 1].T]
        use = each.spent(budgets)
        spent = " ".join(f"{u:.2f}" for u in use.mean(0)[:INNER])
        spread = f"{use[:, :INNER].mean(1).std():.3f}"
        gains.add_row(name, *(shown(c) for c in columns), f"{spent}, {spread}")
        curve = figures[:, INNER + 1 : INNER + 1 + len(SHARES)]
        best.add_row(name, matched(curve), shown(figures[:, -1]))
        if base is None:
            base = figures
        else:
            rest = base - figures
            columns = [rest[:, :INNER].mean(1), *rest[:, : INNER + 1].T]
            less.add_row(name, *(shown(c) for c in columns))
    return [gains, less, best]


def main() -> None:
    """Measure, and print."""
    args = arguments()
    warnings.filterwarnings("ignore")
    logging.getLogger("abgnn").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    console = make_console(width=200)
    tables = {
        name: lambda f=file, n=first, w=without: recorded(args.path / f, n, w, args.others)
        for name, (file, first, without) in ANSWERS.items()
    }
    tables["RouteLLM, GSM8K"] = lambda: pair(args.path / PAIR)
    for name, made in tables.items():
        if not any(chosen in name for chosen in args.tables):
            continue
        known = made()
        if args.ceiling:
            title = f"{name}, {len(known.table.llms)} LLMs, all questions but one (recorded)"
            for table in tables_of(title, *ceilings(known), known):
                console.print(table)
            continue
        for size in args.sizes:
            judged, budgets = measured(known, size, args.times)
            title = f"{name}, {len(known.table.llms)} LLMs, {size} training questions (recorded)"
            for table in tables_of(title, judged, budgets, known):
                console.print(table)


def arguments() -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--path", type=Path, required=True, help="folder of the answer tables")
    parser.add_argument("--sizes", type=int, nargs="+", default=[160], help="training questions")
    parser.add_argument("--times", type=int, default=10, help="resamples of them")
    parser.add_argument("--tables", nargs="+", default=[""], help="parts of names; all of them")
    parser.add_argument("--others", action="store_true", help="the LLMs that are not reported on")
    parser.add_argument("--ceiling", action="store_true", help="what could be reached")
    return parser.parse_args()


if __name__ == "__main__":
    main()
