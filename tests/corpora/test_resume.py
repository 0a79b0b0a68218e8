"""Kills, full disks and memory: nothing is lost, nothing half-written."""

import errno
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phloem.corpora import listing, shards
from phloem.corpora.listing import MineSettings
from phloem.corpora.mine import Progress, mine
from phloem.errors import PhloemError
from tests.corpora.samples import WORDS, contents, module, project_tree

DEPTH = MineSettings(project_depth=1)
SLOWLY = """
import sys, time
from phloem.corpora import listing, mine
listing.CHUNK_BYTES = 8000
write = mine.shards.write_part
def slow(*arguments):
    time.sleep(0.15)
    return write(*arguments)
mine.shards.write_part = slow
mine.mine([sys.argv[1]], sys.argv[2], settings=listing.MineSettings(project_depth=1))
"""


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "CHUNK_BYTES", 8000)


def test_a_killed_run_goes_on_to_the_same_content(tmp_path: Path) -> None:
    tree, out = project_tree(tmp_path / "code"), tmp_path / "out"
    mine([str(tree)], tmp_path / "whole", settings=DEPTH)
    run = subprocess.Popen([sys.executable, "-c", SLOWLY, str(tree), str(out)])
    state = out / ".mining" / "chunk-00001.npz"
    deadline = time.monotonic() + 60
    while not state.exists() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert state.exists()
    assert not (out / "corpus.json").exists()
    with pytest.raises(PhloemError, match=r"no corpus\.json"):
        list(shards.read(out, "train"))
    first: list[Progress] = []
    report = mine([str(tree)], out, settings=DEPTH, progress=first.append)
    assert report.resumed
    parsed = [each for each in first if each.stage == "parse"]
    assert 0 < parsed[-1].functions < 6 * 4 * len(WORDS)
    assert contents(out) == contents(tmp_path / "whole")
    ours, theirs = shards.info(out), shards.info(tmp_path / "whole")
    for facts in (ours, theirs):
        for name in ("folder", "seconds", "resumed"):
            del facts["report"][name]
    assert ours == theirs


@pytest.mark.parametrize("failing", [0, 1, 2, 5])
def test_a_full_disk_is_said_and_the_run_goes_on_later(
    tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, out = project_tree(tmp_path / "code"), tmp_path / "out"
    mine([str(tree)], tmp_path / "whole", settings=DEPTH)
    write, calls = shards.pq.write_table, []

    def full(table: object, where: Path, **options: object) -> None:
        calls.append(where)
        if len(calls) > failing:
            Path(where).write_bytes(b"half a part")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(table, where, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shards.pq, "write_table", full)
        with pytest.raises(PhloemError, match="no space left"):
            mine([str(tree)], out, settings=DEPTH)
    assert not list(out.rglob("*.fresh"))
    assert not (out / "corpus.json").exists()
    mine([str(tree)], out, settings=DEPTH)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_disk_that_fills_while_the_state_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, out = project_tree(tmp_path / "code"), tmp_path / "out"
    mine([str(tree)], tmp_path / "whole", settings=DEPTH)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limit[1]))
    try:
        with pytest.raises(PhloemError, match="no space left"):
            mine([str(tree)], out, settings=DEPTH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    mine([str(tree)], out, settings=DEPTH)
    assert contents(out) == contents(tmp_path / "whole")


def test_other_input_does_not_go_on_with_this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, out = project_tree(tmp_path / "code"), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("phloem.corpora.mine._Run._close", lambda self: sys.exit(1))
        with pytest.raises(SystemExit):
            mine([str(tree)], out, settings=DEPTH)
    (tree / "project0" / "more.py").write_text(module(WORDS, 5000))
    with pytest.raises(PhloemError, match="unfinished corpus of other sources"):
        mine([str(tree)], out, settings=DEPTH)


MEASURE = """
import resource, sys
from phloem.corpora.mine import mine
from phloem.corpora.listing import MineSettings
report = mine([sys.argv[1]], sys.argv[2], settings=MineSettings(project_depth=1), workers=2)
own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(sum(report.functions.values()), own, worker)
"""


def measured(tmp_path: Path, megabytes: int) -> tuple[int, int]:
    """(functions, peak memory in KiB of the reading process and two workers) of mining a tree of that size."""
    text = module(WORDS * 12, 0)
    count = megabytes * 1_000_000 // len(text)
    for i in range(count):
        folder = tmp_path / "code" / f"p{i % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{i}.py").write_text(module([f"{word}{i}" for word in WORDS * 12], i))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "code"), str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    functions, own, worker = map(int, done.stdout.split())
    return functions, own + 2 * worker


@pytest.mark.slow
def test_memory_of_200_megabytes_of_code_stays_under_a_gibibyte(tmp_path: Path) -> None:
    functions, peak = measured(tmp_path, 200)
    assert functions > 10_000
    assert peak < 1 << 20


PAUSED = """
import sys
from phloem.corpora import listing, mine
listing.CHUNK_BYTES = 8000
write = mine.shards.write_part
def paused(*arguments):
    print("writing", flush=True)
    sys.stdin.readline()
    return write(*arguments)
mine.shards.write_part = paused
mine.mine([sys.argv[1]], sys.argv[2], settings=listing.MineSettings(project_depth=1))
"""


def test_a_second_run_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    tree, out = project_tree(tmp_path / "code"), tmp_path / "out"
    command = [sys.executable, "-c", PAUSED, str(tree), str(out)]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "writing\n"
    again = [sys.executable, "-m", "phloem", "mine", str(tree), "--out", str(out), "--project-depth", "1"]
    second = subprocess.run(again, capture_output=True, text=True)
    assert second.returncode == 2
    assert second.stderr.splitlines() == [f"phloem: another run is mining into {out}: wait for it or stop it"]
    run.communicate()  # its input ends, and it goes on
    assert run.returncode == 0
    mine([str(tree)], tmp_path / "whole", settings=DEPTH)
    assert contents(out) == contents(tmp_path / "whole")
    assert not (out / ".mining").exists()
