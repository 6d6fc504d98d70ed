"""The layout of a catalogue file: from YAML to the fields of each backbone, prices in USD.

currency: CNY
usd_per_unit: 0.1408          # needed unless the currency is USD, with the day it held
rate_date: 2025-12-01
source: where prices and scores come from        # optional
price_date: 2025-12-01        # optional: the day on which the prices were looked up
defaults: {base_url: https://..., api_key_env: MY_KEY, max_concurrency: 8}    # optional
backbones:
  - {name: small, model: vendor/small, type: standard, price_in: 1, price_out: 4,
     active_params_b: 8, benchmarks: {math: {MATH-500: 87.4}}, fallback: large}    # optional
  - model: vendor/large         # modes of the same weights share what stands beside `modes`
    price_in: 2
    price_out: 8
    active_params_b: 32
    modes:
      large: {type: standard}
      large-thinking: {type: reasoning, extra_body: {enable_thinking: true}}
"""

from __future__ import annotations

import datetime
import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from abgnn.data.backbone import HIDDEN
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError

TOP = ("currency", "usd_per_unit", "rate_date", "price_date", "source", "defaults", "backbones")
DEFAULTS = ("base_url", "api_key_env", "max_concurrency", "max_tokens", "rpm", "tpm", "family")
NEEDED = ("name", "model", "type", "price_in", "price_out", "active_params_b")
TEXTS = ("name", "model", "type", "api_key_env", "base_url", "family", "fallback", "prompt_suffix")
QUOTES = 'YAML reads NO, OFF, ON and YES as false and true: put the word in quotes, such as "NO"'
MONEY = ("currency", "usd_per_unit")
SECRET = re.compile(r"api_?key|secret|passw|authorization|access_?token", re.IGNORECASE)


def read_entries(
    path: str | Path, known: Iterable[str], field: str = "catalogue"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Per backbone, where it stands in the file and its fields; prices in USD per million tokens.

    Args:
        path: a file of the user's, or a packaged one (see `config_path`).
        known: the fields that a backbone may have.
        field: what named the file, for the error of one that is not there.

    Raises:
        ConfigError: no valid YAML, an unknown or a missing key, a price or a rate that is none.
    """
    where = str(path)
    data = check_keys(load_yaml(config_path(path, field), where), where, TOP)
    money = _money(data, where)
    day = data.get("price_date")
    if day is not None and not isinstance(day, datetime.date):
        raise ConfigError(f"{where}: price_date", day, "the day of the prices, such as 2025-12-01")
    allowed = tuple(key for key in known if key not in MONEY)
    defaults = check_keys(data.get("defaults") or {}, f"{where}: defaults", DEFAULTS)
    items = data.get("backbones")
    if not isinstance(items, list) or not items:
        raise ConfigError(f"{where}: backbones", items, "a list of at least one backbone")
    for i, item in enumerate(items):
        for at, entry in _modes(item, f"{where}: backbones[{i}]", allowed):
            merged = {"benchmarks": {}, **defaults, **entry}
            _check_quoted(merged, at)
            yield at, {**merged, **_in_usd(merged, at, money["usd_per_unit"]), **money}


def price_note(path: str | Path) -> str:
    """What the file says about its prices: source, and the day of the exchange rate."""
    data: Any = load_yaml(config_path(path), str(path))
    source, day = str(data.get("source") or "").strip(), data.get("rate_date")
    looked_up = f"prices of {data['price_date']}" if data.get("price_date") else ""
    rate = f"exchange rate of {day}" if day else ""
    parts = [f"{Path(path).name}", source, looked_up, rate]
    return "; ".join(p for p in parts if p)


def price_date(path: str | Path) -> datetime.date | None:
    """The day of a catalogue's prices, or where only that is stated, of its exchange rate."""
    data: Any = load_yaml(config_path(path), str(path))
    day = data.get("price_date") or data.get("rate_date")
    return day if isinstance(day, datetime.date) else None


def load_yaml(path: Path, where: str) -> object:
    """The content of a YAML file; `where` names it in errors."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(where, str(e), "a readable text file") from e
    except yaml.YAMLError as e:
        raise ConfigError(where, str(e), "valid YAML") from e


def check_keys(data: object, where: str, allowed: Iterable[str]) -> Mapping[str, Any]:
    """The mapping itself, if it is one and has no key that is not allowed.

    What stands where somebody has written down a password or the like is not repeated.
    """
    allowed = tuple(allowed)
    if not isinstance(data, Mapping):
        raise ConfigError(where, data, f"a mapping with keys among {', '.join(allowed)}")
    for key in data:
        if key not in allowed:
            value = HIDDEN if SECRET.search(str(key)) else data[key]
            raise ConfigError(f"{where}: {key}", value, suggest(key, allowed))
    return data


def suggest(value: object, allowed: Iterable[str]) -> str:
    """The allowed values in words, the nearest one first."""
    allowed = tuple(allowed)
    near = difflib.get_close_matches(str(value), allowed, n=1)
    return ("".join(f"did you mean {n}? " for n in near)) + f"one of {', '.join(allowed)}"


def _money(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Currency and exchange rate; a rate needs the day on which it held."""
    currency = data.get("currency")
    if not isinstance(currency, str) or not currency:
        raise ConfigError(f"{where}: currency", currency, "a currency code such as USD or CNY")
    if currency == "USD" and data.get("usd_per_unit", 1) == 1:
        return {"currency": currency, "usd_per_unit": 1.0}
    rate: Any = data.get("usd_per_unit")
    day = data.get("rate_date")
    if currency == "USD" or not _is_positive(rate):
        allowed = (
            "1 or nothing for USD" if currency == "USD" else f"USD for one {currency}, above 0"
        )
        raise ConfigError(f"{where}: usd_per_unit", rate, allowed)
    if not isinstance(day, datetime.date):
        raise ConfigError(f"{where}: rate_date", day, "the day of the rate, such as 2025-12-01")
    return {"currency": currency, "usd_per_unit": float(rate)}


def _modes(
    item: object, at: str, allowed: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entry itself, or one entry per mode."""
    entry = dict(check_keys(item, at, (*allowed, "modes")))
    modes = entry.pop("modes", None)
    if modes is None:
        yield at, entry
        return
    if not isinstance(modes, Mapping) or not modes or "name" in entry:
        raise ConfigError(f"{at}.modes", modes, "name -> fields, in an entry without a name")
    for name, mode in modes.items():
        if isinstance(name, bool):
            raise ConfigError(f"{at}.modes", name, f"names that are texts; {QUOTES}")
        fields = check_keys(mode, f"{at}.modes.{name}", allowed)
        yield f"{at}.modes.{name}", {**entry, "name": name, **fields}


def _check_quoted(entry: Mapping[str, Any], at: str) -> None:
    """That YAML has taken no text for true or false."""
    for key in TEXTS:
        if isinstance(entry.get(key), bool):
            raise ConfigError(f"{at}.{key}", entry[key], f"a text; {QUOTES}")


def _in_usd(entry: Mapping[str, Any], at: str, rate: float) -> dict[str, float]:
    """Prices in USD; a missing price is an error, never 0."""
    for key in NEEDED:
        if entry.get(key) is None:
            raise ConfigError(f"{at}.{key}", None, "it must be stated")
    for key in ("price_in", "price_out"):
        if not _is_positive(entry[key]):
            raise ConfigError(f"{at}.{key}", entry[key], "a number above 0, per million tokens")
    return {key: float(entry[key]) * rate for key in ("price_in", "price_out")}


def _is_positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0
