"""The top of the page: one paragraph and one picture that answer what the runs were for."""

from __future__ import annotations

from abgnn.planning.belief_table import BeliefTable
from abgnn.plots.answer import LOOKS, Dot, answer_figure
from abgnn.report.answers import Answer, Interval, Mark, Rival, chosen
from abgnn.report.answers_plans import of_certificate, of_plan
from abgnn.report.answers_points import of_held_out, of_points
from abgnn.report.cost import cost_lines
from abgnn.report.figures import named, rounded, shown
from abgnn.report.legend import entry
from abgnn.report.markup import Html, folded, join, section, table, tag, text
from abgnn.report.records import CertificateFile, HeldOut, PlanRecord, Points, Rivals, Runs

_KINDS = ("simulated", "recorded", "live")
_NOTHING = (
    "What accuracy a system reaches is not known from these files: they hold no measured points, "
    "no certificate, no evaluation and no plan."
)


def answer(runs: Runs) -> Html:
    """Within these budgets, this system, this accuracy, beside single LLMs; and what it cost."""
    made = answers_of(runs)
    first = chosen(made)
    told = _paragraph(first) if first else [text(_NOTHING)]
    parts = [tag("p", *told, class_="lead"), _picture(first) if first else Html()]
    chosen_by = [tag("p", _choice(first, made))] if first else []
    parts.append(tag("div", *chosen_by, _chips(runs), *cost_lines(runs)))
    if len(made) > 1:
        parts.append(tag("div", _every(made), class_="wide"))
    return section("answer", "The answer", *parts)


def answers_of(runs: Runs) -> list[Answer]:
    """Every answer that the files hold, at every budget."""
    tables = {_folder(r.path): r for r in runs.of(Rivals)}
    beliefs, plans = runs.of(BeliefTable), runs.of(PlanRecord)
    certificates: list[CertificateFile] = runs.of(CertificateFile)
    made = [a for p in runs.of(Points) for a in of_points(p, tables.get(_folder(p.path)))]
    made += [a for held in runs.of(HeldOut) for a in of_held_out(held)]
    made += [of_certificate(c, plans, beliefs) for c in certificates]
    judged = " ".join(c.subject for c in certificates)
    left = [plan for plan in plans if not plan.digest or plan.digest not in judged]
    return made + [a for plan in left if (a := of_plan(plan, beliefs)) is not None]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _paragraph(a: Answer) -> list[Html]:
    """Plain words; every figure is one of the files'."""
    does = "is expected to answer" if a.ground == "expected" else "answered"
    spent = " and ".join(
        of for of in (_money(a.usd), "" if a.seconds is None else f"{a.seconds:.3g} s") if of
    )
    sentences = [
        join((
            "Within " if a.cost_usd or a.latency_s else "", tag("strong", budget_words(a)), ", ",
            tag("strong", a.system), f" {does} ", tag("strong", _percent(a.accuracy.mean)),
            f" of the questions right{_between(a.accuracy)}",
            f", for {spent} a question on average. " if spent else ". ",
        )),
    ]  # fmt: skip
    if a.verdict:
        sentences.append(join(("The budgets are ", tag("strong", a.verdict), ". ")))
    sentences += [_against(a, rival) for rival in (a.single, a.plain) if rival is not None]
    if a.single is None:
        sentences.append(tag("span", f"How the best single LLM does is not known: {a.missing}. "))
    if a.plain is None:
        sentences.append(tag("span", "Nor is what doing nothing clever would reach. "))
    sentences.append(tag("span", f"Judged on {a.judged}. ", _origin(a.label)))
    return sentences


def budget_words(a: Answer) -> str:
    """Both budgets, or that there is none."""
    parts = [f"{1e3 * a.cost_usd:.3g} mUSD" if a.cost_usd else "",
             f"{a.latency_s:.3g} s" if a.latency_s else ""]  # fmt: skip
    limits = [part for part in parts if part]
    return f"{' and '.join(limits)} a question" if limits else "With no budget set"


def _against(a: Answer, rival: Rival) -> Html:
    """The rival's accuracy, and whether the difference is one."""
    verb = "reached" if a.ground == "measured" else "would reach"
    spent = f" for {_money(rival.usd)}" if rival.usd is not None else ""
    name = rival.name[0].upper() + rival.name[1:]
    late = ", which is known only in hindsight," if a.ground == "measured" and rival is a.single \
        else ""  # fmt: skip
    return join((
        f"{name}{late} {verb} ", tag("strong", _percent(rival.accuracy)), f"{spent}: ",
        tag("strong", _difference(rival.ahead)), ". ",
    ))  # fmt: skip


def _difference(ahead: Interval) -> str:
    points = f"{abs(100 * ahead.mean):.1f} points"
    side = "above" if ahead.mean > 0 else "below"
    if ahead.low is None or ahead.high is None:
        return f"the system is {points} {side}, with no interval known"
    half = 50 * (ahead.high - ahead.low)
    if ahead.sign:
        return f"the system is {points} {side} (± {half:.1f})"
    return f"no clear difference ({_signed(ahead.mean)} ± {half:.1f} points)"


