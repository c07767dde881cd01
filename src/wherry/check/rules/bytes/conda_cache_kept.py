r"""conda keeps the archives of its packages in the layer.

Why: conda unpacks every package below `pkgs` and links it into the environment; the archive that it came in
stays beside it, and so do packages that an update has replaced. In twosixlabs/armory #456 that was 1.12 GB of
archives in one image. A `conda clean` in a later RUN frees nothing.

Belongs to G2. Only stages that ship are looked at.

## Bad

```dockerfile
FROM condaforge/miniforge3:24.11.3-0
COPY environment.yml ./
RUN conda env create -n app -f environment.yml
```

```text environment.yml
name: app
dependencies: [python=3.12, numpy=2.1]
```

## Fixed

```dockerfile
FROM condaforge/miniforge3:24.11.3-0
COPY environment.yml ./
RUN conda env create -n app -f environment.yml && conda clean -ay
```

## Bad: two in one RUN

```dockerfile
FROM condaforge/miniforge3:24.11.3-0
RUN mamba install -y numpy=2.1 \
 && mamba install -y -c conda-forge scipy=1.14 \
 && python -c "import scipy"
```

## Fixed: two in one RUN

```dockerfile
FROM condaforge/miniforge3:24.11.3-0
RUN mamba install -y numpy=2.1 \
 && mamba install -y -c conda-forge scipy=1.14 \
 && mamba clean -ay \
 && python -c "import scipy"
```

## Good

```dockerfile
FROM mambaorg/micromamba:2.0.5
COPY conda-lock.yml /tmp/
RUN micromamba install -y -n base -f /tmp/conda-lock.yml && micromamba clean -ay
```

## Good: on a cache mount

```dockerfile
FROM condaforge/miniforge3:24.11.3-0
RUN --mount=type=cache,target=/opt/conda/pkgs conda install -y --copy numpy=2.1
```

## Fix

Safe: `conda clean -ay` removes archives and packages that no environment links to. It is not `-afy`, which
also empties what environments with symbolic links still need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import installs_of
from wherry.check.rules.bytes._chain import command_behind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Edit, Finding

_BY_CACHE: Final = ("--offline", "--use-index-cache")
_MOST: Final = 500
_FILLS: Final = frozenset({"install", "upgrade"})


def _check(facts: Facts) -> Iterator[Finding]:
    kept = {
        install.run.index: install  # the last of each RUN
        for install in installs_of(facts.target)
        if install.is_conda and install.action in _FILLS and _stays(install)
    }
    mended = [(install, _cleaned(install)) for install in kept.values()]
    for is_mended in (True, False):
        some = [install for install, edit in mended if bool(edit) is is_mended]
        if some:
            yield _finding(facts, some, tuple(edit for _, edit in mended if edit) if is_mended else ())


def _stays(install: Install) -> bool:
    return install.cache.stays and not install.has("--dry-run")


def _cleaned(install: Install) -> Edit | None:
    if any(later.span > install.span and later.has(*_BY_CACHE) for later in _all_of_conda(install)):
        return None
    return command_behind(install.run, install.command, f"{install.command.name} clean -ay")


def _all_of_conda(install: Install) -> Iterator[Install]:
    """Of the stage and those that may be built on it."""
    return (one for one in install.run.stage.facts.installs[:_MOST] if one.is_conda)


def _finding(facts: Facts, installs: Sequence[Install], edits: tuple[Edit, ...]) -> Finding:
    count = len(installs)
    touched = frozenset(install.run.index for install in installs)
    effect = Effect(touches=touched, aspects=frozenset({Aspect.COMMANDS}))
    return RULE.at(
        facts.place(installs[0].span),
        f"{installs[0].manager} keeps its archives in {'the layer' if count == 1 else f'{count} layers'}",
        why="every package is there twice, unpacked and as it was downloaded",
        related=[facts.place(install.span) for install in installs[1:]],
        fix=Fix("clean up in the same RUN", edits, Safety.SAFE, effect) if edits else None,
    )


RULE = Rule("G16", "conda-cache-kept", Severity.WARNING, _check)
