"""Catalogues: what is read, what is refused, and where the error points."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from tests.paths import SHARED

FACTS = SHARED / "backbone_facts.yaml"
ENTRY: dict[str, Any] = {
    "name": "small",
    "model": "vendor/small",
    "type": "standard",
    "price_in": 1,
    "price_out": 4,
    "active_params_b": 8,
}
VALID: dict[str, Any] = {
    "currency": "CNY",
    "usd_per_unit": 0.1,
    "rate_date": "2025-12-01",
    "backbones": [ENTRY],
}


def write(folder: Path, content: object) -> Path:
    """A catalogue file; dates are written as dates."""
    path = folder / "mine.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    path.write_text(text.replace("'2025-12-01'", "2025-12-01"), encoding="utf-8")
    return path


def backbone(name: str = "small", **fields: Any) -> Backbone:
    return Backbone(**{**ENTRY, "name": name, "benchmarks": {}, **fields})


def test_prices_are_converted_and_the_quoted_ones_survive(tmp_path: Path) -> None:
    small = Catalogue.from_yaml(write(tmp_path, VALID))["small"]
    assert (small.price_in, small.price_out) == pytest.approx((0.1, 0.4))
    assert small.profiles("math").price.count("1 CNY") == 1
    assert "4 CNY" in small.profiles("math").price


def test_cost_comes_from_usage() -> None:
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=500_000, reasoning_tokens=400_000)
    assert backbone().cost(usage) == pytest.approx(1 + 2)  # reasoning is part of completion
    assert backbone().cost(Usage()) == 0.0


def test_defaults_are_overridden_and_modes_share_weights(tmp_path: Path) -> None:
    entry = {k: v for k, v in ENTRY.items() if k not in ("name", "type")}
    modes = {"a": {"type": "standard", "rpm": 7}, "b": {"type": "reasoning"}}
    content = {**VALID, "defaults": {"rpm": 5}, "backbones": [{**entry, "modes": modes}]}
    catalogue = Catalogue.from_yaml(write(tmp_path, content))
    assert catalogue.names == ("a", "b")
    assert [b.rpm for b in catalogue] == [7, 5]
    assert catalogue["a"].weights == catalogue["b"].weights == "vendor/small"


def _with(path: str, value: object) -> dict[str, Any]:
    """VALID with one value put in (`...` takes the key out); `entry.` is the first backbone."""
    content = copy.deepcopy(VALID)
    *parents, key = path.split(".")
    node = content["backbones"][0] if parents[:1] == ["entry"] else content
    if value is ...:
        del node[key]
    else:
        node[key] = value
    return content


@pytest.mark.parametrize(
    ("content", "field", "said"),
    [
        (_with("entry.price_in", ...), "backbones[0].price_in", "must be stated"),
        (_with("entry.price_out", 0), "backbones[0].price_out", "above 0"),
        (_with("entry.price_out", -1), "backbones[0].price_out", "got -1"),
        (_with("entry.price_out", "free"), "backbones[0].price_out", "'free'"),
        (_with("entry.price_in", True), "backbones[0].price_in", "True"),
        (_with("entry.price_in", float("nan")), "backbones[0].price_in", "nan"),
        (_with("entry.price_inn", 1), "backbones[0]: price_inn", "did you mean price_in?"),
        (_with("entry.type", "thinking"), "backbones[0].type", "standard or reasoning"),
        (_with("entry.active_params_b", 0), "backbones[0].active_params_b", "above 0"),
        (_with("entry.total_params_b", 3), "backbones[0].total_params_b", "from 8"),
        (_with("entry.max_concurrency", 0), "backbones[0].max_concurrency", "from 1"),
        (_with("entry.rpm", 1.5), "backbones[0].rpm", "1.5"),
        (_with("entry.base_url", "siliconflow"), "backbones[0].base_url", "http"),
        (_with("entry.api_key_env", "sk-123-456"), "backbones[0].api_key_env", "never a key"),
        (_with("entry.extra_body", [1]), "backbones[0].extra_body", "mapping"),
        (_with("entry.benchmarks", {"math": {"M": "good"}}), "benchmarks.math.M", "'good'"),
        (_with("entry.benchmarks", {"math": 3}), "backbones[0].benchmarks.math", "mapping"),
        (_with("entry.currency", "USD"), "backbones[0]: currency", "one of"),
        (_with("entry.modes", {"a": {}}), "backbones[0].modes", "without a name"),
        (_with("usd_per_unit", 0), "usd_per_unit", "USD for one CNY"),
        (_with("usd_per_unit", ...), "usd_per_unit", "None"),
        (_with("rate_date", ...), "rate_date", "the day"),
        (_with("rate_date", "lately"), "rate_date", "'lately'"),
        (_with("currency", ...), "currency", "currency code"),
        (_with("backbone", []), "backbone", "did you mean backbones?"),
        (_with("backbones", []), "backbones", "at least one"),
        (_with("backbones", [ENTRY, ENTRY]), "backbones[1].name", "every name once"),
        (_with("defaults", {"price_in": 0}), "defaults: price_in", "one of"),
        ("", "mine.yaml", "None"),
        ("- a list", "mine.yaml", "a mapping"),
        ("a: [1", "mine.yaml", "valid YAML"),
    ],
)
def test_wrong_files_are_refused(
    tmp_path: Path, content: Mapping[str, Any] | str, field: str, said: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        Catalogue.from_yaml(path)
    assert field in caught.value.field
    assert str(path) in caught.value.field
    assert said in str(caught.value)


@pytest.mark.parametrize("where", ["entry.api_key_env", "entry.api_key", "defaults"])
def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path, where: str) -> None:
    key = "sk-planted-5d1e"
    path = write(tmp_path, _with(where, {"api_key": key} if where == "defaults" else key))
    with pytest.raises(ConfigError, match="api_key") as caught:
        Catalogue.from_yaml(path)
    assert key not in str(caught.value)
    assert key not in repr(caught.value.value)


@pytest.mark.parametrize("key", ["name", "model", "api_key_env", "fallback", "defaults"])
@pytest.mark.parametrize("word", ["NO", "on", "Yes", "off"])
def test_a_word_that_yaml_takes_for_true_or_false_is_to_be_quoted(
    tmp_path: Path, key: str, word: str
) -> None:
    where = ("defaults", "api_key_env") if key == "defaults" else ("entry", key)
    value = {"api_key_env": "WORD"} if key == "defaults" else "WORD"
    text = yaml.safe_dump(_with(key if key == "defaults" else f"entry.{key}", value))
    with pytest.raises(ConfigError, match="quotes") as caught:
        Catalogue.from_yaml(write(tmp_path, text.replace("WORD", word)))
    assert caught.value.field.endswith(where[1])
    if key in ("api_key_env", "defaults"):
        quoted = Catalogue.from_yaml(write(tmp_path, text.replace("WORD", f'"{word}"')))
        assert quoted.backbones[0].api_key_env == word


def test_a_mode_that_is_called_on_is_to_be_quoted(tmp_path: Path) -> None:
    entry = {key: value for key, value in ENTRY.items() if key != "name"}
    text = yaml.safe_dump({**VALID, "backbones": [{**entry, "modes": {"WORD": {}}}]})
    with pytest.raises(ConfigError, match="quotes"):
        Catalogue.from_yaml(write(tmp_path, text.replace("WORD", "on")))
    assert Catalogue.from_yaml(write(tmp_path, text.replace("WORD", '"on"'))).names == ("on",)


def test_a_dollar_catalogue_needs_no_rate_and_takes_no_other(tmp_path: Path) -> None:
    content = {"currency": "USD", "backbones": [ENTRY]}
    assert Catalogue.from_yaml(write(tmp_path, content))["small"].price_out == 4.0
    with pytest.raises(ConfigError, match="usd_per_unit"):
        Catalogue.from_yaml(write(tmp_path, {**content, "usd_per_unit": 2}))


def test_a_backbone_is_hashable_frozen_and_keeps_its_own_mappings() -> None:
    body = {"enable_thinking": False}
    made = backbone(extra_body=body)
    body["enable_thinking"] = True
    assert made.extra_body == {"enable_thinking": False}
    assert pickle.loads(pickle.dumps(made)) == made
    assert len({made, dataclasses.replace(made)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.price_in = 0.0  # type: ignore[misc]


def test_without_and_merged_leave_the_original_alone() -> None:
    catalogue = Catalogue((backbone("a"), backbone("b"), backbone("c")))
    assert catalogue.without(["b"]).names == catalogue.without("b").names == ("a", "c")
    assert catalogue.merged(Catalogue((backbone("d"),))).names == ("a", "b", "c", "d")
    assert [b.name for b in catalogue] == ["a", "b", "c"]
    assert len(catalogue) == 3
    assert "b" in catalogue
    assert "x" not in catalogue
    with pytest.raises(ConfigError, match="every name once"):
        catalogue.merged(Catalogue((backbone("b"),)))
    with pytest.raises(ConfigError, match="at least one"):
        catalogue.without(list("abc"))


def test_an_unknown_name_is_met_with_the_near_one() -> None:
    catalogue = Catalogue((backbone("Qwen3-8B"), backbone("Qwen3-14B")))
    for lookup in (catalogue.__getitem__, lambda name: catalogue.without([name])):
        with pytest.raises(ConfigError, match="did you mean Qwen3-8B"):
            lookup("qwen3-8B")


@pytest.mark.parametrize("name", ["paper", "transfer", "smollm2"])
def test_packaged_catalogues_load_from_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalogue = Catalogue.from_yaml(f"catalogues/{name}.yaml")
    assert len(catalogue) == {"paper": 11, "transfer": 3, "smollm2": 3}[name]
    assert all(b.base_url for b in catalogue)


def test_a_users_file_goes_before_the_packaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogues").mkdir()
    write(tmp_path, VALID).rename(tmp_path / "catalogues" / "paper.yaml")
    assert Catalogue.from_yaml("catalogues/paper.yaml").names == ("small",)


def test_a_missing_config_is_met_with_the_near_ones() -> None:
    with pytest.raises(ConfigError, match=r"catalogues/paper\.yaml"):
        config_path("catalogue/papers.yaml")
    with pytest.raises(ConfigError, match=r"catalogues/smollm2\.yaml"):
        config_path("smollm.yaml")


@pytest.mark.skipif(not FACTS.is_file(), reason="the table of facts is not here")
@pytest.mark.parametrize("name", ["paper", "transfer"])
def test_packaged_prices_and_scores_are_the_published_ones(name: str) -> None:
    facts = yaml.safe_load(FACTS.read_text(encoding="utf-8"))["models"]
    for made in Catalogue.from_yaml(f"catalogues/{name}.yaml"):
        fact = facts[made.name.removesuffix("-thinking")]
        mode = fact["thinking" if made.type == "reasoning" else "direct"]
        assert {k: v for scores in made.benchmarks.values() for k, v in scores.items()} == mode
        assert made.price_in * 7.1 == pytest.approx(fact["price"]["input"], rel=1e-6)
        assert made.price_out * 7.1 == pytest.approx(fact["price"]["output"], rel=1e-6)
        assert (made.total_params_b, made.active_params_b) == (fact["total_b"], fact["active_b"])
        if made.name.startswith("Qwen3-") and "Next" not in made.name:
            assert made.extra_body == {"enable_thinking": made.type == "reasoning"}


def test_fallbacks_are_read_and_may_form_a_chain(tmp_path: Path) -> None:
    names = [("a", "b"), ("b", "c"), ("c", None)]
    entries = [{**ENTRY, "name": name, "fallback": fallback} for name, fallback in names]
    catalogue = Catalogue.from_yaml(write(tmp_path, {**VALID, "backbones": entries}))
    assert [b.fallback for b in catalogue] == ["b", "c", None]


@pytest.mark.parametrize(
    ("fallbacks", "at", "said"),
    [
        ({"small": "smal"}, "backbones[0].fallback", "did you mean small?"),
        ({"small": "small"}, "backbones[0].fallback", "lead back (small → small)"),
        ({"a": "b", "b": "c", "c": "b"}, "backbones[0].fallback", "lead back (a → b → c → b)"),
        ({"a": None, "b": "gone"}, "backbones[1].fallback", "one of a, b"),
        ({"small": 3}, "backbones[0].fallback", "the name of another backbone"),
    ],
)
def test_wrong_fallbacks_are_refused(
    tmp_path: Path, fallbacks: Mapping[str, object], at: str, said: str
) -> None:
    entries = [{**ENTRY, "name": name, "fallback": to} for name, to in fallbacks.items()]
    path = write(tmp_path, {**VALID, "backbones": entries})
    with pytest.raises(ConfigError) as caught:
        Catalogue.from_yaml(path)
    assert caught.value.field == f"{path}: {at}"
    assert said in str(caught.value)


def test_a_removed_fallback_is_cleared() -> None:
    chain = Catalogue((backbone("a", fallback="b"), backbone("b", fallback="c"), backbone("c")))
    assert [b.fallback for b in chain.without("b")] == [None, None]
    assert [b.fallback for b in chain.without(["a"])] == ["c", None]
    with pytest.raises(ConfigError, match=r"backbones\[0\]\.fallback"):
        Catalogue((chain["a"],))
