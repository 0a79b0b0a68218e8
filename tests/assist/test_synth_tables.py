"""Tables are read as people keep them and written back as they were, but for the filled column."""

from __future__ import annotations

import codecs
import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.synth.delimited import looks_like_header, sniff_delimiter, split, unquote
from phloem.assist.synth.graphemes import Folding, has_clusters
from phloem.assist.synth.questions import question_of_pairs, question_of_table
from phloem.assist.synth.tables import Table, read_table, table_of, write_file
from phloem.errors import PhloemError

cell = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"]), max_size=10)


def csv_table(text: str, name: str = "x.csv", header: bool | None = None) -> Table:
    return table_of(text.encode(), name, header=header)


@given(st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from([",", "\t", ";", "|"]))
def test_cells_are_those_of_the_csv_module(rows: list[list[str]], delimiter: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    text = buffer.getvalue()
    records = split(text, delimiter)
    assert [[unquote(field) for field in fields] for fields, _ in records] == list(
        csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    )
    assert "".join(delimiter.join(fields) + end for fields, end in records) == text


@given(st.text(st.sampled_from('a,"\n\r;'), max_size=30))
def test_any_text_splits_into_itself(text: str) -> None:
    assert "".join(",".join(fields) + end for fields, end in split(text, ",")) == text


@pytest.mark.parametrize(
    "text",
    [
        'name,out\r\n"Ada, L.",A\r\nAlan,\r\n',
        "name;out\nAda;A\nAlan;\n\n",
        "name\tout\nAda\tA\nAlan\t",
        'name,out\n"Ada","A"\n"Al""an",""\n',
        "\ufeffname|out|more\nAda|A|x\nAlan||y\n",
        'name,out\n"two\nlines",A\nAlan,\n',
    ],
)
def test_filling_changes_nothing_else(text: str) -> None:
    table = csv_table(text)
    assert table.names[:2] == ("name", "out")
    same = table.source.filled("out", 1, [None, None]).decode()
    assert same == text
    filled = table.source.filled("out", 1, [None, 'B,"C"']).decode()
    again = csv_table(filled)
    assert [row[0] for row in again.rows] == [row[0] for row in table.rows]
    assert [row[1] for row in again.rows] == [table.rows[0][1], 'B,"C"']
    assert filled.split("\n")[0] == text.split("\n")[0]


def test_a_new_column_stands_last() -> None:
    table = csv_table('name,size\n"Ada",1\n\n"Alan",2\n', header=True)
    assert table.source.filled("out", None, ["A", None]).decode() == 'name,size,out\n"Ada",1,"A"\n\n"Alan",2,\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_encodings_are_found_and_kept(encoding: str) -> None:
    data = "name,größe\nZoë,1\nRené,\n".encode(encoding)
    table = table_of(data, "x.csv")
    assert [row[0] for row in table.rows] == ["Zoë", "René"]
    filled = table.source.filled("größe", 1, [None, "é"])
    if encoding == "utf-16":
        assert filled.startswith(codecs.BOM_UTF16_LE)
    assert filled.decode(encoding) == "name,größe\nZoë,1\nRené,é\n"


def test_a_character_that_the_encoding_lacks_is_told() -> None:
    table = table_of("name,out\nRené,\n".encode("latin-1"), "old.csv")
    with pytest.raises(PhloemError, match=r"old\.csv is in cp1252, which has no '→'"):
        table.source.filled("out", 1, ["→"])


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n3,5;4\n", ";"),
        ("a\tb\nx, y\tz\n", "\t"),
        ("a|b\nx|y\n", "|"),
        ("a\nb\n", ","),
        ('"x;y;z",1\n"u;v;w",2\n', ","),
    ],
)
def test_delimiters_are_found(text: str, delimiter: str) -> None:
    assert sniff_delimiter(text) == delimiter


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["name", "initials"], ["Ada Lovelace", "A.L."], ["Alan Turing", ""]], True),
        ([["Name", "Phone"], ["Ada", "555-123"], ["Alan", "555-124"]], True),
        ([["Ada Lovelace", "A.L."], ["Alan Turing", "A.T."], ["Grace Hopper", ""]], False),
        ([["555-1234", "5551234"], ["555-9999", ""]], False),
        ([["a@b.c", "a"], ["d@e.f", ""]], False),
        ([["name", ""], ["Ada", "x"]], False),
        ([["input", "output"], ["x", "y"], ["z", ""]], True),
    ],
)
def test_headers_are_told_by_their_looks(rows: list[list[str]], header: bool) -> None:
    assert looks_like_header(rows) is header


def test_json_objects_and_arrays_keep_their_kind() -> None:
    objects = table_of(b'[{"a": "x", "n": 1}, {"a": "y", "n": null}]', "x.json")
    assert objects.names == ("a", "n")
    assert objects.rows == [["x", "1"], ["y", ""]]
    assert json.loads(objects.source.filled("n", 1, [None, "2"])) == [{"a": "x", "n": 1}, {"a": "y", "n": 2}]
    arrays = table_of(b'[["x", "1"], ["y"]]', "x.json")
    assert json.loads(arrays.source.filled("B", 1, [None, "2"])) == [["x", "1"], ["y", "2"]]
    lines = table_of(b'{"a": "x", "b": "1"}\n{"a": "\xc3\xa9"}\n', "x.jsonl")
    assert lines.lines == [1, 2]
    assert lines.source.filled("b", 1, [None, "ö"]).decode() == '{"a": "x", "b": "1"}\n{"a": "é", "b": "ö"}\n'


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "x.csv", "empty"),
        (b"  \n\n", "x.csv", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 20, "x.csv", "binary"),
        (bytes(range(256)) * 20, "x.csv", "binary"),
        (b"[]", "x.json", "no rows"),
        (b"[1, 2]", "x.json", "objects or all arrays"),
        (b'[{"a": {"b": 1}}]', "x.json", "holds an object"),
        (b'{"a": 1}\n{"a": \n', "x.jsonl", "x.jsonl:2: not JSON"),
        (b"[" * 100_000, "x.json", "nested too deep|not JSON"),
        (b"a,b\n", "x.xlsx", "not an Excel workbook"),
        (b"PK\x03\x04nonsense", "x.xlsx", "not a workbook"),
    ],
)
def test_what_is_no_table_is_told(data: bytes, name: str, message: str) -> None:
    with pytest.raises(PhloemError, match=message):
        table_of(data, name)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(PhloemError, match="a folder"):
        read_table(tmp_path)


