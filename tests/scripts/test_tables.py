"""Tables of READMEs are made from files that say what made them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evidence.markdown import markdown_table
from evidence.paper import table1
from evidence.printed import PRINTED, printed_names, read_printed
from evidence.readmes import fill, filled, places, readmes, stale, table
from evidence.registry import TABLES
from evidence.study_tables import PRINTED as ON_PAGE
from evidence.study_tables import parts_there
from evidence.tables import main
from evidence.versions import BEFORE, versions_table
from markdown_it import MarkdownIt

from abgnn.errors import ConfigError
from tests.paths import ROOT
from tests.readmes import READMES

TABLE = """# command: scripts/bench/policy
# source: measured
# commit: 0123abc
# date: 2026-11-29
# align: l r
ours | theirs,ms
a,1.5
b,
"""
SHOWN = r"""| ours \| theirs | ms |
|---|--:|
| a | 1.5 |
| b | |"""
MEASURED = re.compile(r"\d\.\d|± ?\d|(?<!\w)\.\d")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A README with one table, filled from a folder of its own."""
    (tmp_path / "policy.csv").write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr("evidence.readmes.PRINTED", tmp_path)
    text = "# Policy\nMeasured:\n<!-- table policy -->\nold\n<!-- /table -->\nThat is all.\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    return tmp_path


def test_all_tables_are_up_to_date() -> None:
    assert not stale(), "run scripts/bench/tables"


def test_every_readme_is_looked_at() -> None:
    assert sorted(readmes()) == READMES


def test_every_file_is_shown_and_a_table_has_one_source() -> None:
    shown = [name for path in READMES for name, _ in places(path.read_text(encoding="utf-8"))]
    assert len(shown) == len(set(shown))
    page = {name for names in ON_PAGE.values() for name in names}
    assert set(printed_names()) <= {*shown, *page}, "files that neither READMEs nor tables.md show"
    assert page <= set(printed_names())
    assert not set(printed_names()) & set(TABLES), "files beside functions that render the same"


def test_a_table_is_filled_and_then_up_to_date(project: Path) -> None:
    assert stale(project) == ["README.md: policy"]
    assert fill(project) == ["README.md: policy"]
    text = (project / "README.md").read_text(encoding="utf-8")
    assert f"Measured:\n<!-- table policy -->\n{SHOWN}\n<!-- /table -->\nThat is all.\n" in text
    assert not stale(project)


@pytest.mark.parametrize("cell", ["1.6", "1.50"])
def test_a_cell_that_was_edited_by_hand_is_stale(project: Path, cell: str) -> None:
    fill(project)
    readme = project / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace("1.5", cell), encoding="utf-8")
    assert stale(project) == ["README.md: policy"]


def test_a_renderer_goes_before_a_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "policy", lambda: markdown_table(["a"], [["1"]], ["r"]))
    assert table("policy") == "| a |\n|--:|\n| 1 |"


def test_check_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "README.md").read_text(encoding="utf-8")
    assert main(["--check"], project) == 1
    assert capsys.readouterr().out == "stale: README.md: policy\n"
    assert (project / "README.md").read_text(encoding="utf-8") == before
    assert main([], project) == 0
    assert main(["--check"], project) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table nowhere -->\n<!-- /table -->\n", "got 'nowhere'; allowed: "),
        ("<!-- table policy -->\n| a |\n", "1 opened, 0 closed"),
        ("<!-- /table -->\n", "0 opened, 1 closed"),
        ("text <!-- table policy -->\n<!-- /table -->\n", "lines that hold nothing else"),
    ],
)
def test_wrong_markers_are_refused(project: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        filled(text)


@pytest.mark.parametrize("key", ["command", "source", "commit", "date", "align"])
def test_a_file_without_a_stamp_is_refused(project: Path, key: str) -> None:
    path = project / "policy.csv"
    path.write_text(re.sub(rf"# {key}: .*\n", "", TABLE), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"policy.csv: {key}"):
        read_printed(path)


def test_wrong_stamps_and_rows_are_refused(project: Path) -> None:
    path = project / "policy.csv"
    path.write_text(TABLE.replace("source: measured", "source: guessed"), encoding="utf-8")
    with pytest.raises(ConfigError, match="'guessed'; allowed: simulated"):
        read_printed(path)
    with pytest.raises(ConfigError, match="2 cells"):
        markdown_table(["a", "b"], [["1"]], ["l", "r"])
    with pytest.raises(ConfigError, match="align"):
        markdown_table(["a", "b"], [], ["l"])


def test_what_0_1_0_printed_stands_beside_what_there_is_now() -> None:
    """Means of the figures at budgets of USD, those of the stored tables."""

    def rows(text: str) -> dict[str, list[str]]:
        cells = [line.strip("| ").split(" | ") for line in text.replace(r"\|", "/").splitlines()]
        return {row[0]: row[1:] for row in cells[2:]}

    def mean(cell: str) -> float:
        return sum(map(float, cell.split("/")[0].replace("*", "").split())) / 4

    alone = rows(versions_table({}))
    before = rows(read_printed(PRINTED / f"{BEFORE}.csv").markdown())
    for line in (alone["AgentBalance"], rows(versions_table(parts_there()))["AgentBalance"]):
        for cell, printed in zip(line, before["AgentBalance"][1:], strict=True):
            assert float(cell.split(" → ")[0]) == pytest.approx(mean(printed), abs=0.051)
    assert set(alone["planner"][0].split(" → ")[1:]) == {"–"}
    parts = {name: part for name, part in parts_there().items() if name == "table1-general"}
    if parts:
        then, here, now = rows(versions_table(parts))["AgentPrune"][0].split(" → ")
        assert (here, float(then)) == ("–", pytest.approx(82.8))
        assert float(now) == pytest.approx(mean(rows(table1(parts))["AgentPrune"][1]), abs=0.11)


@pytest.mark.parametrize("name", printed_names())
def test_stamps_say_what_made_a_table(name: str) -> None:
    printed = read_printed(PRINTED / f"{name}.csv")
    assert re.fullmatch(r"[0-9a-f]{7,40}", printed.stamps["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", printed.stamps["date"])
    assert printed.stamps["source"] != "simulated" or "world" in printed.stamps


@pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.parent.relative_to(ROOT)))
def test_no_measured_table_is_written_by_hand_and_all_are_rendered(readme: Path) -> None:
    """As CommonMark with tables: a marker neither hides its table nor ends up inside it."""
    text = readme.read_text(encoding="utf-8")
    generated = list(places(text))
    lines, bodies = text.splitlines(), []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open" and token.map:
            first, last = token.map
            body = "\n".join(lines[first:last])
            bodies.append(body)
            marked = lines[first - 1].startswith("<!-- table ")
            assert marked or not MEASURED.search(body), f"{readme}: a table by hand\n{body}"
    assert all(body in bodies for _, body in generated)
