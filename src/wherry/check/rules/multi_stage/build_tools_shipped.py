r"""Compilers and headers stay in the image that ships.

Why: `gcc`, `build-essential` and `-dev` packages are needed while wheels are built, never again. With them
the image carries what every node pulls for nothing, and a compiler for whoever breaks in; scanners list each
of their known holes. Of 150 Dockerfiles of machine learning projects 53 ship them. A second stage takes the
finished environment and leaves the tools where they were used.

Not meant: images to develop or build in, bases that are compilers themselves (C1), and what compiles when it
runs: `deepspeed`, Triton and `torch.compile` call a compiler in the container.

## Bad

```dockerfile
FROM python:3.12-slim-bookworm
ENV PYTHONUNBUFFERED=1
RUN apt-get update && apt-get install -y --no-install-recommends \
      build-essential \
      libpq-dev \
      poppler-utils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY server ./server
USER 1000
CMD ["python", "-m", "server"]
```

```text requirements.txt
psycopg[c]==3.2.3
```

```text server/__main__.py
print("ready")
```

## Fixed

```dockerfile
FROM python:3.12-slim-bookworm AS build
ENV PYTHONUNBUFFERED=1
RUN apt-get update && apt-get install -y --no-install-recommends \
      build-essential \
      libpq-dev \
      poppler-utils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
RUN pip install --no-cache-dir -r requirements.txt

FROM python:3.12-slim-bookworm
ENV PYTHONUNBUFFERED=1
RUN apt-get update && apt-get install -y --no-install-recommends \
      libpq5 \
      poppler-utils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
COPY server ./server
USER 1000
CMD ["python", "-m", "server"]
```

## Bad: an environment is there already

```dockerfile
FROM python:3.12-slim AS service
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir -r /tmp/requirements.txt
COPY app.py /srv/
USER app
CMD ["python", "/srv/app.py"]
```

```text requirements.txt
hdbscan==0.8.40
```

```text app.py
print("ready")
```

## Fixed: an environment is there already

```dockerfile
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir -r /tmp/requirements.txt

FROM python:3.12-slim AS service
RUN useradd --create-home app
ENV PATH=/venv/bin:$PATH
COPY --from=build /venv /venv
COPY app.py /srv/
USER app
CMD ["python", "/srv/app.py"]
```

## Bad: nothing here says what may be split off

```dockerfile
FROM ubuntu:24.04
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip build-essential libgdal-dev \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --break-system-packages gdal==3.8.4
CMD ["python3", "-m", "maps"]
```

## Good

```dockerfile
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir hdbscan==0.8.40

FROM python:3.12-slim
COPY --from=build /venv /venv
CMD ["/venv/bin/python", "-m", "server"]
```

## Good: removed where it was used

```dockerfile
FROM python:3.12-alpine
RUN apk add --no-cache --virtual .build gcc musl-dev \
    && pip install --no-cache-dir hdbscan==0.8.40 \
    && apk del .build
CMD ["python", "-m", "server"]
```

## Good: it compiles when it runs

```dockerfile
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir vllm==0.6.4
CMD ["vllm", "serve", "model"]
```

## Fix

Unsafe: a person must see whether something needs a compiler, or a library that only its headers brought, when
it runs. The stage is cut behind its last `pip install`: above, the build stage with a virtual environment;
below, a stage on the same base that has the same settings, the packages that are no tools, the libraries
behind `-dev` packages, the environment and the rest. Offered on `python:*-slim` and `python:*-alpine`, where
pip installs plainly and every `-dev` package is one whose library is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.multi_stage._split import split_fix
from wherry.check.rules.multi_stage._tools import shipped_tools
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_NAMED: Final = 3
_COMPILING: Final = frozenset(
    # these call a compiler when they are used
    {
        "deepspeed",
        "exllamav2",
        "flashinfer-python",
        "gsplat",
        "mujoco-py",
        "nerfacc",
        "pycuda",
        "pyopencl",
        "sglang",
        "tilelang",
        "triton",
        "vllm",
    }
)
_BUILDING: Final = (
    "build|builder|buildenv|compile|compiler|dev|devel|develop|development|devcontainer|toolchain|ci|wheels?"
    "|tests?"
)
_FOR_BUILDING: Final = regex(rf"(?:.*[^a-z])?(?:{_BUILDING})(?:[^a-z].*)?")
_FILE_FOR_BUILDING: Final = regex(rf"(?:dockerfile|containerfile)?[.-]?(?:{_BUILDING})(?:\.dockerfile)?")
_ON_PURPOSE: Final = frozenset({"devcontainer", "jupyter"})


def _check(facts: Facts) -> Iterator[Finding]:
    target = facts.target
    found = list(shipped_tools(target))
    if not found or target.base.flavour == "devel" or _is_for_building(facts) or _compiles_later(target):
        return
    names = [package.name for _, tools in found for package in tools]
    rest = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    first, *others = found
    yield RULE.at(
        facts.place(first[1][0].word.span),
        f"{listed} {'stay' if len(names) > 1 else 'stays'} in the image that ships",
        why="compilers and headers are of use while packages are built, not when they run",
        related=[facts.place(install.span) for install, _ in others],
        fix=split_fix(facts),
    )


def _is_for_building(facts: Facts) -> bool:
    """The image is there to build or develop in, as its stage's name, the file's or its base says."""
    return bool(
        _FOR_BUILDING.fullmatch(facts.target.name or "")
        or _FILE_FOR_BUILDING.fullmatch(facts.path.name.lower())
        or facts.path.parent.name == ".devcontainer"
        or facts.target.base.family in _ON_PURPOSE
    )


def _compiles_later(stage: StageFacts) -> bool:
    """A compiler is called when a container runs: by a package, or by the code."""
    asked = {name for install in stage.all_installs if install.is_python for name in install.names}
    files = (file for install in stage.all_installs for file in install.inputs.files)
    asked |= {entry.name for file in files for entry in file.all_entries}
    projects = (install.inputs.pyproject for install in stage.all_installs)
    asked |= {one.name for pyproject in projects if pyproject for one in pyproject.all_requirements}
    if asked & _COMPILING:
        return True
    imports = stage.facts.project.imports
    scripts = imports.scripts if imports else ()
    return any(
        b"torch.compile" in script.source.data
        or b"cpp_extension" in script.source.data
        or not {"triton", "pycuda", "pyximport"}.isdisjoint(script.imports)
        for script in scripts
    )


RULE = Rule("A1", "build-tools-shipped", Severity.WARNING, _check, also=("tally/prefer-multi-stage-build",))
