"""Install the built wheel into a fresh environment outside the repository and use it, models included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = """def frobnicate(items):
    total = 0
    for item in items:
        total += item.price
    return total
"""


def main(folder: Path) -> None:
    wheels = sorted(folder.resolve().glob("phloem-*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        sys.exit(f"no wheel in {folder}: make wheel")
    wheel = wheels[-1]
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        os.environ["PHLOEM_CACHE"] = str(place / "cache")
        venv.create(place / "env", with_pip=True)
        run = place / "env" / "bin"
        lock = str(ROOT / "requirements.lock")
        subprocess.run([run / "pip", "install", "-qq", "-c", lock, "torch", str(wheel)], check=True, cwd=place)
        (place / "sample.py").write_text(SOURCE)
        out = subprocess.run(
            [run / "phloem", "name", "sample.py", "--all", "--format", "json"],
            check=True, cwd=place, capture_output=True, text=True,
        ).stdout  # fmt: skip
        found = json.loads(out)
        if [row["name"] for row in found] != ["frobnicate"] or not found[0]["suggestions"]:
            sys.exit(f"the installed wheel gave {out}")
        code = "import phloem; print(phloem.load('python-names').predict(open('sample.py').read())[0].suggestions[0])"
        subprocess.run([run / "python", "-c", code], check=True, cwd=place)
        pairs = ["--example", "Ada Lovelace", "A. Lovelace", "--example", "Alan Turing", "A. Turing"]
        answer = subprocess.run(
            [run / "phloem", "synth", *pairs, "--json"], check=True, cwd=place, capture_output=True, text=True
        ).stdout
        if not json.loads(answer)["solved"]:
            sys.exit(f"the installed wheel gave {answer}")
        (place / "swapped.py").write_text("def contains(items, key):\n    return items in key\n")
        answer = subprocess.run(
            [run / "phloem", "review", "swapped.py", "--threshold", "0", "--format", "json"],
            check=True, cwd=place, capture_output=True, text=True,
        ).stdout  # fmt: skip
        if not any(row["check"] == "swapped-operands" for row in json.loads(answer)):
            sys.exit(f"the installed wheel reviewed {answer}")
        without = subprocess.run([run / "phloem", "search", "add prices"], cwd=place, capture_output=True, text=True)
        if without.returncode != 2 or "phloem[search]" not in without.stderr:
            sys.exit(f"without the extra, search said {without.stderr}")
        subprocess.run([run / "pip", "install", "-qq", "-c", lock, f"{wheel}[search]"], check=True, cwd=place)
        found = subprocess.run(
            [run / "phloem", "search", "add prices", "--json"], check=True, cwd=place, capture_output=True, text=True
        ).stdout
        if [row["name"] for row in json.loads(found)][:1] != ["frobnicate"]:
            sys.exit(f"the installed wheel found {found}")
        subprocess.run([run / "phloem", "doctor"], check=True, cwd=place)
    print("the wheel works outside the repository")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))
