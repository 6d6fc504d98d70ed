"""What LoopNet adds to the closed form, at matched realised cost; every answer is known.

`as taught` is the net whatever left-out questions say of it, `gated` is what a user gets. Points of
accuracy over the mixture of single LLMs, mean of four budgets between the cheapest and the dearest
LLM, [95 % over questions, paired].

    scripts/bench/loop_net --path FOLDER            # ZeroEval's and MMLU-Pro's answers
    scripts/bench/loop_net --worlds 4 --domain math # simulated, world version 3
"""

from __future__ import annotations

import logging
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from closed_loop import recorded as read_answers
from loop_world_case import DATA, Case
from matched_cost import inner_budgets, interval, mixture_score
from routing_beliefs import ANSWERS, DRAWS, resamples

from abgnn.console import make_console
from abgnn.data.arrays import Array, Index
from abgnn.experiments.experiment import quiet
from abgnn.models.loop_features import AGENT, QUESTION, LoopFeatures, LoopView
from abgnn.models.loop_knowledge import loop_knowledge
from abgnn.models.loop_values import NetReplay
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay, price_of_budget
from abgnn.training.loop_lessons import LOOP_NET, LoopLessons
from abgnn.training.loop_validation import LoopReport, cross_validated, fit_residual

FORMS = ("closed form", "as taught", "gated")
TRAIN = 160


@dataclass(frozen=True)
class Exam:
    """Lessons of training questions, and test questions with the answers of all.

    Args:
        at: the test questions among all that intervals resample.
    """

    lessons: LoopLessons
    problems: list[LoopProblem]
    table: AnswerTable
    view: LoopView
    at: Index


@dataclass(frozen=True)
class Marks:
    """Accuracy and USD of the `FORMS` under four budgets, `[3, 4, q]` each."""

    right: Array
    usd: Array
    exam: Exam
    report: LoopReport

    def points(self, weight: Array) -> Array:
        """Mean gain over the mixture under weights of all questions, `[3]`."""
        w = weight[self.exam.at] / weight[self.exam.at].sum()
        n, table = len(w), self.exam.table
        score, cost = table.right * w[:, None] * n, table.usd * w[:, None] * n
        made, spent = self.right @ w, self.usd @ w  # [3, 4]
        mixed = [[mixture_score(score, cost, b) for b in row] for row in spent]
        gain: Array = 100 * (made - np.array(mixed)).mean(1)
        return gain


def marked(exam: Exam, args: Namespace) -> Marks:
    lessons, net = exam.lessons, LoopStateNet(QUESTION, AGENT)
    changed = {k: v for k in ("steps", "lr", "ridge", "weight_decay") if (v := getattr(args, k))}
    course = replace(LOOP_NET, **changed)
    prices = lessons.prices(course.prices)
    torch.manual_seed(0)
    report = cross_validated(net, lessons, prices, course)
    torch.manual_seed(0)
    net.reset_parameters()
    fit_residual(net, lessons, prices, course)
    budgets = inner_budgets(exam.table.usd)
    before = lessons.replay(None), Replay(exam.problems, exam.table)
    made = {0.0: at_budgets(*before, budgets)}
    for scale in {1.0, report.scale} - {0.0}:
        new = NetReplay(exam.problems, exam.table, net, exam.view, scale)
        made[scale] = at_budgets(lessons.replay(net, scale), new, budgets)
    right, usd = np.stack([made[s] for s in (0.0, 1.0, report.scale)], 1)
    return Marks(right, usd, exam, report)


def at_budgets(learned: Replay, new: Replay, budgets: Array) -> Array:
    """Accuracy and USD of new questions, `[2, 4, q]`; prices are of the learned ones, within 5 %:
    what is judged is the gain at the cost that was realised."""
    runs = [new(price_of_budget(learned, float(budget), steps=7)) for budget in budgets]
    return np.stack([[run.right for run in runs], [run.usd for run in runs]])


