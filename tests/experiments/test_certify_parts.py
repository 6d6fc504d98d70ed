"""Every part of a mixture is asked; shares, kinds and small cells are as the plan says."""

from __future__ import annotations

import pytest

from abgnn.data.query import Query
from abgnn.experiments.certify_parts import counts, spread
from abgnn.planning.plan_file import NamedDesign, PlanFile


def plan(*parts: tuple[float, str], by: str | None = None) -> PlanFile:
    designs = tuple(
        NamedDesign(share, (("Expert", f"llm{i}"),), (), None, group)
        for i, (share, group) in enumerate(parts)
    )
    return PlanFile(designs, "simulated", by, True, {}, {}, {})


def asked(n: int, kind: str = "") -> list[Query]:
    return [Query(f"{kind}{i}", "?", "general", meta={"kind": kind}) for i in range(n)]


@pytest.mark.parametrize(
    ("shares", "n", "wanted"),
    [
        ((0.97, 0.03), 120, [108, 12]),
        ((0.97, 0.03), 20, [10, 10]),
        ((0.62, 0.35, 0.03), 120, [70, 38, 12]),
        ((0.5, 0.25, 0.25), 10, [4, 3, 3]),
        ((0.5, 0.5), 99, [50, 49]),
    ],
)
def test_every_part_is_asked(shares: tuple[float, ...], n: int, wanted: list[int]) -> None:
    made = counts(shares, n)
    assert sum(made) == n
    assert made == pytest.approx(wanted, abs=1)
    assert min(made) >= min(12, n // len(shares))


def test_rare_parts_are_asked_and_weigh_what_they_weigh() -> None:
    mixture = plan((0.97, ""), (0.03, ""))
    designs, strata = spread(mixture, asked(120))
    assert [d.agents[0][1] for d in designs].count("llm1") == 12
    assert [(name, n) for name, _, n in strata.counts()] == [("part 0", 108), ("part 1", 12)]
    assert [share for _, share, _ in strata.counts()] == pytest.approx([0.97, 0.03])
    assert spread(mixture, asked(120)[::-1])[0] == designs[::-1]  # whatever the order
    as_used = [mixture.part_of(q) for q in asked(120)]
    assert sum(a == b for a, b in zip(designs, as_used, strict=True)) > 105


def test_one_design_is_one_part() -> None:
    designs, strata = spread(plan((1.0, "")), asked(30))
    assert {d.agents[0][1] for d in designs} == {"llm0"}
    assert strata.counts() == [("", 1.0, 30)]


def test_kinds_are_drawn_kind_by_kind() -> None:
    mixture = plan((0.3, "x"), (0.2, "x"), (0.25, "y"), (0.125, "z"), (0.125, "z"), by="kind")
    queries = asked(40, "x") + asked(50, "y") + asked(7, "z")
    designs, strata = spread(mixture, queries)
    of = {"x": {"llm0", "llm1"}, "y": {"llm2"}, "z": {"llm3", "llm4"}}
    assert all(d.agents[0][1] in of[q.meta["kind"]] for d, q in zip(designs, queries, strict=True))
    shown = {name: (share, n) for name, share, n in strata.counts()}
    assert shown["part 0"] == (pytest.approx(0.6 * 40 / 97), 24)
    assert shown["part 1"] == (pytest.approx(0.4 * 40 / 97), 16)
    assert shown[""] == (pytest.approx(57 / 97), 57)  # one design, and a kind with few queries
