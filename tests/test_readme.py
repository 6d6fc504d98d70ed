"""What the READMEs show is run, what they name exists, and they stay short."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from abgnn.cli.main import main
from abgnn.cli.table import find_command
from tests.paths import CONFIGS, ROOT
from tests.readmes import READMES, blocks, without_recipes

README = ROOT / "README.md"
MOST_LINES = {README: 220}  # of any other: 120
EACH = pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.parent.relative_to(ROOT)))
PATHS = re.compile(r"`((?:abgnn|datamodules|configs|tests|scripts|\.ci)/[\w./-]*)`")
FOLDERS = "|".join(path.name for path in CONFIGS.iterdir() if path.is_dir())
CONFIG = re.compile(rf"\b((?:{FOLDERS})/[\w-]+\.yaml)")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"")
SCRIPT = re.compile(r"\b(scripts/(?:bench/)?\w+)(?![\w./])")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A newcomer's empty folder; modules that are imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abgnn"])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


@EACH
def test_it_is_short(readme: Path) -> None:
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= MOST_LINES.get(readme, 120)


@EACH
def test_what_it_names_exists(readme: Path) -> None:
    """Links and pictures, paths in backticks, packaged configs, scripts."""
    text = without_recipes(readme)
    links = [link for pair in LINK.findall(text) for link in pair if link and "://" not in link]
    missing = [link for link in links if not (readme.parent / link).exists()]
    missing += [path for path in PATHS.findall(text) if not (ROOT / path).exists()]
    missing += [name for name in set(CONFIG.findall(text)) if not (CONFIGS / name).is_file()]
    scripts = [ROOT / name for name in SCRIPT.findall(text)]
    run = [path for path in scripts if not path.is_dir() and path.name != "Dockerfile"]
    missing += [str(path) for path in run if not os.access(path, os.X_OK)]
    assert not missing, missing


def commands() -> set[str]:
    """Those of the README's table."""
    _, table, _ = re.split(r"<!-- /?commands -->", README.read_text(encoding="utf-8"))
    return set(re.findall(r"^\| `abgnn (\w+)", table, re.M))


@EACH
def test_commands_are_in_the_table(readme: Path) -> None:
    text = without_recipes(readme)
    scripts = "\n".join(block.text for block in blocks(readme) if block.language == "sh")
    named = set(re.findall(r"^abgnn (\w+)", scripts, re.M)) | set(re.findall(r"`abgnn (\w+)", text))
    assert named <= commands(), named - commands()


def test_the_table_is_what_the_command_line_offers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    offered = set(re.findall(r"[\w-]+", capsys.readouterr().out))
    assert len(commands()) >= 18
    assert commands() <= offered


@pytest.mark.parametrize("script", ["scripts/quickstart", "scripts/test", "scripts/live"])
def test_how_long_a_script_takes_agrees(script: str) -> None:
    """The README's comment beside a script and the script's own words name the same minutes."""
    lines = README.read_text(encoding="utf-8").splitlines()
    [line] = [text for text in lines if text.startswith(f"{script} ")]
    shown = re.findall(r"\d+ minutes", line)
    assert shown, line
    own = " ".join((ROOT / script).read_text(encoding="utf-8").split())
    assert all(minutes in own for minutes in shown), shown


def carry_out(code: str, name: str, namespace: dict[str, Any]) -> None:
    exec(compile(code, name, "exec"), namespace)


@EACH
def test_examples_run(readme: Path, folder: Path) -> None:
    """In an empty folder, in their order; files of the README are there from the start."""
    shown = [b for b in blocks(readme) if not b.section.startswith("Recipe: ")]
    for block in shown:
        if block.language == "yaml":
            yaml.safe_load(block.text)
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "readme"}
    for block in shown:
        if block.words.startswith("needs "):
            pytest.importorskip(block.words.removeprefix("needs "))
        if block.language == "python" and not block.file and not block.words.startswith("no-run"):
            carry_out(block.text, str(readme.relative_to(ROOT)), namespace)
        if block.language == "sh" and block.words == "run":
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] == "abgnn", line
                assert main(words[1:]) == 0, line


@EACH
def test_what_is_not_run_says_why(readme: Path) -> None:
    unrun = [b.words for b in blocks(readme) if b.language == "python" and "no-run" in b.words]
    assert all(len(words.removeprefix("no-run:").split()) >= 3 for words in unrun), unrun


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("import OpenAI", ("answer)", "'agents'")), ("import Agent", ("USD", "answer)"))],
    ids=["openai", "agents"],
)
def test_the_client_of_the_server_example(
    shown: str, printed: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples that need a running server."""
    pytest.importorskip("starlette")
    if shown == "import Agent":
        pytest.importorskip("agents")
    from abgnn import System
    from tests.serve.http.helpers import served

    [block] = [b for b in blocks(ROOT / "abgnn/serve/README.md") if f" {shown}" in b.text]
    with served(System.load("simulated/general.yaml")) as server:
        code = block.text.replace("http://127.0.0.1:8000/v1", server.url)
        carry_out(code, "abgnn/serve/README.md", {})
    out = capsys.readouterr().out
    assert all(text in out for text in printed)


def test_the_client_of_the_tools_example() -> None:
    """It starts its own server; what a client's file has it start is a command that there is."""
    pytest.importorskip("mcp")
    readme = ROOT / "abgnn/serve/mcp/README.md"
    [block] = [b for b in blocks(readme) if b.language == "python"]
    here = f"env={dict(os.environ)}, command={sys.executable!r}"
    started = f'{here}, args=["-m", "abgnn", '
    code = block.text.replace('command="abgnn", args=[', started)
    assert code != block.text
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "'backbone'" in ran.stdout, ran.stderr
    assert "answer)" in ran.stdout
    [file] = [json.loads(b.text) for b in blocks(readme) if b.language == "json"]
    command = file["mcpServers"]["abgnn"]
    name, *arguments = command["args"]
    assert command["command"] == "abgnn"
    assert find_command(name).parser().read(arguments).max_usd == 0.05
