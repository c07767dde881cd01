r"""Wheels are copied into the image, installed, and left there.

Why: `COPY --from=build /wheels /wheels` is a layer of its own. What the next RUN removes is gone from sight
only: the image carries every wheel beside what was unpacked from it, for a torch with CUDA 3 GB. A bind mount
shows the wheels to the one RUN that installs them, and leaves nothing.

## Bad

```dockerfile
FROM python:3.12 AS build
COPY requirements.txt ./
RUN pip wheel --no-cache-dir --wheel-dir /wheels -r requirements.txt

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels
CMD ["python", "-m", "server"]
```

## Fixed

```dockerfile
FROM python:3.12 AS build
COPY requirements.txt ./
RUN pip wheel --no-cache-dir --wheel-dir /wheels -r requirements.txt

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir /wheels/*.whl
CMD ["python", "-m", "server"]
```

## Bad: from the context, and not removed

```dockerfile
FROM python:3.12-slim
COPY dist/ /tmp/dist/
RUN pip install --no-cache-dir --no-index --find-links /tmp/dist service
CMD ["service"]
```

## Fixed: from the context, and not removed

```dockerfile
FROM python:3.12-slim
RUN --mount=type=bind,source=dist,target=/tmp/dist \
    pip install --no-cache-dir --no-index --find-links /tmp/dist service
CMD ["service"]
```

## Bad: made where they ship

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip wheel --no-cache-dir --wheel-dir /wheels -r requirements.txt
RUN pip install --no-cache-dir --no-index --find-links /wheels -r requirements.txt
```

## Good

```dockerfile
FROM python:3.12 AS build
RUN pip wheel --no-cache-dir --wheel-dir /wheels numpy==2.1.3

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Fix

Safe where the same RUN removes the wheels after installing them: the files of the image are the same. Unsafe
where it keeps them, for something may look for them later. None where another instruction names their
directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._mounts import mounts_added
from wherry.dockerfile.shell.segments import removal_spans
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Span

_PLAIN: Final = regex(r"[\w./@+-]+")
_MOST: Final = 100
_FLAGS: Final = frozenset({"from", "link", "chown", "chmod"})


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.shipped:
        local = [install for install in stage.installs if install.is_python and _local_wheels(install)][
            :_MOST
        ]
        for copy in stage.copies if local else ():
            installs = [install for install in local if _installs_from(install, copy)]
            if installs and copy.sources and not copy.urls:
                yield _copied(facts, copy, installs)
        yield from _made(facts, [install for install in stage.installs if install.action == "wheel"])


def _installs_from(install: Install, copy: CopyFacts) -> bool:
    """It installs wheels that the COPY has brought."""
    if install.run.index < copy.index or install.action not in {"install", "sync"}:
        return False
    tree = copy.destination.rstrip("/")
    return bool(tree) and any(_is_in(install.call.path(path), tree) for path in _local_wheels(install))


def _local_wheels(install: Install) -> list[str]:
    """Wheels that it is given by path, and directories to look for them in."""
    named = [package.url for package in install.packages if package.is_local and ".whl" in package.url]
    return [*named, *(value for value in install.values("--find-links") if "://" not in value)]


def _is_in(path: str, tree: str) -> bool:
    return path == tree or path.startswith(f"{tree}/")


def _copied(facts: Facts, copy: CopyFacts, installs: list[Install]) -> Finding:
    return RULE.at(
        facts.place(copy.span),
        f"the wheels in {copy.destination.rstrip('/')} stay in the layer that they are copied to",
        why="the image has them beside what is unpacked from them, whatever a later RUN removes",
        cost=copy.cost,
        related=[facts.place(install.span) for install in installs],
        fix=_fix(facts, copy, installs),
    )


def _made(facts: Facts, wheels: list[Install]) -> Iterator[Finding]:
    """Wheels that are built in a stage that ships, and not removed by the same RUN."""
    for install in wheels:
        places = [install.call.path(value) for value in install.values("--wheel-dir")]
        if places and not any(install.run.removes(place, after=install.span.end) for place in places):
            mounted = any(install.run.mount(kind, places[0]) for kind in ("cache", "tmpfs", "bind"))
            if not mounted:
                yield RULE.at(
                    facts.place(install.span),
                    f"the wheels in {places[0]} are built in the stage that ships, and stay",
                    why="the image has them beside what is unpacked from them",
                )


def _fix(facts: Facts, copy: CopyFacts, installs: list[Install]) -> Fix | None:
    run = installs[0].run
    tree = copy.destination.rstrip("/")
    source = copy.sources[0]
    is_plain = len(copy.sources) == 1 and _PLAIN.fullmatch(source) and _PLAIN.fullmatch(tree)
    is_odd = copy.is_add or any(flag.name not in _FLAGS for flag in copy.instruction.flags)
    if (
        not is_plain
        or is_odd
        or len({install.run.index for install in installs}) > 1
        or run.instruction.is_json
    ):
        return None
    if _is_named_elsewhere(facts, copy, run) or run.index < copy.index:
        return None
    cuts = _removals(run, tree)
    if cuts is None:
        return None
    fields = ["type=bind", *([f"from={copy.from_}"] if copy.from_ else []), f"source={source.rstrip('/')}"]
    edits = [
        taken_out(facts.dockerfile, copy.instruction),
        mounts_added(
            run,
            [",".join([*fields, f"target={_target(copy, source)}"])],
            less=sum(span.end - span.start for span in cuts),
        ),
        *(Edit(facts.file.name, span, "") for span in cuts),
    ]
    effect = Effect(
        frozenset({copy.index, run.index}),
        aspects=frozenset({Aspect.COPIES, Aspect.MOUNTS, Aspect.COMMANDS}),
    )
    return Fix("mount the wheels instead", tuple(edits), Safety.SAFE if cuts else Safety.UNSAFE, effect)


def _target(copy: CopyFacts, source: str) -> str:
    return copy.target_of(source) if source.endswith(".whl") else copy.destination.rstrip("/")


def _is_named_elsewhere(facts: Facts, copy: CopyFacts, run: RunFacts) -> bool:
    """Another instruction, but for those of the stage that made the wheels, says the directory's name."""
    made_in = copy.from_stage.chain if copy.from_stage else ()
    return any(
        copy.destination.rstrip("/") in facts.text(instruction.span)
        for stage in facts.stages
        if stage not in made_in
        for instruction in stage.stage.instructions
        if instruction.index not in {copy.index, run.index}
    )


def _removals(run: RunFacts, tree: str) -> list[Span] | None:
    """What takes the commands out that remove the wheels; None where one cannot be."""
    cuts: list[Span] = []
    for removal in run.removals:
        if not any(_is_in(path, tree) for path in removal.paths):
            continue
        spans = removal_spans(removal.call.command, run.instruction) if len(removal.paths) == 1 else None
        if spans is None:
            return None
        cuts += spans
    return cuts


RULE = Rule("A9", "wheels-left", Severity.WARNING, _check)
