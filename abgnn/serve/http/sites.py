"""Pages of other sites, which a browser may show on this machine: they spend no money here."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from abgnn.serve.http.request import ApiError


def refuse_other_sites(headers: Mapping[str, str], *, keyless: bool) -> None:
    """Refuse what a page of another site makes a browser send.

    Such a page can also give its own name this machine's address (DNS rebinding); a browser then
    takes the two for one site, but names the other one as the host. Whoever must show a key is not
    asked for that, since a page does not know it.

    Raises:
        ApiError: the browser says that the request comes from another site; or no key is needed
            and the request names another machine.
    """
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise ApiError(403, "pages of other sites may not ask here", "cross_site")
    host = headers.get("host")
    if keyless and host is not None and not is_this_machine(_name_of(host)):
        message = "without a key (--key-env) only 127.0.0.1 and localhost may be asked"
        raise ApiError(403, message, "other_host")


def is_this_machine(name: str) -> bool:
    """Whether a name or address can only be this machine's own."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _name_of(host: str) -> str:
    """Of a `Host` header: without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
