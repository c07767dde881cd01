r"""A cache is mounted, and nothing is kept in it.

Why: with `--no-cache-dir`, or `PIP_NO_CACHE_DIR=1` in an ENV of long ago, pip neither reads the mount nor
fills it; a `conda clean` or `rm -rf` at the end of the RUN empties it, as one does without a mount; and
Debian's images have a `docker-clean` that removes what apt downloads as soon as it is installed. The build is
as slow as without the mount, and nobody notices.

## Bad

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install \
      --no-cache-dir \
      -r requirements.txt
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install \
      -r requirements.txt
```

## Bad: switched off in the environment

```dockerfile
FROM python:3.12-slim
ENV PIP_NO_CACHE_DIR=1
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Fixed: switched off in the environment

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Bad: emptied again

```dockerfile
FROM mambaorg/micromamba:1.5.8
COPY conda-lock.yml /tmp/
RUN --mount=type=cache,target=/opt/conda/pkgs,uid=57439 \
    micromamba install --name base --yes --file /tmp/conda-lock.yml && \
    micromamba clean --all --yes
```

## Fixed: emptied again

```dockerfile
FROM mambaorg/micromamba:1.5.8
COPY conda-lock.yml /tmp/
RUN --mount=type=cache,target=/opt/conda/pkgs,uid=57439 \
    micromamba install --name base --yes --file /tmp/conda-lock.yml
```

## Bad: emptied by docker-clean

```dockerfile
FROM debian:12-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg
```

## Fixed: emptied by docker-clean

```dockerfile
FROM debian:12-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg
```

## Good

```dockerfile
FROM debian:12-slim
RUN rm -f /etc/apt/apt.conf.d/docker-clean
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends python3-pip
RUN --mount=type=cache,target=/root/.cache/pip pip install --break-system-packages numpy==2.1.3
```

## Fix

Safe for the option: the mount is in no layer, so the image is the same. Unsafe for a variable, which later
builds on the image see too, for what else a cleaning command removes, and for `docker-clean`, which is a file
of the image. None for a variable where some install has no mount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out, without_word
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._mounts import OFF, fetches, off_options
from wherry.dockerfile.shell.segments import removal_spans
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Finding

_VARIABLES: Final = {
    "pip": "PIP_NO_CACHE_DIR",
    "pipx": "PIP_NO_CACHE_DIR",
    "uv": "UV_NO_CACHE",
}
_ARCHIVES: Final = "/var/cache/apt"
_WITH_DOCKER_CLEAN: Final = frozenset({"debian", "ubuntu", "python", "cuda", "pytorch", "tensorflow", "node"})


def _check(facts: Facts) -> Iterator[Finding]:
    mounted = [one for one in facts.installs if fetches(one) and one.cache.mounts]
    yield from _by_option(facts, [one for one in mounted if one.cache.is_off and one.has(*OFF)])
    yield from _by_variable(facts, [one for one in mounted if one.cache.is_off and _is_set(one)])
    yield from _emptied(facts, [one for one in mounted if not one.cache.is_off])
    yield from _docker_clean(facts, mounted)


def _by_option(facts: Facts, installs: Sequence[Install]) -> Iterator[Finding]:
    if not installs:
        return
    options = [option for one in installs for option in off_options(one)]
    edits = [
        Edit(facts.file.name, without_word(facts.dockerfile, option.word.span), "") for option in options
    ]
    is_editable = not any(
        install.run.instruction.is_json or _ends_behind_comment(install.run) for install in installs
    ) and all(option.word.is_literal for option in options)
    effect = Effect(
        frozenset(install.run.index for install in installs), aspects=frozenset({Aspect.COMMANDS})
    )
    yield RULE.at(
        facts.place(options[0].word.span),
        f"{options[0].name} keeps {installs[0].manager} from the cache that is mounted for it",
        why="every build downloads everything again",
        related=[facts.place(option.word.span) for option in options[1:]],
        fix=Fix("use the mount", tuple(edits), Safety.SAFE, effect) if is_editable else None,
    )


def _ends_behind_comment(run: RunFacts) -> bool:
    """Its last line stands below a comment: without it the line above would be continued by nothing."""
    lines = run.stage.facts.text(run.span).splitlines()
    return len(lines) > 1 and lines[-2].lstrip().startswith("#")


def _by_variable(facts: Facts, installs: Sequence[Install]) -> Iterator[Finding]:
    by_name = {_VARIABLES[install.manager]: install for install in installs if install.manager in _VARIABLES}
    for name, install in by_name.items():
        found = [one for one in install.run.stage.all_variables if one.name == name and one.kind == "env"]
        if found:
            yield RULE.at(
                facts.place(found[-1].name_span),
                f"{name} keeps {install.manager} from the cache that is mounted for it",
                why="every build downloads everything again",
                related=[facts.place(install.span)],
                fix=_without_variable(facts, found[-1]) if len(found) == 1 else None,
            )


def _is_set(install: Install) -> bool:
    """The environment says it, whatever the command line says besides."""
    return bool(install.env.get(_VARIABLES.get(install.manager, ""), ""))


def _without_variable(facts: Facts, variable: Variable) -> Fix | None:
    """The ENV without the variable, where no install would then leave a cache in a layer."""
    installs = [
        one for one in facts.installs if _VARIABLES.get(one.manager) == variable.name and fetches(one)
    ]
    if not all(install.cache.mounts or install.has(*OFF) for install in installs):
        return None
    instruction = variable.instruction
    if len(instruction.pairs) > 1 or instruction.is_legacy_pair:
        return None
    effect = Effect(frozenset({instruction.index}), aspects=frozenset({Aspect.ENV}))
    return Fix("use the mount", (taken_out(facts.dockerfile, instruction),), Safety.UNSAFE, effect)


def _emptied(facts: Facts, installs: Sequence[Install]) -> Iterator[Finding]:
    seen = set()
    for install in installs:
        call = _cleaning(install)
        if call is None or call.command.span in seen:
            continue
        seen.add(call.command.span)
        spans = removal_spans(call.command, install.run.instruction)
        edits = tuple(Edit(facts.file.name, span, "") for span in spans or ())
        effect = Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.COMMANDS}))
        yield RULE.at(
            facts.place(call.command.span),
            f"the cache mounted at {install.cache.mounts[0].target} is emptied again",
            why="every build downloads everything again",
            related=[facts.place(install.cache.mounts[0].span)],
            fix=Fix("keep what is on the mount", edits, Safety.UNSAFE, effect) if edits else None,
        )


def _cleaning(install: Install) -> Call | None:
    """What of the same RUN empties the mount behind the install."""
    run, mounts = install.run, install.cache.mounts
    for other in run.installs:
        is_same = other.manager == install.manager or (other.is_conda and install.is_conda)
        is_held = install.manager != "apt" or any(mount.holds(f"{_ARCHIVES}/archives") for mount in mounts)
        if other.action == "clean" and is_same and is_held and other.span.start > install.span.start:
            return other.call
    for removal in run.removals:
        if removal.call.command.span.start > install.span.start and any(
            removal.covers(mount.target.rstrip("/")) for mount in mounts
        ):
            return removal.call
    return None


def _docker_clean(facts: Facts, installs: Sequence[Install]) -> Iterator[Finding]:
    for install in installs:
        run = install.run
        mount = run.mount("cache", _ARCHIVES)
        if install.manager != "apt" or mount is None or run.stage.base.family not in _WITH_DOCKER_CLEAN:
            continue
        if _is_told_to_keep(run):
            continue
        yield RULE.at(
            facts.place(mount.span),
            f"docker-clean empties what is mounted at {mount.target}",
            why="the images of Debian and Ubuntu remove what apt has downloaded once it is installed",
            related=[facts.place(install.span)],
            fix=_without_docker_clean(facts, run),
        )
        return


def _is_told_to_keep(run: RunFacts) -> bool:
    """docker-clean is gone, or overruled, by something of the chain."""
    texts = (run.stage.facts.text(one.span) for one in run.stage.all_runs)
    copied = (source for copy in run.stage.all_copies for source in (*copy.sources, copy.destination))
    return any("docker-clean" in text or "eep-" in text for text in texts) or any(
        "apt" in one for one in copied
    )


def _without_docker_clean(facts: Facts, run: RunFacts) -> Fix | None:
    first = next(install for install in run.installs if install.manager == "apt")
    command = first.command
    if command.nesting or command.wrapped_by or command.name != "apt-get" or run.instruction.heredocs:
        return None
    start = Span(command.span.start, command.span.start)
    edit = Edit(facts.file.name, start, "rm -f /etc/apt/apt.conf.d/docker-clean && ")
    effect = Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("remove docker-clean", (edit,), Safety.UNSAFE, effect)


RULE = Rule("B7", "cache-mount-unused", Severity.WARNING, _check)