def _signed(share: float) -> str:
    """In points, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _between(accuracy: Interval) -> str:
    if accuracy.low is None or accuracy.high is None:
        return " (its interval is not known)"
    what = accuracy.of if "%" in accuracy.of else f"95 % {accuracy.of}"
    return f" [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}; {what}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _money(usd: float | None) -> str:
    return "" if usd is None else f"{1e3 * usd:.3g} mUSD"


def _origin(label: str) -> Html:
    words = {
        "simulated": "All of this is simulated.",
        "recorded": "All of this is from recorded answers of real LLMs.",
        "live": "All of this is from live calls.",
    }
    return tag("strong", words.get(label, f"Where these figures come from: {label}."))


def _choice(first: Answer, made: list[Answer]) -> str:
    if len(made) == 1:
        return f"From {first.path}."
    budgets = sum((a.path, a.system) == (first.path, first.system) for a in made)
    files = len({a.path for a in made})
    of_budgets = f"; of its {budgets} budgets the middle one (of two, the tighter)" if budgets > 1 \
        else ""  # fmt: skip
    of_files = f", the first of {files} files with an answer (live before recorded before " \
        "simulated, then the most measured, then by name)" if files > 1 else ""  # fmt: skip
    return f"From {first.path}{of_files}{of_budgets}; all stand below."


def _chips(runs: Runs) -> Html:
    """What was simulated, recorded, live, by files."""
    items = []
    for kind in _KINDS:
        count = sum(kind in record.label.split(" and ") for record in runs.records)
        said = f"{kind}: {count} file{'s' if count != 1 else ''}" if count else f"{kind}: nothing"
        look = "" if not count else "has model" if kind == "simulated" else "has"
        items.append(tag("li", said, class_=look))
    others = sum(not set(r.label.split(" and ")) & set(_KINDS) for r in runs.records)
    if others:
        items.append(tag("li", f"not stated: {others} file{'s' if others != 1 else ''}"))
    return tag("ul", *items, class_="chips")


def _picture(a: Answer) -> Html:
    """Accuracy against cost: the system, its rivals, every single LLM."""
    at = a.usd if a.usd is not None else a.cost_usd
    mine = (
        [] if at is None else [Mark(a.system, at, a.accuracy.mean, a.accuracy.low, a.accuracy.high)]
    )
    rivals = [
        [] if r is None or r.usd is None else [Mark(r.name, r.usd, r.accuracy)]
        for r in (a.single, a.plain)
    ]
    others = [m for m in a.ours if not mine or abs(m.usd - mine[0].usd) > 1e-9 * m.usd]
    series = [[m for m in of if m.usd > 0] for of in (mine, *rivals, a.singles, others)]
    if not any(series):
        return Html()
    figure = answer_figure(
        [[_dot(m) for m in of] for of in series],
        None if a.cost_usd is None else 1e3 * a.cost_usd, "mUSD",
    )  # fmt: skip
    names = (a.system, "best single LLM", "a single LLM at random", "every single LLM",
             f"{a.system}, other points")  # fmt: skip
    legend = [entry(name, look, line=False, filled=k < 3)
              for k, (name, look) in enumerate(zip(names, LOOKS, strict=True))]  # fmt: skip
    points = [
        [rounded(1e3 * m.usd), rounded(m.accuracy), k, f"{named(m.name)}: {_told(m)}"]
        for k, of in enumerate(series)
        for m in of
    ]
    points.sort(key=lambda point: (point[0], point[2]))
    caption = f"{a.path}: accuracy against cost; bars: intervals, where they are known"
    return shown(figure, caption, a.label, "answer-picture", legend=legend,
                 read={"points": points, "unit": "mUSD a question"})  # fmt: skip


def _dot(m: Mark) -> Dot:
    low, high = (m.accuracy if end is None else end for end in (m.low, m.high))
    return Dot(1e3 * m.usd, m.accuracy, low, high)


def _told(m: Mark) -> str:
    ends = "" if m.low is None or m.high is None else f" [{100 * m.low:.1f}, {100 * m.high:.1f}]"
    return f"{_percent(m.accuracy)}{ends} for {_money(m.usd)}"


def _every(made: list[Answer]) -> Html:
    """All answers, a row each."""
    rows = [
        (
            a.path,
            a.system,
            "–" if a.cost_usd is None else f"{1e3 * a.cost_usd:.3g}",
            "–" if a.latency_s is None else f"{a.latency_s:.3g}",
            f"{100 * a.accuracy.mean:.1f}{_ends(a.accuracy)}",
            a.ground,
            *(cell for rival in (a.single, a.plain) for cell in _cells(rival)),
            a.label,
        )
        for a in made
    ]
    head = ("file", "system", "mUSD", "s", "accuracy", "is", "best single LLM", "system less it",
            "one at random", "system less it", "label")  # fmt: skip
    labels = " and ".join(sorted({a.label for a in made}))
    caption = "every answer in these files: accuracy in percent, within mean budgets a question"
    return folded(f"Every file and every budget ({len(made)})", table(caption, labels, head, rows))


def _ends(of: Interval) -> str:
    known = of.low is not None and of.high is not None
    return f" [{100 * (of.low or 0):.1f}, {100 * (of.high or 0):.1f}]" if known else ""


def _cells(rival: Rival | None) -> tuple[str, str]:
    if rival is None:
        return "–", "–"
    gap = rival.ahead
    spread = "" if gap.low is None or gap.high is None else f" ± {50 * (gap.high - gap.low):.1f}"
    return f"{100 * rival.accuracy:.1f}", f"{_signed(gap.mean)}{spread}"
