"""The requirements that the image is made from have no exact versions, and there is no lock.

Why: `pip install -r requirements.txt` then installs what is newest on the day the layer is built. Two builds
of one commit differ, and the one that fails is the release. Pins alone leave out what the packages need
themselves; `uv pip compile`, `pip-compile` or a lock writes all of it down, with hashes if asked.

With `require-hashes = true` in `[tool.wherry.check.F3]` a file without hashes is reported too.

## Bad

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
fastapi
uvicorn[standard]
torch>=2.2
numpy==1.26.4
```

## Bad: a project without a lock

```dockerfile
FROM python:3.12-slim
COPY . /app
RUN pip install --no-cache-dir /app
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110", "torch"]
```

## Bad: conda

```dockerfile
FROM condaforge/miniforge3:24.9.2-0
COPY environment.yml ./
RUN conda env create -f environment.yml && conda clean -afy
```

```yaml environment.yml
dependencies:
  - python=3.11
  - faiss-cpu
  - pip
  - pip:
      - fastapi
```

## Good: conda, with versions

```dockerfile
FROM condaforge/miniforge3:24.9.2-0
COPY environment.yml ./
RUN conda env create -f environment.yml && conda clean -afy
```

```yaml environment.yml
dependencies:
  - python=3.11
  - faiss-cpu=1.9.0
  - pip
  - pip:
      - fastapi==0.115.6
```

## Good

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
fastapi==0.115.6
uvicorn[standard]==0.34.0
./libs/common
acme @ git+https://git.example/acme@8c1f0d3b5a7e9f2d4c6b8a0e1f3d5c7b9a2e4f60
```

## Good: constraints

```dockerfile
FROM python:3.12-slim
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt -c constraints.txt
```

```text requirements.txt
fastapi
```

```text constraints.txt
fastapi==0.115.6
starlette==0.41.3
```

## Good: a lock

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
COPY . /app
WORKDIR /app
RUN uv sync --locked --no-dev
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"
```

## Fix

None: the versions must be solved, which takes the index. `uv pip compile requirements.in -o requirements.txt`
writes them; so does `pip freeze` in the image that works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.origins import run_path
from wherry.check.model import Rule, Severity
from wherry.check.rules.reproducibility._tools import TOOLS
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.conda import CondaPackage
    from wherry.check.facts.installs import Install
    from wherry.check.facts.requirement import Requirement
    from wherry.check.model import Finding

_SHOWN: Final = 3
_ACTIONS: Final = frozenset({"install", "sync", "wheel"})
_MOST: Final = 500  # installs of a file that are looked at
_WHY: Final = "two builds of one commit may install different packages"


class _Loose(Frozen):
    """What one file leaves open."""

    install: Install
    entries: Sequence[CondaPackage | Requirement]
    asked: int  # of all that the file asks for


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    needs_hashes = bool(facts.settings.option(RULE, "require-hashes"))
    seen: set[str] = set()
    found: list[_Loose] = []
    for install in facts.installs[:_MOST]:
        if install.action not in _ACTIONS or not install.run.stage.is_reachable:
            continue
        if install.is_conda:
            found += _of_conda(install, seen)
        for name, entries in _asked(install) if install.is_python else ():
            loose = [entry for entry in entries if not entry.is_pinned]
            lacks_hashes = needs_hashes and any(not entry.hashes and not entry.path for entry in entries)
            if name not in seen and loose:
                found.append(_Loose(install, loose, len(entries)))
            elif name not in seen and lacks_hashes:
                yield _without_hashes(facts, install, entries)
            seen.update([name] if loose or lacks_hashes else ())
    if found:
        yield _finding(facts, found)


def _of_conda(install: Install, seen: set[str]) -> Iterator[_Loose]:
    """What conda's environment files leave open; a version without its end, ``=1.26``, is taken for meant."""
    for environment in install.inputs.environments:
        name = environment.source.name
        loose: list[CondaPackage | Requirement] = [
            package for package in environment.packages if package.name not in TOOLS and _is_open(package)
        ]
        loose += [entry for entry in environment.pip if not entry.is_pinned]
        if loose and name not in seen:
            seen.add(name)
            yield _Loose(install, loose, len(environment.packages) + len(environment.pip))


def _is_open(package: CondaPackage) -> bool:
    clauses = f"{package.operator}{package.version}".split(",")
    return all(not clause or clause.strip().startswith((">", "!=")) for clause in clauses)


def _asked(install: Install) -> Iterator[tuple[str, Sequence[Requirement]]]:
    """By file, what it is to install and no constraint has a version of."""
    inputs = install.inputs
    bound = _bound(install)
    if bound is None:
        return
    for file in inputs.files:
        held = bound | {entry.name for entry in file.all_constraints if entry.pinned}
        yield file.name, [entry for entry in file.all_entries if entry.name not in held]
    pyproject = inputs.pyproject
    if (
        pyproject
        and pyproject.dependencies
        and install.manager in {"pip", "uv"}
        and not install.has("--no-deps")
    ):
        has_lock = bool(inputs.project and inputs.project.locks)
        has_pins = bool(install.requirement_files) or _is_behind_requirements(install)
        if not has_lock and not has_pins and not bound:
            yield pyproject.source.name, [one for one in pyproject.dependencies if one.name not in bound]


def _bound(install: Install) -> set[str] | None:
    """Names that its constraints have versions of; None where there are constraints that cannot be read."""
    setting = install.setting("--constraint")
    names = install.constraint_files or (setting.split() if setting else ())
    found: set[str] = set()
    for name in names:
        origin = run_path(install.run, install.call.path(name))
        file = install.run.stage.facts.project.requirement_file(origin) if origin else None
        if file is None:
            return None
        found.update(entry.name for entry in file.all_entries if entry.pinned)
    return found


def _is_behind_requirements(install: Install) -> bool:
    """Requirements were installed before it in its chain: the project only finds them there."""
    earlier = install.run.stage.all_installs
    return any(one.requirement_files and one.is_python for one in earlier if one.span < install.span)


def _finding(facts: Facts, found: Sequence[_Loose]) -> Finding:
    loose = [entry for one in found for entry in one.entries]
    names = [entry.name or entry.text.value for entry in loose]
    rest = len(names) - _SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    exact = "an exact version" if len(names) == 1 else "exact versions"
    count = sum(one.asked for one in found)
    where = f" in {len(found)} files" if found[1:] else ""
    return RULE.at(
        loose[0].text.place,
        f"{len(loose)} of {count} requirements{where} without {exact}: {', '.join(names[:_SHOWN])}{more}",
        why=_WHY,
        related=[
            *(one.entries[0].text.place for one in found[1:]),
            *dict.fromkeys(facts.place(one.install.span) for one in found),
        ],
    )


def _without_hashes(facts: Facts, install: Install, entries: Sequence[Requirement]) -> Finding:
    return RULE.at(
        entries[0].place,
        "the requirements have no hashes",
        why="the index, or who stands between, decides what a version is",
        related=[facts.place(install.span)],
        severity=Severity.INFO,
    )


RULE = Rule(
    "F3",
    "unpinned-requirements",
    Severity.WARNING,
    _check,
    options={"require-hashes": False},
)
