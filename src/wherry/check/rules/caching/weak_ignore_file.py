"""The build takes what no image needs: there is no .dockerignore, or it lets through what it should not.

Why: `COPY . .` takes whatever lies in the directory: `.git` with every version of every file, a virtual
environment of gigabytes, byte code, and `.env` with its keys. All of it is sent to the builder, and ends in
the image, and any change of it (each `git fetch`, each run of the tests) makes the COPY and everything below
it run again. Directories are matched where they stand: `__pycache__` means the one at the top,
`**/__pycache__` all of them.

The bytes are those of the files that are there. What the Dockerfile names itself, in a COPY, a command or the
entry point, is never asked to be left out.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "-m", "server"]
```

```text requirements.txt
numpy==2.1.3
```

```text .env
OPENAI_API_KEY=...
```

```text server/__pycache__/app.cpython-312.pyc

```

```text .venv/pyvenv.cfg
home = /usr/bin
```

## Fixed

```text .dockerignore
.git
.env
.venv
**/__pycache__
**/*.py[cod]
**/.pytest_cache
**/.mypy_cache
**/.ruff_cache
**/.ipynb_checkpoints
```

## Bad: a pattern that means the top alone

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "-m", "app"]
```

```text .dockerignore
.git
__pycache__
```

```text app/__pycache__/main.cpython-312.pyc

```

## Fixed: a pattern that means the top alone

```text .dockerignore
.git
__pycache__
**/__pycache__
```

## Good

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "-m", "app"]
```

```text .dockerignore
.git
**/__pycache__
```

```text app/__pycache__/main.cpython-312.pyc

```

## Good: only what is named is sent

```dockerfile
FROM python:3.12-slim
COPY requirements.txt /app/
COPY app /app/app
```

```text app/main.py
print("ready")
```

```text requirements.txt
numpy==2.1.3
```

## Good: what is named is wanted

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["uvicorn", "--env-file", ".env", "app:app"]
```

```text .env
PORT=8000
```

```text .dockerignore
.git
```

## Fix

Safe: what it writes leaves out version control, byte code, caches, environments and stored keys, and of those
only what is there or what every Python project has sooner or later. `.git` stays where a command of the build
reads it (`git describe`, setuptools-scm, a script or Makefile that calls git), byte code where it is there
without its source, an environment where the Dockerfile installs nothing itself, `.env` where the code loads
it, and whatever another Dockerfile beside this one names. Tests and notebooks are named and not touched, and
data is not its business: what of them an image needs only its author knows (D7).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Place, Rule, Safety, Severity
from wherry.check.rules.caching._unwanted import Unwanted, companions_of, unwanted_of
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.model import Finding

_MOST_NAMED: Final = 3
_MOST_COPIES: Final = 500
_BYTE_CODE: Final = "**/*.py[cod]"
_ALWAYS: Final = (
    "**/__pycache__",
    _BYTE_CODE,
    "**/.pytest_cache",
    "**/.mypy_cache",
    "**/.ruff_cache",
    "**/.ipynb_checkpoints",
)


def _check(facts: Facts) -> Iterator[Finding]:
    context = facts.context
    copies = [copy for stage in facts.stages if stage.is_reachable for copy in stage.copies]
    broad = [copy for copy in copies[:_MOST_COPIES] if _is_broad(copy)]
    if context is None or not broad:
        return
    found = unwanted_of(facts, context, broad)
    is_missing = context.ignore_source is None
    if not found and not (is_missing and any(copy.takes_all for copy in broad)):
        return
    where = [] if context.ignore_source is None else [Place.of(context.ignore_source, Span(0, 0))]
    yield RULE.at(
        facts.place(_named_first(broad, found).span),
        _what(context, found) + _along(companions_of(facts, context, broad)),
        why="all of it is sent and copied, and each change of it builds again from here"
        if found
        else "whatever comes to lie in the directory will be sent and copied",
        cost=context.cost_of((one.path, one.size_bytes) for one in found),
        related=where,
        fix=_fix(context, found),
        severity=None if found else Severity.INFO,
    )


def _is_broad(copy: CopyFacts) -> bool:
    """It takes a directory of the context, or all of it."""
    context = copy.stage.facts.context
    if context is None or not copy.is_from_context:
        return False
    return copy.takes_all or any(context.is_directory(source) for source in copy.sources)


def _named_first(broad: Sequence[CopyFacts], found: Sequence[Unwanted]) -> CopyFacts:
    copies = [one.copy for one in found] or [copy for copy in broad if copy.takes_all]
    return min(copies, key=lambda copy: copy.index)


def _what(context: Context, found: Sequence[Unwanted]) -> str:
    name = context.ignore_path.rpartition("/")[2]
    if not found:
        return f"the whole directory is copied, and there is no {name}"
    sizes: Counter[str] = Counter()
    for one in found:
        sizes[one.pattern.removeprefix("**/")] += one.size_bytes
    names = [path for path, _ in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))]
    rest = len(names) - _MOST_NAMED
    listed = ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    reason = f"{name} does not leave it out" if context.ignore_source else f"there is no {name}"
    return f"the build takes {listed}: {reason}"


def _along(paths: Sequence[str]) -> str:
    """What is for its author to leave out, as a sentence goes on."""
    rest = len(paths) - _MOST_NAMED
    listed = ", ".join(paths[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    return f"; {listed} {'goes' if len(paths) == 1 else 'go'} along" if paths else ""


def _fix(context: Context, found: Sequence[Unwanted]) -> Fix | None:
    file = context.ignore_source
    wanted = list(dict.fromkeys(one.pattern for one in found))
    if file is None:
        always = [pattern for pattern in _ALWAYS if pattern not in wanted]
        if _has_code_as_bytes(context):
            always.remove(_BYTE_CODE)
        text = "".join(f"{pattern}\n" for pattern in (*_ordered(wanted), *always))
        span, title = Span(0, 0), f"write {context.ignore_path.rpartition('/')[2]}"
    elif wanted:
        text = "".join(f"{pattern}\n" for pattern in _ordered(wanted))
        end = len(file.data)
        text = text if not file.data or file.data.endswith(b"\n") else f"\n{text}"
        span, title = Span(end, end), f"leave {_some(wanted)} out"
    else:
        return None
    effect = Effect(aspects=frozenset({Aspect.FILES}))
    return Fix(title, (Edit(context.ignore_path, span, text),), Safety.SAFE, effect)


def _has_code_as_bytes(context: Context) -> bool:
    """Byte code that is there without its source: some ship it in place of that."""
    if not context.is_complete:
        return True
    compiled = (one.path for one in context.entries if one.path.endswith((".pyc", ".pyd", ".pyo")))
    return any("__pycache__/" not in path and not context.exists(f"{path[:-1]}") for path in compiled)


def _ordered(patterns: Sequence[str]) -> list[str]:
    """Plain names first, then what stands at any depth."""
    return sorted(patterns, key=lambda pattern: (pattern.startswith("**/"), pattern != ".git", pattern))


def _some(patterns: Sequence[str]) -> str:
    return ", ".join(patterns[:_MOST_NAMED]) + (" and more" if len(patterns) > _MOST_NAMED else "")


RULE = Rule("B11", "weak-ignore-file", Severity.WARNING, _check)
