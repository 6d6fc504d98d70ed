"""One parameter at a time: figures by hand, and what the packaged config varies."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

from abgnn.errors import ConfigError
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare import sensitivity
from abgnn.experiments.compare.config import Comparison, Method
from abgnn.experiments.compare.job import Job, Result

METHODS = (
    Method("λ", points={"0": {"model.lambda_tok": 0}, "8": {"model.lambda_tok": 8}}),
    Method("δ", points={"0.1": {"model.policy.init_args.delta": 0.1}}),
    Method("b", plain="complete"),
)


def asked(**changes: object) -> Comparison:
    given = {"base": "b", "varied": ("λ", "δ"), **changes}
    return Comparison(("x",), METHODS, (1.0,), (1.0,), "λ", **given)  # type: ignore[arg-type]


def made(method: str, point: str, seed: int, performance: float, usd: float) -> tuple[Job, Result]:
    job = Job(method, point, seed, ("c",), (), None, 1, 1, (), "w")
    rows = (Row(point, performance, 0.0, usd, 10.0 * usd, 1.0, 1.0, 0.0, 1),)
    return job, Result("simulated", 1, rows, (((performance, usd, usd),),), 1.0)


RESULTS = dict(
    [
        made("λ", "8", 0, 0.6, 1e-3),
        made("λ", "0", 0, 0.8, 4e-3),
        made("λ", "0", 1, 0.9, 6e-3),
        made("δ", "0.1", 0, 0.7, 2e-3),
        made("b", "complete", 0, 0.1, 1.0),
    ]
)


def test_means_and_intervals_in_the_order_of_the_points() -> None:
    found = sensitivity.readings(asked(), RESULTS)
    names = [(r.parameter, r.value) for r in found if r.metric == "cost_usd"]
    assert names == [("λ", "0"), ("λ", "8"), ("δ", "0.1")]
    first = found[0]
    assert (first.metric, first.seeds) == ("performance", 2)
    assert first.mean == pytest.approx(0.85)
    assert first.half == pytest.approx(12.706 * 0.05, rel=1e-3)  # t of one degree, SE 0.05


def test_table_file_and_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def keep(figure: Figure, *args: object, **kwargs: object) -> None:
        shown.extend(str(t.get_text()) for t in figure.findobj(Text))

    monkeypatch.setattr(sensitivity.Figure, "savefig", keep)
    console = Console(record=True, width=120)
    sensitivity.write_sensitivity(asked(out=str(tmp_path)), RESULTS, "simulated", console)
    assert {"(a) λ", "(b) δ", "simulated", "mUSD per query"} <= set(shown)
    text = console.export_text()
    assert "simulated" in text
    assert "85.0 ± 63.5" in text
    lines = list(csv.DictReader((tmp_path / "sensitivity.csv").open(encoding="utf-8")))
    assert len(lines) == 9
    assert {line["source"] for line in lines} == {"simulated"}


def test_nothing_is_written_unless_asked(tmp_path: Path) -> None:
    console = Console(record=True)
    given = asked(varied=(), out=str(tmp_path))
    sensitivity.write_sensitivity(given, RESULTS, "simulated", console)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="varied"):
        asked(varied=("γ",))


def test_packaged_config_varies_one_key_per_parameter() -> None:
    comparison = Comparison.from_yaml("compare/sensitivity-general.yaml")
    varied = [m for m in comparison.methods if m.name in comparison.varied]
    keys = {m.name: {key for point in m.points.values() for key in point} for m in varied}
    assert keys == {
        "λ_tok": {"model.lambda_tok"},
        "λ_lat": {"model.lambda_lat"},
        "δ": {"model.policy.init_args.delta"},
        "λ_len": {"model.lambda_len"},
    }
    for method in varied:
        values = [value for point in method.points.values() for value in point.values()]
        assert values == sorted(values) == [float(name) for name in method.points]
