"""The hub by its real client, against a stand-in: pushed, downloaded, refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError

from abgnn import System
from abgnn.errors import ConfigError, EndpointError
from tests.paths import ROOT
from tests.servers.hub import TOKEN, Hub

PUSH_AND_LOAD = """
import sys
from abgnn import System
with System.from_pretrained(sys.argv[1]) as system:
    plan = system.plan("What is a quark?")
    print(system.push_to_hub("me/quarks", private=True, licence="mit"))
for offline in (False, True):
    with System.from_pretrained("me/quarks", local_files_only=offline) as system:
        print(system.plan("What is a quark?") == plan)
    print("offline from here", file=sys.stderr, flush=True)
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """For the client in this process, whose settings were read when it was imported."""
    with Hub() as made:
        monkeypatch.setattr(constants, "ENDPOINT", made.url)
        template = f"{made.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield made


def test_what_is_pushed_is_loaded_from_the_hub_and_from_its_cache(
    saved: Path, tmp_path: Path
) -> None:
    """In a process of its own, as a user sets HF_ENDPOINT for it."""
    with Hub() as hub:
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path),
            "HF_HUB_DISABLE_XET": "1",  # the stand-in takes LFS uploads
        }
        process = subprocess.run(
            [sys.executable, "-c", PUSH_AND_LOAD, str(saved)],
            env=env, capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr[-3000:]
        url, *same = process.stdout.splitlines()
        repo = hub.repos["me/quarks"]
        assert (url, same) == (f"{hub.url}/me/quarks/commit/{repo.sha}", ["True", "True"])
        assert repo.private
        assert sorted(repo.files) == ["README.md", "config.json", "model.safetensors"]
        assert b"license: mit" in repo.files["README.md"]
        assert repo.files["model.safetensors"] == (saved / "model.safetensors").read_bytes()
        assert any(path.startswith("/lfs/") for _, path in hub.requests)
        asked = [path for method, path in hub.requests if path == "/api/models/me/quarks"]
        assert len(asked) == 1  # the second time nobody


def test_what_a_stranger_has_put_there_is_not_even_downloaded(
    hub: Hub, saved: Path, tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in saved.iterdir()}
    hub.put("evil/pickled", {**files, "pytorch_model.bin": pickle.dumps([])})
    hub.put("evil/large", {**files, "calibration.json": b"{}"})
    hub.put("evil/other", {"README.md": b"# nothing"})
    hub.sizes["calibration.json"] = 2**40
    for repo, words in {
        "evil/pickled": "file: got 'pytorch_model.bin'",
        "evil/large": "bytes of calibration.json: got 1099511627776",
        "evil/other": "a repository that `System.push_to_hub` wrote",
        "evil/missing": "an id of a repository on the hub",
    }.items():
        with pytest.raises(ConfigError, match=words):
            System.from_pretrained(repo, cache_dir=tmp_path)
    assert not [path for _, path in hub.requests if "/resolve/" in path]


def test_links_of_the_hubs_cache_lead_no_further_than_its_repository(
    hub: Hub, saved: Path, tmp_path: Path
) -> None:
    hub.put("me/good", {path.name: path.read_bytes() for path in saved.iterdir()})
    System.from_pretrained("me/good", cache_dir=tmp_path).close()
    [folder] = tmp_path.glob("models--me--good/snapshots/*")
    assert (folder / "config.json").is_symlink()
    System.from_pretrained(folder).close()
    (tmp_path / "elsewhere.json").write_bytes((folder / "config.json").read_bytes())
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ConfigError, match="no link out of the folder"):
        System.from_pretrained(folder)


def test_a_hub_that_refuses_or_is_down(
    hub: Hub, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with System.from_pretrained(saved) as system, pytest.raises(HfHubHTTPError, match="401"):
        system.push_to_hub("me/quarks", token="hf_another")
    assert not hub.repos
    with pytest.raises(ConfigError, match="an id on the hub"):
        System.from_pretrained("me/never", local_files_only=True, cache_dir=tmp_path)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EndpointError, match="me/quarks"):
        System.from_pretrained("me/quarks", cache_dir=tmp_path)
