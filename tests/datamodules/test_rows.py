"""Local files: every layout is read, and what is wrong is named by file and line."""

import gzip
import json
from pathlib import Path

import pytest

from abgnn.errors import ConfigError
from datamodules.rows import Row, local_rows


def rows(path: Path, split: str = "test", columns: tuple[str, ...] | None = None) -> list[Row]:
    return list(local_rows(str(path), split, columns))


def test_jsonl_names_lines_and_skips_blank_ones(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text('\ufeff{"a": 1}\n\n{"a": "x\u2028y"}\r\n', encoding="utf-8")
    first, second = rows(file)
    assert (first.where, first.part, first.name) == (f"{file}:1", "some", "some/0")
    assert (second.where, second.name) == (f"{file}:3", "some/1")
    assert second.fields == {"a": "x\u2028y"}
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert [r.fields for r in rows(packed)] == [first.fields, second.fields]
    assert rows(packed)[1].name == "packed/1"


def test_json_is_one_row_or_a_list(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('[{"a": 1}, {"a": 2}]')
    (tmp_path / "one.json").write_text('{"a": 3}')
    assert [(r.name, r.fields["a"]) for r in rows(tmp_path / "list.json")] == [
        ("list/0", 1),
        ("list/1", 2),
    ]
    assert [(r.name, r.fields["a"]) for r in rows(tmp_path / "one.json")] == [("one", 3)]


def test_csv_with_and_without_a_header(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('a,b\n"1, and\nmore",2\n3,4\n')
    assert [r.fields for r in rows(file)] == [{"a": "1, and\nmore", "b": "2"}, {"a": "3", "b": "4"}]
    plain = rows(file, columns=("p", "q"))
    assert [r.fields["p"] for r in plain] == ["a", "1, and\nmore", "3"]
    assert [r.where for r in plain] == [f"{file}:{line}" for line in (1, 3, 4)]


@pytest.mark.parametrize("split", ["test", "train"])
def test_a_folder_is_read_by_split(tmp_path: Path, split: str) -> None:
    for name in ("train", "test"):
        (tmp_path / name / "algebra").mkdir(parents=True)
        (tmp_path / name / "algebra" / "7.json").write_text(json.dumps({"a": name}))
    assert [(r.name, r.fields["a"]) for r in rows(tmp_path, split)] == [("algebra/7", split)]
    assert [r.fields["a"] for r in rows(tmp_path / "test", "train")] == ["test"]
    (tmp_path / "lines").mkdir()
    for name in ("train", "test"):
        (tmp_path / "lines" / f"{name}.jsonl").write_text(json.dumps({"a": name}))
    assert [r.fields["a"] for r in rows(tmp_path / "lines", split)] == [split]


@pytest.mark.parametrize(
    ("name", "content", "where", "allowed"),
    [
        ("a.jsonl", b"", "a.jsonl", "at least one row"),
        ("a.jsonl", b"\n \n", "a.jsonl", "at least one row"),
        ("a.json", b"", "a.json", "at least one row"),
        ("a.json", b"[]", "a.json", "at least one row"),
        ("a.csv", b"", "a.csv", "at least one row"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "a.jsonl:2", "JSON"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "a.jsonl:2", "a JSON object"),
        ("a.json", b'{"a": 1,\n"b" 2}', "a.json:2", "JSON"),
        ("a.json", b"[1]", "a.json[0]", "a JSON object"),
        ("a.csv", b"a,b\n1\n", "a.csv:2", "2 columns: a, b"),
        ("a.csv", b'a,b\n"1,2\n', "a.csv:2", "CSV"),
        ("a.jsonl", b'{"a": "\xff"}', "a.jsonl", "UTF-8"),
        ("a.jsonl.gz", b"no gzip", "a.jsonl.gz", "a readable file"),
        ("a.txt", b"{}", "path", "ends in .jsonl"),
    ],
)
def test_faulty_files(tmp_path: Path, name: str, content: bytes, where: str, allowed: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as error:
        rows(tmp_path / name)
    assert error.value.field.endswith(where)
    assert allowed in error.value.allowed


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="an existing file or folder"):
        rows(tmp_path / "none")
    with pytest.raises(ConfigError, match="a folder with files in"):
        rows(tmp_path)


def test_columns_are_asked_for_by_name() -> None:
    row = Row("f.jsonl:3", "f", "f/2", {"a": "x", "n": 4, "empty": " ", "none": None, "l": []})
    assert (row.text("a"), row.text("b", "a"), row.text("n")) == ("x", "x", "4")
    with pytest.raises(ConfigError, match=r"f.jsonl:3: columns.*`b` or `c`"):
        row.text("b", "c")
    for column in ("empty", "none", "l"):
        with pytest.raises(ConfigError, match=f"f.jsonl:3: {column}"):
            row.text(column)
