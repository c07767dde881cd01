r"""The image installs what only development needs.

Why: `uv sync`, `poetry install` and `pdm install` bring the development group unless they are told not to;
JupyterLab with all it requires is 140 MB, mypy 56 MB, and every package is one more to patch. The project
already says what production needs: it only has to be asked for.

Stages that do not ship, and files and stages that are named for development or tests, are left alone.

## Bad

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /bin/
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked
COPY src src
CMD ["/app/.venv/bin/python", "-m", "app"]
```

```toml pyproject.toml
[project]
name = "app"
version = "1"
dependencies = ["numpy==2.1.3"]

[dependency-groups]
dev = ["pytest==8.3.4", "mypy==1.13.0"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /bin/
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --no-dev --locked
COPY src src
CMD ["/app/.venv/bin/python", "-m", "app"]
```

## Bad: Poetry

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir poetry==1.8.5
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN poetry install --no-root
```

```toml pyproject.toml
[tool.poetry]
name = "app"

[tool.poetry.dependencies]
python = "^3.12"

[tool.poetry.group.dev.dependencies]
pytest = "^8"
```

## Fixed: Poetry

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir poetry==1.8.5
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN poetry install --only main --no-root
```

## Bad: an extra

```dockerfile
FROM python:3.12-slim
COPY . /app
RUN pip install --no-cache-dir "/app[dev,gpu]"
```

## Fixed: an extra

```dockerfile
FROM python:3.12-slim
COPY . /app
RUN pip install --no-cache-dir "/app[gpu]"
```

## Bad: a list of its own

```dockerfile
FROM python:3.12-slim
COPY requirements.txt requirements-dev.txt ./
RUN pip install --no-cache-dir -r requirements.txt -r requirements-dev.txt
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /bin/
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
```

## Good: nothing to leave out

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /bin/
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked
```

```toml pyproject.toml
[project]
name = "app"
version = "1"
dependencies = ["numpy==2.1.3"]
```

## Good: a stage for development

```dockerfile
FROM python:3.12-slim AS dev
COPY . /app
RUN pip install --no-cache-dir "/app[dev]"
```

## Fix

Safe where the groups hold nothing but tools that test, check, format or document, and neither the
Dockerfile, compose or a manifest calls nor the code imports one of them, and no script runs later that is not
read here. Otherwise unsafe: look whether the program imports what would go. None for a list of its own: what
it includes is not known; and none where another stage, for tests say, is built on the same install.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.purpose import is_for_people
from wherry.check.model import Aspect, Basis, Cost, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import installs_of
from wherry.check.rules.bytes._carried import carried_installs
from wherry.check.rules.bytes._chain import option_behind
from wherry.check.rules.bytes._users import is_used
from wherry.check.wheel_sizes import with_requirements
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Value
    from wherry.check.facts.installs import Install
    from wherry.check.facts.pyproject import Pyproject
    from wherry.check.model import Finding, Place

_DEV: Final = regex(r"dev(?:el|elop|elopment)?|tests?|testing|lint(?:ing)?|docs?|typing|format(?:ting)?|qa")
_DEV_FILE: Final = regex(r"(?:^|[-_./])(?:dev|develop(?:ment)?|tests?|testing|lint|docs?)(?=[-_./]|$)")
_TOOLS: Final = regex(
    r"pytest(?:-.+)?|(?:types|pylint|flake8|mkdocs|sphinx|pre-commit|hypothesis)(?:-.+)?|.+-stubs|ruff|black|mypy"
    r"|isort|coverage|tox|nox|bandit|pyright|basedpyright|ty|ipython|ipdb|ipykernel|jupyter|jupyterlab|notebook"
    r"|debugpy|pip-tools|pip-audit|safety|twine|build|bump2version|commitizen|codespell|pydocstyle|vulture|yapf"
    r"|autopep8|autoflake|pyupgrade|factory-boy|faker|freezegun|responses|respx|moto|nbstripout|nbqa|deptry|poethepoet"
)
_BY_DEFAULT: Final = frozenset({"uv", "poetry", "pdm", "pipenv"})
_SUBCOMMANDS: Final = frozenset({"sync", "install"})
_GROUPS_SINCE: Final = (1, 2)
"""The Poetry that knows groups, and ``--only``."""


class _Extra(Frozen):
    """What one install brings for development."""

    install: Install
    what: str
    names: frozenset[str] | None  # distributions; None where they are not known
    edit: Edit | None
    places: tuple[Place, ...] = ()  # where they are listed
    is_certain: bool = True  # else nobody here can read whether there are any


def _check(facts: Facts) -> Iterator[Finding]:
    if is_for_people(facts):
        return
    alike: dict[tuple[str, str, bool], list[_Extra]] = {}
    for install in carried_installs(facts):
        found = _by_default(install) or _by_extra(install) or _by_file(install)
        if found:
            alike.setdefault((install.manager, found.what, found.is_certain), []).append(found)
    for some in alike.values():
        yield _finding(facts, some)


def _by_default(install: Install) -> _Extra | None:
    """The development group that its manager brings by itself."""
    if (
        install.manager not in _BY_DEFAULT
        or install.subcommand not in _SUBCOMMANDS
        or not install.installs_dev
    ):
        return None
    pyproject = install.inputs.pyproject
    names = _in_groups(pyproject) if pyproject else None
    if names is not None and not names:
        return None
    groups = " and ".join(pyproject.default_groups) if pyproject and names else "development"
    edit = _production_only(install, pyproject)
    places = tuple(_listed(pyproject))
    is_certain = pyproject is not None or install.manager == "pipenv"  # which is told to, by --dev
    return _Extra(install, f"the {groups} dependencies", names, edit, places, is_certain)


def _in_groups(pyproject: Pyproject) -> frozenset[str]:
    """What the groups hold that are installed unasked."""
    listed = (pyproject.groups.get(name, ()) for name in pyproject.default_groups)
    return frozenset(entry.name for entries in listed for entry in entries)


def _production_only(install: Install, pyproject: Pyproject | None) -> Edit | None:
    manager = install.manager
    if manager == "pipenv":
        return _without_word(install, "--dev", "-d")
    if manager == "uv":
        groups = pyproject.default_groups if pyproject else ("dev",)
        option = "--no-dev" if set(groups) <= {"dev"} else "--no-default-groups"
    elif manager == "pdm":
        option = "--prod"
    elif install.has("--with", "--without"):
        return None
    else:
        version = _poetry_version(install)
        option = "--no-dev" if version and version < _GROUPS_SINCE else "--only main"
    word = next((value.word for value in install.call.arguments if value.text in _SUBCOMMANDS), None)
    return option_behind(install.run, word, option) if word else None


def _poetry_version(install: Install) -> tuple[int, ...]:
    """The Poetry that the Dockerfile installs; empty where it does not say."""
    named = [
        package.version
        for other in installs_of(install.run.stage)
        for package in other.packages
        if package.name == "poetry" and package.version
    ]
    said = (named or [install.env.get("POETRY_VERSION", "")])[-1]
    numbers = said.split(".")[:2]
    return tuple(int(number) for number in numbers) if all(map(str.isdigit, numbers)) else ()


def _by_extra(install: Install) -> _Extra | None:
    """``.[dev]``, ``--extra dev``, ``--group dev``."""
    asked = [name for name in (*install.extras, *install.groups) if _DEV.fullmatch(name)]
    if not asked or not install.brings_packages:
        return None
    edit = (
        _without_extra(install) if install.manager in {"pip", "uv"} and asked[0] in install.extras else None
    )
    return _Extra(install, f"the {' and '.join(asked)} dependencies", None, edit)


def _without_extra(install: Install) -> Edit | None:
    """The same word without the extra, quotes and all else kept."""
    for value in install.call.arguments:
        found = re.search(r"\[([^\[\]]*)\]", value.text) if _is_directory(value) else None
        if found is None or not (value.is_whole_word or value.word.raw == value.text):
            continue
        kept = [name for name in found[1].split(",") if not _DEV.fullmatch(name.strip())]
        if len(kept) == len(found[1].split(",")):
            continue
        raw = value.word.raw
        at = raw.find(found[0])
        if at < 0 or not raw.isascii() or value.span.end - value.span.start != len(raw):
            return None
        start = value.span.start + at
        text = f"[{','.join(kept)}]" if kept else ""
        return Edit(install.run.stage.facts.file.name, Span(start, start + len(found[0])), text)
    return None


def _is_directory(value: Value) -> bool:
    return value.text.startswith((".", "/"))


def _by_file(install: Install) -> _Extra | None:
    """``-r requirements-dev.txt``."""
    named = [name for name in install.requirement_files if _DEV_FILE.search(name.removesuffix(".txt"))]
    if not named or install.action not in {"install", "sync"} or not install.is_python:
        return None
    names = frozenset(
        entry.name
        for file in install.inputs.files
        if _DEV_FILE.search(file.path.name.removesuffix(".txt")) or _DEV_FILE.search(named[0])
        for entry in file.entries
    )
    return _Extra(install, f"what {named[0]} lists", names or None, None)


def _without_word(install: Install, *texts: str) -> Edit | None:
    word = next((value.word for value in install.call.arguments if value.text in texts), None)
    data = install.run.stage.facts.file.data
    if word is None or install.run.instruction.is_json or data[word.span.start - 1 : word.span.start] != b" ":
        return None
    return Edit(install.run.stage.facts.file.name, Span(word.span.start - 1, word.span.end), "")


def _finding(facts: Facts, some: Sequence[_Extra]) -> Finding:
    found, *rest = some
    unless = "" if found.is_certain else ", if there are any, for nothing tells it not to"
    return RULE.at(
        facts.place(found.install.span),
        f"{found.install.manager} installs {found.what} into the image{unless}",
        why="production does not run them, and every one is pulled, scanned and patched",
        cost=_cost(found),
        related=[*found.places, *(facts.place(other.install.span) for other in rest)],
        severity=Severity.WARNING if found.is_certain else Severity.INFO,
        fix=_fix(facts, some),
    )


def _listed(pyproject: Pyproject | None) -> Iterator[Place]:
    """Where each group begins that is installed unasked."""
    for name in pyproject.default_groups if pyproject else ():
        yield from [entry.place for entry in pyproject.groups.get(name, ())[:1]] if pyproject else ()


def _cost(found: _Extra) -> Cost:
    """The largest of them that was measured: what they share is not known."""
    closures = [closure for name in found.names or () if (closure := with_requirements(name))]
    if not closures:
        return Cost()
    largest = max(closures, key=lambda closure: closure.unpacked_bytes)
    return Cost(largest.unpacked_bytes, basis=Basis.TABLE, source=largest.source)


def _fix(facts: Facts, some: Sequence[_Extra]) -> Fix | None:
    edits = [found.edit for found in some if found.edit]
    if len(edits) < len(some) or any(_are_for_others(facts, found) for found in some):
        return None
    safety = Safety.SAFE if all(_are_tools_of_nobody(facts, found) for found in some) else Safety.UNSAFE
    effect = Effect(
        frozenset(found.install.run.index for found in some), aspects=frozenset({Aspect.COMMANDS})
    )
    return Fix("install what production needs", tuple(dict.fromkeys(edits)), safety, effect)


def _are_tools_of_nobody(facts: Facts, found: _Extra) -> bool:
    """They test, check or format, and neither a command nor the code uses one of them."""
    are_tools = bool(found.names) and all(_TOOLS.fullmatch(name) for name in found.names or ())
    return are_tools and not is_used(facts, found.names or frozenset(), behind=found.install.span)


def _are_for_others(facts: Facts, found: _Extra) -> bool:
    """A stage that does not ship is built on the same install: its tests would miss them."""
    stage = found.install.run.stage
    return any(stage in other.chain and other not in facts.shipped for other in facts.stages)


RULE = Rule("G9", "dev-dependencies", Severity.WARNING, _check)
