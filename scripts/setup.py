"""Create the virtual environment and install phloem with the locked versions. Needs only the standard library.

The CPU build of torch is taken where one is offered: from the index that pip is configured with, or from PyTorch's
own when it can be reached. A torch that is already there stays.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def reachable(url: str) -> bool:
    """Whether the index answers within five seconds."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--extras", default="dev", help="of pyproject.toml, by commas")
    ask.add_argument("--cpu-index", default="", help="an index with CPU builds of torch")
    want = ask.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything checked the version
        print(f"phloem needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12")
        return 2
    started = time.monotonic()
    where = want.folder / ("Scripts" if sys.platform == "win32" else "bin")
    python = where / "python"
    if not python.exists():
        print(f"creating {want.folder} ...", flush=True)
        venv.create(want.folder, with_pip=True, symlinks=sys.platform != "win32")
    pip = [str(python), "-m", "pip", "install", "-qq", "-c", str(ROOT / "requirements.lock")]
    has_torch = subprocess.run([str(python), "-c", "import torch"], capture_output=True).returncode == 0
    if not has_torch:
        print("installing torch (CPU build) ...", flush=True)
        index = (
            ["--extra-index-url", want.cpu_index]
            if sys.platform == "linux" and want.cpu_index and reachable(want.cpu_index)
            else []
        )
        subprocess.run([*pip, *index, "torch"], check=True, stderr=None)
    print("installing phloem and what it needs ...", flush=True)
    subprocess.run([*pip, "-e", f"{ROOT}[{want.extras}]"], check=True)
    print(f"ready in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"setup failed: {' '.join(map(str, error.cmd))} (exit {error.returncode})")
