"""Topics of programming tasks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.questions import kind_entry
from abgnn.rollout.world.study import World
from datamodules import HumanEval
from datamodules.programming_topics import TOPICS, kind_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Test if a given string is a palindrome.", "strings"),
        ("Return the n-th prime number that divides both integers.", "numbers"),
        ("Sort the list and drop duplicate elements.", "lists"),
        ("", "numbers"),
    ],
)
def test_words_tell_the_topic(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_human_eval_has_kinds_that_a_planner_finds() -> None:
    queries = HumanEval(n_train=80, n_val=4).queries("train")
    assert kind_entry(queries) == "kind"
    assert {query.meta["kind"] for query in queries} == set(TOPICS)


def test_only_version_3_of_the_world_goes_by_them() -> None:
    query = HumanEval().load()[0]
    stripped = replace(query, meta={})
    backbone = next(iter(BaseMAS("code", encoder="offline").catalogue))
    for version in (2, 3):
        logits = [World(5, version=version).true_logit(q, backbone, "Programmer")
                  for q in (query, stripped)]  # fmt: skip
        assert (logits[0] == logits[1]) == (version == 2)
