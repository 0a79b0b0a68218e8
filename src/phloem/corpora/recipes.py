"""Recipes: named corpora that anyone can fetch and mine again.

    python-packages   source distributions from the Python index, pinned, and the standard library
    jdk               the class library of OpenJDK 17 (Debian's openjdk-17-source)
    java-debian       Java projects among Debian's source packages, and the JDK as one of them
    c-debian          C projects among Debian's source packages

All but the JDK (GPL 2 with the Classpath exception) are chosen for permissive licences; what each project's files say
is kept with every function. The index keeps every version, so its packages are pinned. Debian's mirrors keep those of
a release: there the release (12, bookworm) is the pin, and the versions are in the file names that are fetched.
Fetching goes on where it stopped; a package that is no longer to be had is named and passed over.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import packages
from phloem.corpora.debian import Apt
from phloem.corpora.listing import MineSettings
from phloem.errors import PhloemError

_PYTHON = """
accelerate==1.15.0 aiohttp==3.14.5 alembic==1.20.1 allennlp==2.10.1 androguard==4.1.4 angr==10.0.5 anyio==4.16.0
apache-beam==2.77.0 astropy==8.0.2 babel==2.18.0 bandit==1.9.4 beautifulsoup4==4.15.0 biopython==1.88 black==26.10.1
bokeh==3.10.2 boto3==1.44.5 botocore==1.44.5 bottle==0.13.4 celery==5.7.0 chainer==7.8.1 click==8.5.1 conan==2.34.0
coverage==7.17.3 cryptography==50.0.2 cvxpy==1.9.3 cython==3.3.1 dagster==1.13.29 dask==2026.8.0 datasets==5.2.0
diffusers==0.42.1 distributed==2026.8.0 django==6.1.3 djangorestframework==3.18.3 dulwich==1.2.21 elasticsearch==9.5.1
eventlet==0.41.3 fabric==3.2.3 fairseq==0.12.2 falcon==4.4.0 fastapi==0.165.0 flask==3.1.3 flax==0.12.12
geopandas==1.2.0 gevent==26.9.0 gitpython==3.2.1 great-expectations==1.24.1 gunicorn==27.0.1 h5py==3.16.0
hatch==1.18.2 homeassistant==2026.11.0 httpx==0.28.1 invoke==3.0.3 ipython==9.18.1 isort==9.0.2 jax==0.12.0.1
jedi==0.20.1 jinja2==3.1.6 jupyter-server==2.21.1 kafka-python==3.0.12 keras==3.15.1 keystone==30.0.0 kivy==2.3.1
langchain-community==0.4.2 libcst==1.9.0 luigi==3.8.1 lxml==6.1.3 manim==0.22.0 matplotlib==3.11.2 meson==1.12.1
mlflow==3.18.0 mne==1.13.2 moto==5.2.5 mypy==2.4.1 napari==0.9.2 nbconvert==7.17.2 networkx==3.7 neutron==29.0.0
nilearn==0.14.1 nltk==3.10.4 notebook==7.6.5 nova==34.0.0 numba==0.68.1 numpy==2.5.5 optax==0.2.8 pandas==3.1.1
parso==0.8.7 peewee==4.5.3 peft==0.21.2 pillow==13.0.0 pip==26.3 poetry==2.5.1 prefect==3.9.1 pwntools==4.15.0
pydantic==2.14.3 pyglet==2.1.19 pygments==2.21.0 pymatgen==2026.10.24 pymc==6.4.0 pymongo==4.20.0 pyomo==6.10.1
pyramid==2.1 pyspark==4.3.0 pytest==9.2.0 qiskit==2.6.2 qutip==5.3.1 rdflib==7.6.0 redis==8.1.0 requests==2.34.2
rich==15.0.0 salt==3008.5 sanic==25.12.1 scikit-image==0.26.0 scikit-learn==1.9.1 scipy==1.18.1 scons==4.11.1
scrapy==2.19.0 seaborn==0.13.2 setuptools==84.2.1 spacy==3.8.18 sphinx==9.2.0 sqlalchemy==2.1.9 sqlfluff==4.5.0
sqlglot==30.30.0 starlette==1.10.0 statsmodels==0.15.0 sunpy==8.0.1 swift==2.38.3 sympy==1.14.0 tables==3.11.1
textual==8.2.8 tornado==6.6.1 tox==4.67.15 traitlets==5.16.1 transformers==5.23.0 trio==0.35.0 twisted==26.10.0
urllib3==2.8.0 virtualenv==21.15.8 wagtail==8.0.1 wandb==0.31.0 werkzeug==3.1.9 xarray==2026.9.0 yapf==0.43.0
yt-dlp==2026.10.26 zarr==3.4.2
"""
_JAVA = """
ant antlr4 apache-directory-server apache-log4j2 args4j axis bnd bouncycastle castor closure-compiler commons-csv
commons-io commons-math3 commons-pool2 commons-vfs derby dropwizard-metrics ehcache error-prone-java gradle groovy
guava-libraries hsqldb httpcomponents-client httpcomponents-core intellij-community-idea jackson-core jackson-databind
jakarta-jmeter jaxb jcommander jetty9 jline3 jsoup jts jython kotlin libapache-poi-java libcommons-codec-java
libcommons-collections4-java libcommons-compress-java libcommons-lang3-java libcommons-net-java libodfdom-java
libowasp-esapi-java libpdfbox2-java libphonenumber libslf4j-java libspring-java libxalan2-java libxerces2-java lucene8
maven maven-resolver mina2 mmtf-java mockito netty okio openchemlib openjpa picocli procyon rdf4j resteasy3.0 tomcat10
xmlunit zookeeper zxing android-platform-tools-base
"""
_JDK = "openjdk-17-source"
_C = """
apr apr-util brotli bzip2 c-ares curl cyrus-sasl2 dav1d expat flac freetype heimdal jansson jemalloc jq json-c krb5
libarchive libevent libffi libjpeg-turbo libogg libpcap libpng1.6 libsodium libssh2 libuv1 libvorbis libvpx libwebp
libx11 libxml2 libxslt libyaml lua5.4 lz4 mbedtls memcached nghttp2 nginx openjpeg2 openssh openssl opus pixman
postgresql-15 redis ruby3.1 sqlite3 sudo tcl8.6 tcpdump tiff tmux unbound wayland weston xorg-server zlib
"""


class FetchProgress(NamedTuple):
    """`problem` says why `item` cannot be had; None when it is there."""

    done: int
    total: int
    item: str
    problem: str | None


Tell = Callable[[FetchProgress], None]


class Recipe(NamedTuple):
    """A corpus by name: its items, how one is fetched, and how they are mined."""

    name: str
    description: str
    items: tuple[str, ...]
    settings: MineSettings
    fetcher: Callable[[Path], Callable[[str], Path]]  # cache folder → (item → source)


def _python(cache: Path) -> Callable[[str], Path]:
    def fetch_item(item: str) -> Path:
        if item == "standard-library":
            return Path(sysconfig.get_path("stdlib"))
        return packages.fetch(item, cache, prefer="sdist")

    return fetch_item


def _debian(cache: Path) -> Callable[[str], Path]:
    apt = Apt(cache / ".apt")

    def fetch_item(item: str) -> Path:
        if item == _JDK:
            return apt.file_of(item, "/src.zip", cache / "openjdk-17.zip")
        return apt.source(item, cache)

    return fetch_item


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "python-packages",
            "source distributions from the Python index and the standard library",
            ("standard-library", *_PYTHON.split()),
            MineSettings(languages=("python",), tests=False),
            _python,
        ),
        Recipe(
            "jdk",
            "the class library of OpenJDK 17; its modules are the projects",
            (_JDK,),
            MineSettings(languages=("java",), project_depth=1),
            _debian,
        ),
        Recipe(
            "java-debian",
            "Java projects among Debian's source packages and, as one more project, the JDK",
            (*_JAVA.split(), _JDK),
            MineSettings(languages=("java",), tests=False),
            _debian,
        ),
        Recipe(
            "c-debian",
            "C projects among Debian's source packages",
            tuple(_C.split()),
            MineSettings(languages=("c",), tests=False),
            _debian,
        ),
    )
}


def by_name(name: str) -> Recipe:
    """The recipe called `name`. Raises PhloemError naming the known ones."""
    if name not in RECIPES:
        raise PhloemError(f"no recipe {name!r}: there are {', '.join(RECIPES)}")
    return RECIPES[name]


def fetch(name: str, cache: str | Path, progress: Tell | None = None) -> list[str]:
    """Fetch a recipe's items into `cache`, or find them there, and return them as sources for `mine`.

    An item that cannot be had is told to `progress` with its problem. Raises PhloemError when none can be had."""
    recipe = by_name(name)
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    fetch_item = recipe.fetcher(folder)
    found: list[str] = []
    problem: str | None = None
    for done, item in enumerate(recipe.items, start=1):
        try:
            found.append(str(fetch_item(item)))
            problem = None
        except (PhloemError, OSError) as error:
            problem = str(error)
        if progress:
            progress(FetchProgress(done, len(recipe.items), item, problem))
    if not found:
        raise PhloemError(f"nothing of the recipe {name} can be had: {problem}")
    return found
