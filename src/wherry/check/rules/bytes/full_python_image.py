r"""python:3.x where python:3.x-slim would do.

Why: the full image stands on Debian's buildpack-deps: compilers, Mercurial, ImageMagick and the headers of
forty libraries, 751 MB by the installed sizes of Debian 12's packages. Python packages that come as wheels
need none of it, and what a build needs, `apt-get install` brings by name.

Reported only where nothing in the Dockerfile uses what the slim image lacks, and no package is known to be
compiled.

## Bad

```dockerfile
FROM python:3.12
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
numpy==2.1.3
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

## Bad: a release of Debian, and its own compiler

```dockerfile
FROM python:3.12-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
psycopg2==2.9.10
```

## Fixed: a release of Debian, and its own compiler

```dockerfile
FROM python:3.12-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

## Good

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

## Good: git is needed

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir "lib @ git+https://example.com/lib.git@v1.0"
```

## Good: it builds, and does not ship

```dockerfile
FROM python:3.12 AS build
RUN pip wheel --wheel-dir /wheels numpy==2.1.3

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Fix

Unsafe: a package without a wheel, or a program that calls `git` or `curl` as it runs, would miss what the
full image has. Build it and try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._asked import COMPILED, asked_by
from wherry.check.rules.bytes._bounds import installs_of, runs_of
from wherry.check.sizes import FULL_PYTHON
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_COMPILERS: Final = frozenset({"gcc", "g++", "cc", "c++", "make", "cpp", "ld", "as"})
_OF_FULL: Final = _COMPILERS | {
    *("git", "hg", "svn", "curl", "wget", "ssh", "scp", "ssh-keyscan", "ssh-keygen", "gpg", "gpg2"),
    *("unzip", "file", "patch", "autoconf", "automake", "libtool", "convert", "identify", "magick"),
    *("mysql_config", "pg_config", "xz", "bzip2", "pkg-config", "xml2-config"),
}
"""Programs that python:3.x has and python:3.x-slim has not."""

_BRINGS: Final = {
    # a package, and programs of it that are called otherwise
    "build-essential": _COMPILERS,
    "gcc": frozenset({"gcc", "cc", "cpp", "ld", "as"}),
    "openssh-client": frozenset({"ssh", "scp", "ssh-keyscan", "ssh-keygen"}),
    "mercurial": frozenset({"hg"}),
    "subversion": frozenset({"svn"}),
    "gnupg": frozenset({"gpg", "gpg2"}),
    "gnupg2": frozenset({"gpg", "gpg2"}),
    "imagemagick": frozenset({"convert", "identify", "magick"}),
    "xz-utils": frozenset({"xz"}),
    "libpq-dev": frozenset({"pg_config"}),
    "pkgconf": frozenset({"pkg-config"}),
}
_TAG: Final = regex(r"(?P<version>\d+(?:\.\w+)*)(?P<release>-[a-z]+)?")


def _check(facts: Facts) -> Iterator[Finding]:
    root = facts.target.chain[-1]
    base = facts.target.base
    if base.repository != "python" or base.flavour != "full" or _needs_full(facts):
        return
    yield RULE.at(
        facts.place(root.base_span),
        f"{base.reference} where its slim variant has all that is used",
        why="compilers, headers and tools of every kind are pulled, stored and scanned with it",
        cost=FULL_PYTHON,
        fix=_fix(facts, root),
    )


def _needs_full(facts: Facts) -> bool:
    """Something is used that slim has not, and that no apt-get install brings; or that is not known."""
    target = facts.target
    apt = {name for one in installs_of(target) if one.manager == "apt" for name in one.names}
    brought = apt | {program for name in apt for program in _BRINGS.get(name, ())}
    used = {call.program for run in runs_of(target) for call in run.calls}
    used |= {call.program for call in target.ending.calls}
    if not (used & _OF_FULL) <= brought:
        return True
    if any(run.script.errors or not run.script.is_shell for run in runs_of(target)):
        return True
    has_compiler = bool(_COMPILERS & brought)
    return any(_may_compile(one, brought, has_compiler=has_compiler) for one in installs_of(target))


def _may_compile(install: Install, brought: set[str], *, has_compiler: bool) -> bool:
    if not install.is_python or not install.brings_packages:
        return False
    asked = list(asked_by(install))
    if _clones(install) and "git" not in brought:
        return True
    if has_compiler:
        return False
    is_read = bool(install.inputs.files) or not install.requirement_files
    if install.has_unknown or not is_read or any(one.name in COMPILED for one in asked):
        return True
    lock, python = install.inputs.lock, install.run.stage.base.python
    if install.manager != "pip" and not install.packages and lock is None:
        return True
    return lock is not None and (
        python is None or any(one.has_wheel_for(python) is False and not one.local for one in lock.packages)
    )


def _clones(install: Install) -> bool:
    entries = (entry for file in install.inputs.files for entry in file.all_entries)
    return any(package.is_git for package in install.packages) or any(entry.git for entry in entries)


def _fix(facts: Facts, root: StageFacts) -> Fix | None:
    """The same tag's slim variant, where the tag stands in the FROM."""
    base = root.base
    written = facts.text(root.base_span)
    found = _TAG.fullmatch(base.tag)
    if base.digest or found is None or not written.endswith(f":{base.tag}"):
        return None
    tag = f"{found['version']}-slim{found['release'] or ''}"
    edit = Edit(facts.file.name, root.base_span, written.removesuffix(base.tag) + tag)
    effect = Effect(frozenset({root.start.index}), aspects=frozenset({Aspect.BASE}))
    return Fix("take the slim image", (edit,), Safety.UNSAFE, effect)


RULE = Rule("G7", "full-python-image", Severity.WARNING, _check, also=("DD018",))
