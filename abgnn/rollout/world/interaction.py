"""How much better or worse a backbone is at some areas, topics and forms than its mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.backbone import Backbone
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.noise import normals
from abgnn.rollout.world.rules import Spread

SHARES = (0.3, 0.2, 0.5)  # of the variance: family, weights, the backbone alone
Deviations = tuple[tuple[tuple[float, ...], ...], ...]


def subjects_of(domain: str) -> tuple[str, ...]:
    """The areas of `general`; math and code are their own only one."""
    return world.AREAS if domain == "general" else (domain,)


def deviations(backbone: Backbone, domain: str, seed: int, spread: Spread) -> Deviations:
    """Logits by [subject][topic][form], 0 in the mean of each table, the same in a world for good.

    Args:
        spread: sd of LLM × subject, LLM × topic within a subject, LLM × form.
    """
    subjects = subjects_of(domain)
    area, topic, form = spread
    table = np.zeros((len(subjects), world.TOPICS, world.FORMS))
    if area and len(subjects) > 1:
        table += area * _table(backbone, seed, domain, "area", len(subjects))[:, None, None]
    if topic:
        topics = [_table(backbone, seed, domain, s, world.TOPICS) for s in subjects]
        table += topic * np.stack(topics)[:, :, None]
    if form:
        table += form * _table(backbone, seed, domain, "form", world.FORMS)
    return tuple(tuple(tuple(forms) for forms in topics) for topics in table.tolist())


def _table(backbone: Backbone, seed: int, domain: str, name: str, count: int) -> Array:
    """N(0, 1) entries, alike for like backbones, centred, with the variance kept, `[count]`."""
    levels: Sequence[tuple[str, str]] = (
        ("family", backbone.family),
        ("weights", backbone.weights),
        ("backbone", backbone.name),
    )
    total = np.zeros(count)
    for share, (level, who) in zip(SHARES, levels, strict=True):
        drawn = np.array(normals(count, seed, "interaction", level, who, domain, name))
        total += math.sqrt(share) * drawn
    centred: Array = (total - total.mean()) * math.sqrt(count / (count - 1))
    return centred
