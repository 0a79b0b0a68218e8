"""Source code from Debian: source packages, and packages that contain sources, fetched with apt and never installed.

Apt does what it is for: it knows the mirrors of the machine's own release and checks signatures and hashes. It works
in a folder of its own (lists, cache and a sources file with `deb-src`), so that it needs no root and leaves the
machine's settings alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from phloem.errors import PhloemError


class Apt:
    """An apt of our own in `folder`. Raises PhloemError where there is no apt, or its mirrors cannot be reached."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("apt-get") is None:
            raise PhloemError("this recipe takes its sources from Debian and needs apt-get (Debian or Ubuntu)")
        self.folder = folder.resolve()
        for name in ("lists/partial", "cache/archives/partial", "parts"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        sources = self.folder / "debian.list"
        sources.write_text(self._own_release())
        self._options = [
            *("-o", f"Dir::Etc::SourceList={sources}", "-o", f"Dir::Etc::SourceParts={self.folder / 'parts'}"),
            *("-o", f"Dir::State::Lists={self.folder / 'lists'}", "-o", f"Dir::Cache={self.folder / 'cache'}"),
            *("-o", "Acquire::Languages=none", "-o", "APT::Sandbox::User=", "-qq"),
        ]
        if not any((self.folder / "lists").glob("*Sources*")):
            self._run(["update"], self.folder)

    def _own_release(self) -> str:
        """The main component of the machine's own release as it was released, without later updates, with sources."""
        fields = "$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)"
        command = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        listed = {tuple(line.split()) for line in done.stdout.splitlines() if line.count(" ") == 3}
        places = sorted(
            f"{address} {release} {component}"
            for address, release, component, origin in listed
            if component == "main" and origin in ("Debian", "Ubuntu") and "-" not in release
        )
        if not places:
            raise PhloemError("apt knows no Debian or Ubuntu repository here: run apt-get update once")
        return "".join(f"{kind} {place}\n" for place in places for kind in ("deb", "deb-src"))

    def _run(self, arguments: list[str], where: Path) -> None:
        done = subprocess.run(
            ["apt-get", *self._options, *arguments],
            cwd=where, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:"))]
            raise PhloemError(f"apt-get {arguments[0]} failed: {told[0] if told else f'exit code {done.returncode}'}")

    def source(self, package: str, cache: Path) -> Path:
        """The upstream tar of a source package, in `cache`; found there if it was fetched before."""
        if (known := _upstream(package, cache)) is not None:
            return known
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as fresh:
            self._run(["source", "--download-only", "--tar-only", package], Path(fresh))
            found = _upstream(package, Path(fresh))
            if found is None:
                raise PhloemError(f"the source package {package} has no upstream tar")
            os.replace(found, cache / found.name)
        return cache / found.name

    def file_of(self, package: str, member: str, target: Path) -> Path:
        """One file out of a binary package, by the end of its path; the package is unpacked, not installed."""
        if target.exists():
            return target
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as fresh:
            self._run(["download", package], Path(fresh))
            package_file = next(Path(fresh).glob("*.deb"))
            unpacker = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package_file], stdout=subprocess.PIPE)
            assert unpacker.stdout is not None
            with unpacker, tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
                for item in archive:
                    content = archive.extractfile(item) if item.isreg() and item.name.endswith(member) else None
                    if content is not None:
                        with (Path(fresh) / "found").open("wb") as out:
                            shutil.copyfileobj(content, out, 1 << 20)
            if not (Path(fresh) / "found").exists():
                raise PhloemError(f"the package {package} holds no {member}")
            if not zipfile.is_zipfile(Path(fresh) / "found"):
                raise PhloemError(f"{member} of {package} is damaged")
            os.replace(Path(fresh) / "found", target)
        return target


def _upstream(package: str, folder: Path) -> Path | None:
    """The largest original tar of a package (others are components), or the tar of a native one."""
    pattern = re.compile(re.escape(package) + r"_[^_]+?(\.orig(-[^.]+)?)?\.tar\.(gz|xz|bz2)")
    found = [file for file in folder.glob(f"{package}_*.tar.*") if pattern.fullmatch(file.name)]
    return max(found, key=lambda file: file.stat().st_size, default=None)
