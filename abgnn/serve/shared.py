"""`SharedSystem`: saving a system to a folder or the Hugging Face hub, and loading it again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from abgnn.serve.policy_source import PolicySource
from abgnn.serve.query_budget import QueryBudget
from abgnn.serve.sources import Bounds, load_any

S = TypeVar("S", bound="SharedSystem")


class SharedSystem(ABC):
    """What `System` has beside answering questions: folders of JSON and safetensors.

    Attributes:
        source: what it was made from.
        point: λ_tok and λ_lat of a policy for all budgets where a question states none, or None.
    """

    source: PolicySource
    point: tuple[float, float] | None

    @abstractmethod
    def __init__(
        self, source: PolicySource, budget: QueryBudget | None = None, bounds: Bounds | None = None
    ) -> None: ...

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        certificate: str | Path | None = None,
        licence: str | None = None,
    ) -> None:
        """Write the system as a folder that `from_pretrained` reads anywhere.

        It holds catalogue, roles, settings, weights, plan and calibration (with the texts of its
        questions), and a model card; no key, no recording, no budget or bounds of this object.

        Args:
            folder: made if need be; a system in it is replaced.
            certificate: a file that `abgnn certify --out` wrote, to go with it.
            licence: for the card's front matter, for example `mit`.

        Raises:
            ConfigError: made from objects in Python, which have no config; what holds a key; or
                parts that only this machine has, such as recorded answers or a local encoder.
        """
        from abgnn.serve.pretrained.write import SaveOptions, write_folder

        write_folder(self.source, Path(folder), SaveOptions(certificate, licence, self.point))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        certificate: str | Path | None = None,
        licence: str | None = None,
        **options: Any,
    ) -> str:
        """Upload what `save_pretrained` writes; returns the address of the commit.

        Args:
            repo_id: for example `name/system`; made if need be, public unless `private=True`.
            certificate, licence: see `save_pretrained`.
            options: `private`, `token`, `branch`, `commit_message`, `create_pr`: see
                `huggingface_hub.ModelHubMixin.push_to_hub`.
        """
        from abgnn.serve.pretrained.hub import HubSystem

        def write(folder: Path) -> None:
            self.save_pretrained(folder, certificate=certificate, licence=licence)

        return HubSystem(write).push_to_hub(repo_id, **options)

    @classmethod
    def from_pretrained(
        cls: type[S],
        source: str | Path,
        *,
        trust: Sequence[str] = (),
        endpoints: str | None = None,
        trust_endpoints: bool = False,
        cost_usd: float | None = None,
        latency_s: float | None = None,
        bounds: Bounds | None = None,
        device: str | None = None,
        **download: Any,
    ) -> S:
        """A system from a folder of `save_pretrained`, or from the hub; no code in it is executed.

        What a folder says is a stranger's word: it may name classes of abgnn only, and calls no
        address and shows no key to anyone until the user has said so.

        Args:
            source: a folder, or an id on the hub.
            trust: modules (and text encoders) beside abgnn's that it may load, after reading them.
            endpoints: a catalogue of your own with the same LLMs: where calls go, at its prices.
            trust_endpoints: call the addresses in the folder, with keys from the variables there.
            cost_usd, latency_s, bounds, device: as for `load`.
            download: `revision`, `token`, `cache_dir`, `local_files_only` for the hub.

        Raises:
            TypeError: another argument, such as a budget whose name is misspelt.
            ConfigError: see above; no saved system, or one with files that are refused.
            EndpointError: the hub, or an endpoint, cannot be used.
        """
        from abgnn.serve.pretrained.consent import Consent

        modules = (trust,) if isinstance(trust, str) else tuple(trust)
        consent = Consent(modules, endpoints, trust_endpoints)
        folder = Path(source)
        if download or not folder.is_dir():
            from abgnn.serve.pretrained.hub import HubOptions, downloaded

            options = HubOptions(**download)
            folder = folder if folder.is_dir() else downloaded(str(source), options)
        made = load_any(folder, None, None, device, consent)
        return cls(made, QueryBudget(cost_usd, latency_s), bounds)
