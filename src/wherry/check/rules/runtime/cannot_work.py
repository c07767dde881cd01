r"""A command cannot work where it stands.

Why: three mistakes that no build server tells of in time. The slim images of Python, Debian and Ubuntu have
neither curl nor wget: a HEALTHCHECK that calls one fails for ever, compose waits for ever, and Swarm restarts
a server that is well. A package manager of the system that a USER calls ends the build. And the JSON form of
CMD has no shell: `"$PORT"` reaches the program as these five letters.

## Bad: a health check without its program

```dockerfile
FROM python:3.12-slim
HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Fixed: a health check without its program

```dockerfile
FROM python:3.12-slim
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/health')"]
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Bad: who may not install

```dockerfile
FROM python:3.12-slim
RUN useradd --create-home app
USER app
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg
```

## Bad: a variable in JSON

```dockerfile
FROM python:3.12-slim
ENV PORT=8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "$PORT"]
```

## Fixed: a variable in JSON

```dockerfile
FROM python:3.12-slim
ENV PORT=8000
CMD ["sh", "-c", "exec uvicorn app:app --host 0.0.0.0 --port \"$PORT\""]
```

## Good

```dockerfile
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
USER 10001
HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1
CMD ["sh", "-c", "exec uvicorn app:app --port \"$PORT\""]
```

## Good: the full image has it

```dockerfile
FROM python:3.12
HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Good: by sudo, and by a script that is not read here

```dockerfile
FROM debian:bookworm-slim
COPY setup.sh /setup.sh
RUN sh /setup.sh
USER app
RUN sudo apt-get update
HEALTHCHECK CMD curl -f http://localhost:8000/health
```

## Fix

Unsafe, for a health check that asks one address, where the base is Python's: Python asks. Unsafe, for a CMD
in JSON with no ENTRYPOINT: a shell puts the value in and gives way to the program. None for a package
manager: its RUN belongs above USER.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Final

from wherry.check.facts.commands import SHELLS
from wherry.check.facts.endings import Entry
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.syntax import Argument, Instruction

_CLIENTS: Final = frozenset({"curl", "wget"})
_BARE: Final = {"slim": _CLIENTS, "alpine": frozenset({"curl"})}
"""What images of Python lack, by flavour; Alpine's busybox is a wget."""

_DIRECTORIES: Final = frozenset({"/", "/usr/", "/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/local/"})
_OF_PACKAGES: Final = frozenset({"", "/usr", "/usr/bin", "/bin"})
_FOR_ROOT: Final = frozenset({"update", "install", "upgrade", "remove"})
_STARTERS: Final = frozenset(
    {"tini", "dumb-init", "docker-init", "catatonit", "uv", "poetry", "conda", "nice"}
)
_CODE: Final = frozenset({"-c", "-e", "-lc", "-ec", "-S", "eval"})
_NAMED: Final = regex(r"\$(?:[A-Z_][A-Z0-9_]*|\{[A-Z_][A-Z0-9_]*\})")
_ASKING: Final = regex(r"curl(?:\s+-[-\w]+)*\s+(?P<url>https?://[\w.:/-]+)(?:\s*\|\|\s*exit\s+1)?")


def _check(facts: Facts) -> Iterator[Finding]:
    yield from _health(facts)
    for stage in facts.stages:
        if stage.is_reachable:
            yield from _without_rights(facts, stage)
    yield from _without_shell(facts)


def _health(facts: Facts) -> Iterator[Finding]:
    """A HEALTHCHECK that calls what neither the base nor a step brings."""
    found = facts.target.ending.healthcheck
    stage = facts.stage_of(found) if found else None
    if found is None or stage is None:
        return
    scope = stage.scope(found)
    calls = Entry(found, scope, scope.shell).calls
    missing = next((call for call in calls if call.program in _lacking(facts)), None)
    if missing is not None and not _is_brought(facts.target, missing.program):
        yield RULE.at(
            facts.place(found.span),
            f"HEALTHCHECK calls {missing.program}, and {facts.target.base.reference} has none",
            why="the check fails each time: the container is never healthy",
            fix=_asked_by_python(facts, found),
        )


def _lacking(facts: Facts) -> frozenset[str]:
    base = facts.target.base
    if base.family in {"debian", "ubuntu"}:
        return _CLIENTS
    return _BARE.get(base.flavour, frozenset()) if base.family == "python" else frozenset()


