"""Recordings on a PostgreSQL server: which paths name one, and what may stand in such a URL.

A password never stands in it: URLs are saved with configs and shown in errors. libpq takes
passwords from `PGPASSWORD`, `~/.pgpass` or a service file.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from abgnn.errors import ConfigError

SCHEMA = "abgnn"
_SCHEMES = ("postgresql", "postgres")
_SEARCH_PATH = re.compile(r"search_path\s*=\s*(\S+)")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")
_SAFE = "a URL without a password: PGPASSWORD, ~/.pgpass or a service file supply it"


def is_url(path: object) -> bool:
    """Whether a recording's path names a PostgreSQL database."""
    return str(path).partition("://")[0].lower() in _SCHEMES and "://" in str(path)


def check_url(url: str) -> None:
    """Refuse what must not, or cannot, stand in a URL; a password is not repeated.

    Raises:
        ConfigError: a password in it, or no URL at all.
    """
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(
            parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)
        )
    except ValueError as e:
        raise ConfigError("recording.path", "postgresql://…", "a URL that can be read") from e
    hidden = parts.password is not None or any("password" in name for name, _ in parameters)
    if hidden:
        raise ConfigError("recording.path", shown(url), _SAFE)
    schema_of(url)


def shown(url: str) -> str:
    """The URL as it may be printed: without password and parameters; a file as it is."""
    if not is_url(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "postgresql://…"
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"{user.partition(':')[0]}{at}{host}", parts.path, "", ""))


def schema_of(url: str) -> str:
    """The schema that holds the tables: `abgnn`, or `?options=-csearch_path=NAME`.

    Raises:
        ConfigError: a name that would have to be quoted.
    """
    options = " ".join(v for k, v in parse_qsl(urlsplit(url).query) if k == "options")
    stated = _SEARCH_PATH.search(unquote(options))
    name = stated.group(1) if stated else SCHEMA
    if not _NAME.fullmatch(name):
        allowed = "one name of small letters, digits and _ as search_path"
        raise ConfigError("recording.path", name, allowed)
    return name
