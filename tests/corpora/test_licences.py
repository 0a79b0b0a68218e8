"""Licences that projects' files tell."""

import pytest

from phloem.corpora.licences import rank, recognise

MIT = b"""Copyright (c) someone

Permission is hereby granted, free of charge, to any person obtaining a copy of this software"""
BSD = b"""Redistribution and use in source and binary forms, with or without modification, are permitted

3. Neither the name of the copyright holder nor the names of its contributors may be used"""
BSD2 = b"Redistribution and use in source and binary forms, with or without modification, are permitted"
JDK = b"""/* This code is free software; you can redistribute it and/or modify it
 * under the terms of the GNU General Public License version 2 only, as
 * published by the Free Software Foundation.  Oracle designates this
 * particular file as subject to the "Classpath" exception as provided */"""


@pytest.mark.parametrize(
    ("path", "content", "licence"),
    [
        ("p-1/LICENSE", MIT, "MIT"),
        ("p-1/LICENSE.txt", BSD, "BSD-3-Clause"),
        ("p-1/COPYING", BSD2, "BSD-2-Clause"),
        ("p-1/LICENCE", b"                Apache License\n           Version 2.0, January 2004", "Apache-2.0"),
        ("p-1/COPYING", b"GNU LESSER GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "LGPL-3.0-only"),
        ("p-1/COPYING", b"GNU GENERAL PUBLIC LICENSE\n   Version 2, June 1991", "GPL-2.0-only"),
        ("java/lang/A.java", JDK, "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("p-1/PKG-INFO", b"Name: p\nLicense-Expression: MIT OR Apache-2.0\n", "MIT OR Apache-2.0"),
        ("p-1/PKG-INFO", b"Name: p\nClassifier: License :: OSI Approved :: BSD License\n", "BSD-3-Clause"),
        ("p-1.dist-info/METADATA", b"Name: p\nLicense: Apache 2.0\n\nbody", "Apache-2.0"),
        ("p-1/PKG-INFO", b"Name: p\nLicense: see the file\n", ""),
        ("LICENSE.txt", b"A. HISTORY" + b" x" * 3000 + b"\nPYTHON SOFTWARE FOUNDATION LICENSE VERSION 2", "PSF-2.0"),
        ("p-1/LICENSE", b"All rights reserved.", ""),
        ("p-1/PKG-INFO", b"\xff\xfe\x00", ""),
    ],
)
def test_recognised(path: str, content: bytes, licence: str) -> None:
    assert recognise(path, content) == licence


def test_metadata_counts_more_than_texts_and_roots_more_than_depths() -> None:
    ranks = [rank(path) for path in ("p/PKG-INFO", "p.dist-info/METADATA", "LICENSE", "p/LICENSE.md", "p/a/COPYING")]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda each: each or 0)
    assert [rank(path) for path in ("p/license.py", "a/b/c/LICENSE", "p/metadata", "README")] == [None] * 4