def _is_brought(stage: StageFacts, program: str) -> bool:
    """A step installs it, or may: a script, a COPY into a directory of programs."""
    if any(program in install.names or install.has_unknown for install in stage.all_installs):
        return True
    if any(_may_bring(copy, program) for copy in stage.all_copies):
        return True
    return any(_is_unread(call) for run in stage.all_runs for call in run.calls)


def _may_bring(copy: CopyFacts, program: str) -> bool:
    """Of another stage it takes the directory that packages of the system put programs in."""
    if copy.from_stage is not None:
        return any(
            source.rstrip("/") in _OF_PACKAGES or source.endswith(f"/{program}") for source in copy.sources
        )
    return copy.destination in _DIRECTORIES or copy.destination.endswith(f"/{program}")


def _is_unread(call: Call) -> bool:
    named = call.texts[:1] if call.program in SHELLS else ()
    return call.command.name.endswith(".sh") or any(not text.startswith("-") for text in named)


def _asked_by_python(facts: Facts, found: Instruction) -> Fix | None:
    text = found.body.text.strip().removeprefix("CMD").strip()
    asked = _ASKING.fullmatch(text)
    if asked is None or facts.target.base.family != "python" or found.comments:
        return None
    end = found.span.end
    start = facts.file.data.find(b"CMD", found.keyword_span.end, end)
    code = f"import urllib.request as r; r.urlopen('{asked['url']}')"
    return Fix(
        "let Python ask",
        (Edit(facts.file.name, Span(start, end), f"CMD {json.dumps(['python', '-c', code])}"),),
        Safety.UNSAFE,
        Effect(frozenset({found.index}), aspects=frozenset({Aspect.ENTRY})),
    )


def _without_rights(facts: Facts, stage: StageFacts) -> Iterator[Finding]:
    for run in stage.runs:
        user = run.user.partition(":")[0]
        if run.is_root or "$" in user:
            continue
        install = next((one for one in run.installs if one.is_system and one.action in _FOR_ROOT), None)
        if install and not install.command.wrapped_by and not install.call.is_conditional:
            yield RULE.at(
                facts.place(install.span),
                f"{install.call.program} is run by {user}, who may not install",
                why="the build ends there: it takes USER root above, and the user again below",
            )
            return  # so will those below it


def _without_shell(facts: Facts) -> Iterator[Finding]:
    """Variables in a JSON array that nobody expands."""
    ending = facts.target.ending
    entries = [entry for entry in (ending.entrypoint, ending.cmd) if entry and entry.is_json]
    if ending.entrypoint and not _hands_on(ending.entrypoint):
        return
    words = [argument for entry in entries for argument in entry.instruction.arguments]
    if any(_is_code(words, at) for at in range(len(words))):
        return
    found = [argument for argument in words if _NAMED.search(argument.value)]
    if found:
        yield RULE.at(
            facts.place(found[0].span),
            f"{_NAMED.findall(found[0].value)[0]} stays as it is: JSON has no shell to put its value in",
            why="the program gets the name where it wants a value",
            related=[facts.place(argument.span) for argument in found[1:]],
            fix=_with_shell(facts) if ending.entrypoint is None else None,
        )


def _hands_on(entry: Entry) -> bool:
    """What it starts does not look into its arguments: a program that is known, and no script."""
    name = entry.argv[0].rpartition("/")[2] if entry.argv else ""
    return entry.is_json and not name.endswith(".sh") and (name in _STARTERS or name not in SHELLS)


def _is_code(words: list[Argument], at: int) -> bool:
    return words[at].value in _CODE or words[at].value.rpartition("/")[2] in SHELLS | {"env", "supervisord"}


def _with_shell(facts: Facts) -> Fix | None:
    entry = facts.target.ending.cmd
    if entry is None or facts.stage_of(entry.instruction) is not facts.target or entry.instruction.comments:
        return None
    values = entry.instruction.values
    if any(sign in value for value in values for sign in '"`\\'):
        return None
    script = " ".join(f'"{value}"' if _NAMED.search(value) else shlex.quote(value) for value in values)
    instruction = entry.instruction
    span = Span(instruction.body.at(0), instruction.span.end)
    return Fix(
        "let a shell put it in",
        (Edit(facts.file.name, span, json.dumps(["sh", "-c", f"exec {script}"])),),
        Safety.UNSAFE,
        Effect(frozenset({instruction.index}), aspects=frozenset({Aspect.ENTRY})),
    )


RULE = Rule("H15", "cannot-work", Severity.ERROR, _check)
