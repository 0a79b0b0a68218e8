"""`phloem programl`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("llvmlite")

from phloem.cli.app import app

IR = """
define i32 @twice(i32 %x) {
  %y = call i32 @other(i32 %x, i32 2)
  ret i32 %y
}
declare i32 @other(i32, i32)
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "module.ll"
    file.write_text(IR)
    return file


def test_the_counts_of_a_module(module: Path) -> None:
    done = CliRunner().invoke(app, ["programl", str(module)])
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "vertices 4 instruction, 2 variable, 1 constant",
        "edges    1 control, 4 data, 6 call",
        "  twice: 2 instructions, 2 variables",
        "  other: not defined here",
    ]


def test_json_and_dot(module: Path) -> None:
    told = json.loads(CliRunner().invoke(app, ["programl", str(module), "--format", "json"]).output)
    assert [node["key"] for node in told["nodes"]][:3] == ["[external]", "call", "ret"]
    assert {link["flow"] for link in told["links"]} == {"control", "data", "call"}
    dot = CliRunner().invoke(app, ["programl", str(module), "--format", "dot"]).output
    assert dot.startswith("digraph program {")


def test_c_is_compiled_with_the_headers_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    (tmp_path / "own.h").write_text("int other(int);\n")
    (tmp_path / "unit.c").write_text('#include "own.h"\nint twice(int x) { return other(x) * 2; }\n')
    done = CliRunner().invoke(app, ["programl", str(tmp_path / "unit.c")])
    assert done.exit_code == 0
    assert "  other: not defined here" in done.output


def test_what_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "bad.ll").write_text("define i32 @f( {")
    (tmp_path / "file.py").write_text("")
    for name, told in (
        ("bad.ll", "does not read this IR"),
        ("file.py", "give C (.c) or textual LLVM IR (.ll)"),
        ("none.ll", "cannot be read"),
    ):
        done = CliRunner().invoke(app, ["programl", str(tmp_path / name)])
        assert done.exit_code == 2
        assert told in done.output
        assert len(done.output.strip().splitlines()) == 1
    (tmp_path / "large.ll").write_text(IR)
    done = CliRunner().invoke(app, ["programl", str(tmp_path / "large.ll"), "--max-file-size", "10"])
    assert done.exit_code == 2