def recorded(path: Path, first: int, without: tuple[str, ...], args: Namespace) -> Iterator[Exam]:
    """Resamples of a table, of the study's LLMs or of the others."""
    known = read_answers(path, first, without, args.others)
    for train, others in resamples(len(known.table), TRAIN, args.times):
        test = np.random.default_rng(len(others)).permutation(others)[: args.tests]
        questions, rest = (known.real.questions.rows(at) for at in (train, test))
        loop = ClosedLoop.fit(questions, known.table.rows(train))
        problems = list(loop.replay.problems)
        features = LoopFeatures.of(questions, problems, loop.llms)
        lessons = LoopLessons(problems, loop.table, features.view(questions))
        new = known.table.rows(test)
        yield Exam(lessons, loop.problems(rest, new.options), new, features.view(rest), test)


def simulated(args: Namespace) -> Iterator[Exam]:
    """One exam of each world."""
    begin = 0
    for seed in range(args.first, args.first + args.worlds):
        case = Case(args, seed, 0)
        kept = np.random.default_rng(seed).permutation(len(case.test))[: args.tests]
        case.test = [case.test[i] for i in kept]
        known = loop_knowledge(case.complete, case.mas)
        lessons = known.lessons()
        assert lessons is not None, "a complete calibration"
        problems, table, rows = lessons
        new, at = case.table, begin + np.arange(len(case.test))
        begin += len(at)
        tests = known.loop.problems(case.questions, new.options)
        view = known.features.view(case.questions)
        yield Exam(LoopLessons(problems, table, known.view_of(rows)), tests, new, view, at)


def show(title: str, exams: Iterator[Exam], args: Namespace) -> None:
    """Points of every form, and of what the net adds."""
    console, marks = make_console(), []
    for exam in exams:
        marks.append(marked(exam, args))
        alone = marks[-1].points(np.ones(int(exam.at.max()) + 1))
        words = " ".join(f"{x:+.2f}" for x in alone)
        console.print(f"{title} {len(marks)}: {words}; {marks[-1].report.words()}", style="dim")
    rng, n = np.random.default_rng(0), 1 + max(int(m.exam.at.max()) for m in marks)
    drawn = (np.bincount(rng.integers(0, n, n), minlength=n).astype(float) for _ in range(DRAWS))
    weights = [np.ones(n), *drawn]
    points = np.stack([np.mean([m.points(w) for m in marks], 0) for w in weights])  # [1 + D, 3]
    for i, form in enumerate(FORMS):
        cells = [f"{title}: {form:12s} {points[0, i]:+.2f} {_shown(points[1:, i])}"]
        if i:
            added = points[:, i] - points[:, 0]
            cells.append(f"− closed form {added[0]:+.2f} {_shown(added[1:])}")
        console.print(*cells)
    used = sum(m.report.scale > 0 for m in marks)
    console.print(f"{title}: used in {used} of {len(marks)}")


def _shown(values: Array) -> str:
    return "[{:+.2f}, {:+.2f}]".format(*interval(values))


def main() -> None:
    """Recorded answers, where a folder has them; else simulated worlds."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--path", help="folder with answers_*.jsonl")
    parser.add_argument("--others", action="store_true", help="LLMs that are not in the study")
    parser.add_argument("--times", type=int, default=10, help="resamples of training questions")
    parser.add_argument("--tests", type=int, default=150, help="questions of a resample or world")
    parser.add_argument("--worlds", type=int, default=4)
    parser.add_argument("--first", type=int, default=3300, help="seed of the first world")
    parser.add_argument("--domain", choices=sorted(DATA), default="general")
    parser.add_argument("--file", help="MMLU's questions, or MATH's; else the packaged ones")
    parser.add_argument("--questions", type=int, default=TRAIN, help="of the training, in a world")
    parser.add_argument("--copies", type=int, default=1, help="of every test question")
    parser.add_argument("--steps", type=int, help="this and the next: else as LoopNet has them")
    for name in ("lr", "ridge", "weight-decay"):
        parser.add_argument(f"--{name}", type=float)
    args = parser.parse_args()
    quiet()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    if not args.path:
        show(f"simulated {args.domain}", simulated(args), args)
    for title, (name, first, without) in ANSWERS.items() if args.path else ():
        show(title, recorded(Path(args.path) / name, first, without, args), args)


if __name__ == "__main__":
    main()