def workbook(tmp_path: Path) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    book.active.title = "notes"
    sheet = book.create_sheet("data")
    rows = [("name", "size", "out"), ("Ada", 5.0, "A5"), ("Alan", 7, None), ("Grace", 7.5, None)]
    for i, row in enumerate(rows, 3):
        for j, value in enumerate(row, 2):
            sheet.cell(i, j).value = value
    sheet["B3"].font = Font(bold=True)
    sheet["G1"] = None
    sheet["B9"].number_format = "0.00"
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path


def test_workbooks_keep_their_formats(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    import openpyxl

    table = read_table(path)
    assert table.names == ("name", "size", "out")
    assert table.rows == [["Ada", "5", "A5"], ["Alan", "7", ""], ["Grace", "7.5", ""]]
    assert table.lines == [4, 5, 6]
    assert table.references((0, 1)) == ["B4", "C4"]
    path.write_bytes(table.source.filled("out", 2, [None, "A7", "=G7"]))
    sheet = openpyxl.load_workbook(path)["data"]
    assert [sheet.cell(i, 4).value for i in range(3, 7)] == ["out", "A5", "A7", "=G7"]
    assert sheet["D6"].data_type == "s"
    assert sheet["B3"].font.bold
    assert sheet["B9"].number_format == "0.00"
    assert sheet["C4"].value == 5


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (3 << 20))
    monkeypatch.setattr("phloem.assist.synth.workbooks.LARGEST_UNPACKED", 1 << 20)
    with pytest.raises(PhloemError, match="unpacks to more"):
        read_table(path)


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(PhloemError, match=r"pip install 'phloem\[tables\]'"):
        read_table(path)


def test_the_column_to_fill() -> None:
    table = csv_table("a,b,c,d\n1x,p,,z\n2x,,q,z\n3x,,,z\n")
    assert question_of_table(table)[1].output == 2
    assert question_of_table(table)[0].names == ("a", "b", "d")
    assert question_of_table(table, "b")[1].output == 1
    assert question_of_table(table, "B", ["a"])[0].outputs == ("p",)
    assert question_of_table(table, "3")[1].output == 2
    full = csv_table("a,b\nx1,p1\nx2,p2\n")
    assert question_of_table(full)[1].output == 1


def test_questions_that_cannot_be_answered_are_told() -> None:
    for text, output, message in [
        ("a\nx\ny\n", None, "no output column"),
        ("a,b\nx1,\ny2,\n", "b", "no examples"),
        ("a,b\nx1,p\n", "c", "no column 'c'; there are 'a', 'b'"),
        ("a,b\n,p\n,q\n", "b", "no input column"),
    ]:
        with pytest.raises(PhloemError, match=message):
            question_of_table(csv_table(text, header=True), output)
    with pytest.raises(PhloemError, match="cannot be input and output"):
        question_of_table(csv_table("a,b\nx1,p\n", header=True), "b", ["b"])
    with pytest.raises(PhloemError, match="example 2 has 2 inputs"):
        question_of_pairs([(("a",), "b"), (("a", "b"), "c")])


def test_short_rows_are_filled_up_and_long_ones_named() -> None:
    table = csv_table("name,out\nAda,A\nAlan\nGrace,G,oops,more\n")
    assert table.rows == [["Ada", "A"], ["Alan", ""], ["Grace", "G"]]
    assert table.ragged == (4,)
    filled = table.source.filled("out", 1, [None, "B", None]).decode()
    assert filled == "name,out\nAda,A\nAlan,B\nGrace,G,oops,more\n"


@given(st.lists(st.sampled_from(["👩‍👩‍👧", "🇩🇪", "e\u0301", "a", "é", "👍🏽", "한", " "]), max_size=8))
def test_characters_fold_to_one_each_and_unfold(characters: list[str]) -> None:
    folding = Folding()
    text = "".join(characters)
    folded = folding.fold(text)
    assert len(folded) == len(characters)
    assert folding.unfold(folded) == text or "é" in characters  # composed and decomposed may meet in one table
    assert has_clusters([text]) == any(len(each) > 1 for each in characters)


def test_clusters_are_those_of_the_standard() -> None:
    regex = pytest.importorskip("regex")
    import re

    from phloem.assist.synth.graphemes import CLUSTER

    one = re.compile(f"{CLUSTER}|.", re.DOTALL)
    for text in [
        "👩‍👩‍👧x",
        "🇩🇪🇫🇷",
        "Zoe\u0308",
        "❤️ok",
        "👍🏽",
        "각",
        "🏴\U000e0067\U000e007f",
        "1️⃣2",
        "👨‍🚀👩🏾‍🚒",
        "नमते",
        "ด้",
    ]:
        assert [match[0] for match in one.finditer(text)] == regex.findall(r"\X", text)


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("before")
    path.chmod(0o640)
    write_file(path, b"after")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["x.csv"]
    with pytest.raises(PhloemError, match="No such file"):
        write_file(tmp_path / "none" / "x.csv", b"")
