"""`Consent`: what the user allows a saved folder to do; addresses in it are a stranger's data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.rollout.clients.base import Client

_SHOWN = 8
_ENDPOINTS = "endpoints (--endpoints)"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a saved folder may do beside what every one may; nothing by default.

    Args:
        modules: modules whose classes it may import (`my_layers`, with all below it), and text
            encoders that it may load beside `offline` and those of `sentence-transformers`.
        endpoints: a catalogue of your own that has the folder's LLMs by their names: calls go
            where it says, with its keys, and are billed at its prices; plans stay as they were.
        trust_endpoints: call the addresses in the folder, with keys from the variables it names.
    """

    modules: tuple[str, ...] = ()
    endpoints: str | None = None
    trust_endpoints: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.modules, str) or not all(isinstance(m, str) for m in self.modules):
            raise ConfigError("trust", self.modules, "a tuple of names, such as ('my_layers',)")
        if self.endpoints is not None and self.trust_endpoints:
            raise ConfigError("trust_endpoints", True, f"False beside endpoints={self.endpoints!r}")

    def none_for(self, source: str, kind: str) -> None:
        """
        Raises:
            ConfigError: something is allowed to a source that needs no leave.
        """
        stated = (
            ("trust (--trust)", self.modules),
            (_ENDPOINTS, self.endpoints),
            ("trust_endpoints (--trust-endpoints)", self.trust_endpoints),
        )
        for field, value in stated:
            if value:
                allowed = f"nothing for {source}, a {kind}, which is yours: it is for saved folders"
                raise ConfigError(field, value, allowed)

    def catalogue(self, saved: Catalogue, client: Client) -> Catalogue:
        """The backbones to call.

        Raises:
            ConfigError: calls would go to addresses that nobody has confirmed, or the user's own
                catalogue lacks a backbone.
        """
        if self.endpoints is not None:
            own = Catalogue.from_yaml(self.endpoints, _ENDPOINTS)
            lacking = [name for name in saved.names if name not in own]
            if lacking:
                allowed = f"a catalogue with the folder's LLMs; {', '.join(lacking)} not among "
                allowed += ", ".join(own.names)
                raise ConfigError(_ENDPOINTS, self.endpoints, allowed)
            chosen = [own[name] for name in saved.names]
            kept = {b.name for b in chosen}
            able = (b if b.fallback in kept else replace(b, fallback=None) for b in chosen)
            return Catalogue(tuple(able), own.priced)
        asked = addresses(saved, client)
        if asked and not self.trust_endpoints:
            more = [f"and {len(asked) - _SHOWN} more"] if len(asked) > _SHOWN else []
            allowed = "trust_endpoints=True (--trust-endpoints) once you have read these addresses "
            allowed += "and variables: questions and keys are sent there; or endpoints="
            allowed += " (--endpoints) with a catalogue of your own that has the same names"
            raise ConfigError("endpoints of the saved folder", [*asked[:_SHOWN], *more], allowed)
        return saved


NO_CONSENT = Consent()


def addresses(catalogue: Catalogue, client: Client) -> list[str]:
    """Where the client's calls would go, and which variables' keys with them; each once."""
    from abgnn.rollout.clients.local import LocalClient  # late: they load SDKs
    from abgnn.rollout.clients.simulated import SimulatedClient

    if isinstance(client, SimulatedClient):
        return []
    own = isinstance(client, LocalClient)  # without an address it starts a server of its own
    told: list[str] = []
    for b in catalogue:
        if own and b.base_url is None and b.api_key_env is None:
            continue
        key = f"the key in {b.api_key_env}" if b.api_key_env else "no key"
        told.append(f"{b.base_url or 'the address in OPENAI_BASE_URL, or OpenAI'}: {key}")
    return list(dict.fromkeys(told))
