"""The licence of a project, where its files say it plainly, as an SPDX identifier.

Package metadata comes first (`License-Expression`, PEP 639; then the licence classifiers; then a short `License`
field), then the first lines of a licence file. What is not recognised stays "": no guess is better than a wrong one.
"""

from __future__ import annotations

import re
from email.parser import HeaderParser
from pathlib import PurePosixPath

LARGEST = 64 << 10  # bytes of a licence or metadata file that are read

_CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
    "Zope Public License": "ZPL-2.1",
    "The Unlicense (Unlicense)": "Unlicense",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
}
# in this order: later texts mention earlier ones less than the other way round
_TEXTS = (
    (r"gnu affero general public license", "AGPL-3.0-only"),
    (r"gnu (lesser|library) general public license\s+version 3", "LGPL-3.0-only"),
    (r"gnu (lesser|library) general public license", "LGPL-2.1-only"),
    (r"gnu general public license\s+version 3", "GPL-3.0-only"),
    (r"gnu general public license,? version 2.*classpath", "GPL-2.0-only WITH Classpath-exception-2.0"),
    (r"the gnu general public license \(gpl\)\s+version 2", "GPL-2.0-only WITH Classpath-exception-2.0"),
    (r"gnu general public license\s+version 2", "GPL-2.0-only"),
    (r"mozilla public license,? version 2", "MPL-2.0"),
    (r"eclipse public license - v ?2", "EPL-2.0"),
    (r"eclipse public license - v ?1", "EPL-1.0"),
    (r"apache license,?\s+version 2|www\.apache\.org/licenses/license-2\.0", "Apache-2.0"),
    (r"zope public license \(zpl\) version 2\.1", "ZPL-2.1"),
    (r"python software foundation license version 2", "PSF-2.0"),
    (r"boost software license - version 1", "BSL-1.0"),
    (r"permission to use, copy, modify, and(/or)? distribute this software for any purpose", "ISC"),
    (r"permission is hereby granted, free of charge, to any person obtaining", "MIT"),
    (r"neither the names? .{0,200}?nor the names|neither the names? of|may not be used to endorse", "BSD-3-Clause"),
    (r"redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"this is free and unencumbered software", "Unlicense"),
)
_SHORT = {
    "mit": "MIT", "mit license": "MIT", "bsd": "BSD-3-Clause", "bsd-3-clause": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause", "3-clause bsd": "BSD-3-Clause", "bsd license": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "apache 2.0": "Apache-2.0", "apache-2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "apache software license 2.0": "Apache-2.0", "isc": "ISC",
    "psf": "PSF-2.0", "psf-2.0": "PSF-2.0", "unlicense": "Unlicense", "mpl-2.0": "MPL-2.0",
}  # fmt: skip


def rank(path: str) -> int | None:
    """How much a file's word counts (smaller is more); None for files that say nothing about the licence."""
    parts = PurePosixPath(path).parts
    if len(parts) > 3:
        return None
    name = parts[-1].lower()
    if name == "pkg-info" or (name == "metadata" and len(parts) > 1 and parts[-2].endswith(".dist-info")):
        return len(parts)
    if name.split(".")[0].split("-")[0] in ("license", "licence", "copying", "unlicense") and not name.endswith(".py"):
        return 10 + len(parts)
    return None


def recognise(path: str, content: bytes) -> str:
    """The SPDX identifier that a metadata or licence file tells; "" if it tells none."""
    text = content.decode("utf-8", "replace")
    return _of_metadata(text) if (rank(path) or 99) < 10 else _of_text(text)


def _of_metadata(text: str) -> str:
    headers = HeaderParser().parsestr(text)
    expression = (headers.get("License-Expression") or "").strip()
    if re.fullmatch(r"[A-Za-z0-9.+() -]{2,100}", expression):
        return expression
    marked = [line.split(" :: ") for line in headers.get_all("Classifier", []) if line.startswith("License :: ")]
    names = sorted({_CLASSIFIERS[parts[-1]] for parts in marked if parts[-1] in _CLASSIFIERS})
    field = (headers.get("License") or "").strip().lower()
    return " OR ".join(names) if names else _SHORT.get(field, "")


def _of_text(text: str) -> str:
    flat = re.sub(r"[\s#*]+", " ", text.lower())
    start = flat[:1500]
    # the title or the first sentences decide; BSD's says what it is only at its end, Python's after its history
    for pattern, identifier in _TEXTS:
        if re.search(pattern, flat if identifier.startswith(("BSD", "PSF")) else start):
            return identifier
    return ""
