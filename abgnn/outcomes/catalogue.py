"""A catalogue of the LLMs of an outcome table: prices, sizes, and scores that may be known."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from abgnn.data.arrays import Array
from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.outcomes.prices import Price, Profiles, read_profiles
from abgnn.outcomes.table import OutcomeTable

PARAMS_PER_USD = 50.0
MATH = ("gsm8k", "math", "mgsm", "agentverse-mgsm", "grade-school-math")
CODE = ("mbpp", "human_eval", "humaneval")


def domain_of_task(task: str) -> str:
    """`math` for gsm8k, math, mgsm, `code` for mbpp, human_eval, else `general`."""
    name = task.lower()
    return "math" if name in MATH else "code" if name in CODE else "general"


def catalogue_of(
    table: OutcomeTable,
    profiles: str | Path | Profiles | None = None,
    *,
    domain: str | None = None,
    scores: bool = True,
) -> Catalogue:
    """Backbones whose `cost(usage)` is the recorded cost, as nearly as one price list can be.

    Prices and sizes are the profiles' where given. Else prices are fitted to the recorded costs
    and tokens, and the size is what the name says (`-7b`, `8x7b`), or 50 B parameters per USD of
    a million tokens, which is where LLMRouter's nine lie.

    Args:
        table: rows whose scores may be known before the test (training questions): their means
            per task become the published scores.
        profiles: as in `read_outcomes`.
        domain: one domain under which all scores are entered; None: each task's own.
        scores: False: no published score, so that nothing is known of a row before it is asked.

    Raises:
        ConfigError: an LLM has neither a price nor recorded costs.
    """
    prices = read_profiles(profiles) if profiles is not None else fitted_prices(table)
    published = _scores(table, domain) if scores else {name: {} for name in table.llms}
    for name in table.llms:
        if name not in prices:
            raise ConfigError(f"price of {name}", None, f"among {sorted(prices)}")
    return Catalogue(
        tuple(
            Backbone(
                name=name,
                model=name,
                type="standard",
                price_in=prices[name].price_in,
                price_out=prices[name].price_out,
                active_params_b=prices[name].params_b,
                benchmarks=published[name],
            )
            for name in table.llms
        )
    )


def write_catalogue(catalogue: Catalogue, path: str | Path, source: str) -> None:
    """As YAML that `Catalogue.from_yaml` reads; `source` says where the figures come from."""
    keys = ("name", "model", "type", "price_in", "price_out", "active_params_b")
    entries = [
        {
            **{key: getattr(b, key) for key in keys},
            "benchmarks": {d: dict(s) for d, s in b.benchmarks.items()},
        }
        for b in catalogue
    ]
    data = {"currency": "USD", "source": source, "backbones": entries}
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def fitted_prices(table: OutcomeTable) -> dict[str, Price]:
    """Prices by least squares of relative errors: cost ≈ in · prompt + out · completion tokens.

    Where one of the two is not above 0 then, both are total cost / total tokens.

    Raises:
        ConfigError: a cost that is not recorded, or an LLM that costs nothing.
    """
    return {name: _fitted(table, m) for m, name in enumerate(table.llms)}


def _fitted(table: OutcomeTable, m: int) -> Price:
    name, cost = table.llms[m], table.cost[:, m]
    tokens: Array = np.stack([table.prompt_tokens[:, m], table.completion_tokens[:, m]], 1)  # [Q,2]
    known = np.isfinite(cost) & np.isfinite(tokens).all(1) & (cost > 0)
    if not np.isfinite(cost).all() or not known.any():
        allowed = "recorded costs above 0, or profiles with prices"
        raise ConfigError(f"cost of {name}", None, allowed)
    scaled = tokens[known] / cost[known, None]
    price, _, rank, _ = np.linalg.lstsq(scaled, np.ones(len(scaled)), rcond=1e-9)
    if rank < 2 or price.min() <= 0:
        price = np.full(2, cost[known].sum() / tokens[known].sum())
    per_million = [float(p) * 1e6 for p in price]
    return Price(per_million[0], per_million[1], _size(name) or PARAMS_PER_USD * per_million[0])


def _size(name: str) -> float | None:
    """Billions of parameters that a name states: 7b, 1.5b, 8x7b."""
    size = re.search(
        r"(?<![\w.])((?:\d+x)?\d+(?:\.\d+)?)b(?![a-z0-9])", name.lower().replace("_", "-")
    )
    return math.prod(float(part) for part in size[1].split("x")) if size else None


def _scores(
    table: OutcomeTable, domain: str | None
) -> dict[str, Mapping[str, Mapping[str, float]]]:
    tasks = np.array(table.tasks)
    scores: dict[str, defaultdict[str, dict[str, float]]] = {
        name: defaultdict(dict) for name in table.llms
    }
    for task in dict.fromkeys(table.tasks):
        means = table.score[tasks == task].mean(0)  # [M]
        for name, mean in zip(table.llms, means, strict=True):
            scores[name][domain or domain_of_task(task)][task] = round(100 * float(mean), 1)
    return {name: dict(by_task) for name, by_task in scores.items()}
