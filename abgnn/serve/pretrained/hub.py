"""The Hugging Face hub: uploads by huggingface_hub's mixin, downloads of a saved system's files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, ModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from abgnn.errors import ConfigError, EndpointError
from abgnn.serve.pretrained.files import CONFIG, MOST_BYTES, check_sizes

_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


@dataclass(frozen=True, slots=True)
class HubOptions:
    """How a repository is downloaded.

    Args:
        revision: a branch, tag or commit; None: the latest commit of `main`.
        token: of the hub; None: the one that `hf auth login` has stored.
        cache_dir: None: the hub's usual cache.
        local_files_only: take what is in the cache and ask nobody.
    """

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    local_files_only: bool = False


class HubSystem(ModelHubMixin):
    """A system as the mixin sees it: something that writes a folder.

    Args:
        write: writes it, card and config included.
    """

    def __init__(self, write: Callable[[Path], None]) -> None:
        self._write = write

    def _save_pretrained(self, save_directory: Path) -> None:
        self._write(save_directory)


def downloaded(repo_id: str, options: HubOptions) -> Path:
    """The folder of a repository's saved system in the hub's cache; other files are left there.

    Raises:
        ConfigError: no id, no such repository, or files that are refused (`check_sizes`).
        EndpointError: the hub cannot be reached, or refuses us.
    """
    if not _ID.fullmatch(repo_id):
        raise ConfigError("source", repo_id, "a folder, or an id on the hub such as name/system")
    try:
        if not options.local_files_only:
            _check_repository(repo_id, options)
        path = snapshot_download(
            repo_id,
            revision=options.revision,
            token=options.token,
            cache_dir=options.cache_dir,
            local_files_only=options.local_files_only,
            allow_patterns=list(MOST_BYTES),
        )
    except (HFValidationError, LocalEntryNotFoundError) as error:
        allowed = f"a folder, or an id on the hub that can be read ({error})"
        raise ConfigError("source", repo_id, allowed) from error
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403, 404):
            allowed = "a folder, or an id of a repository on the hub that this token may read"
            raise ConfigError("source", repo_id, allowed) from error
        raise EndpointError(f"the hub does not serve {repo_id}: {error}") from error
    except (OSError, httpx2.HTTPError) as error:
        raise EndpointError(f"the hub does not serve {repo_id}: {error}") from error
    return Path(path)


def _check_repository(repo_id: str, options: HubOptions) -> None:
    """Check names and sizes before a byte is downloaded; on the disk they are checked again."""
    api = HfApi(token=options.token)
    info = api.model_info(repo_id, revision=options.revision, files_metadata=True)
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    check_sizes(repo_id, sizes)
    if CONFIG not in sizes:
        allowed = f"a repository that `System.push_to_hub` wrote, with {CONFIG}"
        raise ConfigError("source", repo_id, allowed)
