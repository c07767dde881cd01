"""Packages of gigabytes are installed together with those that change every week.

Why: one RUN is one layer. When `torch` stands in a list with forty packages, a new version of the smallest
makes a new layer of all of them: every builder downloads and every node pulls some gigabytes for a few
kilobytes. Installed first, in a RUN of its own above the COPY of the list, it stays where it is until it
changes itself.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY server ./server
```

```text requirements.txt
--extra-index-url https://wheels.example.com/cu121
torch==2.4.1
fastapi==0.115.5
pydantic==2.10.2
transformers==4.46.3
uvicorn==0.32.1
numpy==1.26.4
```

## Fixed

```dockerfile
FROM python:3.12-slim
WORKDIR /app
RUN pip install --no-cache-dir torch==2.4.1 --extra-index-url https://wheels.example.com/cu121
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY server ./server
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.4.1
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.4.1
fastapi==0.115.5
pydantic==2.10.2
transformers==4.46.3
uvicorn==0.32.1
numpy==1.26.4
```

## Good: the base has it

```dockerfile
FROM pytorch/pytorch:2.4.1-cuda12.1-cudnn9-runtime
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.4.1
fastapi==0.115.5
pydantic==2.10.2
transformers==4.46.3
uvicorn==0.32.1
numpy==1.26.4
```

## Fix

Unsafe: the version then stands in two places, and whoever changes the one must change the other. Offered
where the list names one version and pip installs plainly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.sizes import MB, closure_of
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.installs import Install
    from wherry.check.facts.requirements import RequirementFile
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_HEAVY_BYTES: Final = 500 * MB
_LIGHT: Final = 5
_INDEXES: Final = frozenset({"--index-url", "--extra-index-url"})
_PLAIN: Final = regex(r"[\w.+!-]+")
_URL: Final = regex(r"https?://[\w./:%+~-]+")


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.shipped:
        for install in stage.installs:
            heavy = _heavy(install, stage)
            if heavy is None:
                continue
            framework, size_bytes = heavy
            count = sum(len(file.all_entries) for file in install.inputs.files) + len(install.packages) - 1
            yield RULE.at(
                facts.place(install.span),
                f"{framework.name} is installed in one layer with {count} other packages",
                why=f"whichever of them changes, some {size_bytes // MB} MB are downloaded and pulled again",
                related=[framework.text.place] if framework.text else [],
                fix=_fix(facts, install, framework),
            )
            return


def _heavy(install: Install, stage: StageFacts) -> tuple[Framework, int] | None:
    """The framework that outweighs the rest of an install, pinned, and new in the image; with its bytes."""
    is_mixed = (
        install.manager in {"pip", "uv"} and install.action in {"install", "sync"} and install.inputs.files
    )
    if not is_mixed or install.cache.mounts:
        return None
    others = sum(len(file.all_entries) for file in install.inputs.files) + len(install.packages)
    for framework in install.inputs.frameworks:
        closure = closure_of(framework.name, framework.version, framework.build)
        is_heavy = closure is not None and closure.wheel_bytes >= _HEAVY_BYTES and framework.version
        if is_heavy and closure and others > _LIGHT and not _is_there(framework, install, stage):
            return framework, closure.wheel_bytes
    return None


def _is_there(framework: Framework, install: Install, stage: StageFacts) -> bool:
    """The base has it, or an earlier install brought it."""
    earlier = [one for one in stage.all_installs if one.span.start < install.span.start]
    brought = {found.name for one in earlier for found in one.inputs.frameworks}
    return framework.name in stage.base.frameworks or framework.name in brought


def _fix(facts: Facts, install: Install, framework: Framework) -> Fix | None:
    files = install.inputs.files
    entry = next(
        (entry for file in files for entry in file.all_entries if entry.name == framework.name), None
    )
    copy = _copy_of_list(install)
    is_plain = install.manager == "pip" and not install.command.nesting and not install.command.wrapped_by
    if entry is None or copy is None or not is_plain or entry.marker or not entry.pinned or entry.hashes:
        return None
    if not _PLAIN.fullmatch(entry.pinned) or install.run.instruction.flags or _changes_between(copy, install):
        return None
    options = [*_kept_options(install), *_indexes(files)]
    if not all(_URL.fullmatch(one) or one.startswith("--") for one in options):
        return None
    name = install.command.name
    program = f"{name} -m pip" if name.startswith("python") else name
    flags = " --no-cache-dir" if install.has("--no-cache-dir") else ""
    extras = f"[{','.join(entry.extras)}]" if entry.extras else ""
    line = " ".join([f"RUN {program} install{flags} {framework.name}{extras}=={entry.pinned}", *options])
    edit = put_before(facts.dockerfile, copy.instruction, f"{line}\n")
    effect = Effect(frozenset(), 1, frozenset({Aspect.COMMANDS}))
    return Fix(f"install {framework.name} first", (edit,), Safety.UNSAFE, effect)


def _copy_of_list(install: Install) -> CopyFacts | None:
    """The COPY of the same stage that brings the list, and nothing but lists."""
    read = {install.call.path(name) for name in install.requirement_files}
    before = [copy for copy in install.run.stage.copies if copy.index < install.run.index]
    bring = [copy for copy in before if any(copy.target_of(source) in read for source in copy.sources)]
    return bring[0] if bring and not bring[0].takes_all else None


def _changes_between(copy: CopyFacts, install: Install) -> bool:
    """Between the two something else is set or run, which pip may need."""
    return any(
        copy.index < one.index < install.run.index and one.keyword not in {"copy", "workdir", "label"}
        for one in install.run.stage.stage.instructions
    )


def _kept_options(install: Install) -> list[str]:
    return [word for name in sorted(_INDEXES) for value in install.values(name) for word in (name, value)]


def _indexes(files: tuple[RequirementFile, ...]) -> list[str]:
    """The indexes that the lists name."""
    return [
        word
        for file in files
        for option in file.all_options
        if option.name in _INDEXES and option.credentials is None
        for word in (option.name, option.value.value)
    ]


RULE = Rule("B10", "heavy-with-light", Severity.INFO, _check)
