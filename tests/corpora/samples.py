"""Small source trees for the tests of mining."""

from pathlib import Path


def module(words: list[str], tag: int) -> str:
    """A module with a function for each word; `tag` makes its bodies unlike those of other tags."""
    return "\n\n".join(
        f"def {word}_{tag}(first, second_{tag}):\n"
        f'    """Return the {word}."""\n'
        f"    {word} = first.load_{tag}(second_{tag}, {tag})\n"
        f"    for item_{tag} in {word}.items_{word}():\n"
        f"        {word} += item_{tag}.{word}_of({tag * 7}, {word}.kind_{tag})\n"
        f"    return {word}"
        for word in words
    )


WORDS = ["name", "size", "color", "weight", "path", "owner", "state", "label"]


def project_tree(root: Path, projects: int = 6, files: int = 4) -> Path:
    """`root/project<i>/file<j>.py`, all functions distinct."""
    for i in range(projects):
        (root / f"project{i}").mkdir(parents=True)
        for j in range(files):
            (root / f"project{i}" / f"file{j}.py").write_text(module(WORDS, 100 * i + j))
    return root


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a corpus but the seconds in its description."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "corpus.json":
            found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found
