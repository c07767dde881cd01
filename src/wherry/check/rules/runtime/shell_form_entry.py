"""CMD or ENTRYPOINT is run by a shell, which takes the signals.

Why: of the shell form `/bin/sh -c` is process 1 and does not pass SIGTERM on: `docker stop` and Kubernetes
wait the whole grace period (10 s and 30 s by default) and then kill, and the server never finishes its
requests. An ENTRYPOINT in shell form also swallows what CMD and the command line add.

## Bad

```dockerfile
FROM python:3.12-slim
CMD python -m uvicorn app:app --host 0.0.0.0 --port 8000
```

## Fixed

```dockerfile
FROM python:3.12-slim
CMD ["python", "-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Bad: variables need the shell

```dockerfile
FROM python:3.12-slim
ENTRYPOINT gunicorn --bind 0.0.0.0:$PORT app:app
```

## Bad: conda run keeps them too

```dockerfile
FROM continuumio/miniconda3:24.9.2-0
CMD ["conda", "run", "-n", "serve", "python", "serve.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

## Good: the shell gives way

```dockerfile
FROM python:3.12-slim
CMD exec gunicorn --bind 0.0.0.0:$PORT app:app
```

## Good: bash becomes the program

```dockerfile
FROM python:3.12-slim
SHELL ["/bin/bash", "-c"]
CMD cd /app && gunicorn --bind 0.0.0.0:$PORT app:app
```

## Good: a shell to work in

```dockerfile
FROM python:3.12-slim
CMD bash
```

## Fix

Safe, for one command of plain words: the same words as JSON. Unsafe for a CMD that an ENTRYPOINT takes, which
may make something else of the words than of a shell. None where a shell is needed: put `exec` before the
command; and none for an ENTRYPOINT whose shell swallowed arguments so far, of CMD or of who runs it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from wherry.check.facts.endings import is_shell_alone
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.endings import Entry
    from wherry.check.model import Finding

_CONDA: Final = frozenset({"conda", "mamba"})
_SH_IS_BASH: Final = frozenset({"dnf", "yum", "microdnf", "zypper"})
_PASSES_ON: Final = frozenset({"--no-capture-output", "--live-stream"})
_STARTERS: Final = frozenset({"tini", "dumb-init", "docker-init", "catatonit"})
"""They run what they are given, and no more."""
_BUILTINS: Final = (
    "! . : [[ alias bg bind break builtin caller case cd command compgen complete coproc continue declare"
    " dirs disown enable eval exec exit export fc fg for function getopts hash help history if jobs let"
    " local logout mapfile popd pushd read readarray readonly return select set shift shopt source suspend"
    " time times trap type typeset ulimit umask unalias unset until wait while"
)
_OF_THE_SHELL: Final = frozenset(_BUILTINS.split())
"""Commands that no file is there for."""


def _check(facts: Facts) -> Iterator[Finding]:
    ending = facts.target.ending
    for entry in (ending.entrypoint, ending.cmd):
        if entry is None or facts.stage_of(entry.instruction) is None:
            continue
        if entry.is_json:
            yield from _conda_run(facts, entry)
        elif not _gives_way(entry) and not _is_replaced(facts, entry) and not is_shell_alone(entry.calls):
            if entry is ending.cmd and ending.entrypoint is not None and ending.entrypoint.is_json:
                what = "the shell form of CMD reaches the ENTRYPOINT as /bin/sh -c"
            else:
                what = f"{entry.instruction.keyword.upper()} is run by a shell, which is process 1"
            yield RULE.at(
                facts.place(entry.instruction.span),
                what,
                why="SIGTERM does not reach the program: every stop waits for the whole grace period",
                fix=_fix(facts, entry),
            )


def _gives_way(entry: Entry) -> bool:
    """The shell replaces itself by the program."""
    text = entry.instruction.body.text.strip()
    return text.startswith("exec ") or " exec " in text or "\nexec " in text or not entry.calls


def _is_replaced(facts: Facts, entry: Entry) -> bool:
    """The shell is bash, which becomes the last command of ``cd /app && python serve.py``; dash stays."""
    shell = entry.argv[0].rpartition("/")[2]
    if shell != "bash" and not (shell == "sh" and facts.target.base.package_manager in _SH_IS_BASH):
        return False
    first, *rest = (call.command for call in entry.calls)
    return not first.nesting and all(one.before == "&&" and not one.nesting for one in rest)


def _conda_run(facts: Facts, entry: Entry) -> Iterator[Finding]:
    values = entry.instruction.values
    is_conda = values[1:2] == ("run",) and values[0].rpartition("/")[2] in _CONDA
    if is_conda and _PASSES_ON.isdisjoint(values):
        yield RULE.at(
            facts.place(entry.instruction.span),
            "conda run stands between the container and the program",
            why="it keeps what the program prints until it ends, and signals do not reach it",
        )


def _fix(facts: Facts, entry: Entry) -> Fix | None:
    instruction, calls = entry.instruction, entry.calls
    if len(calls) != 1 or instruction.comments or instruction.heredocs:
        return None
    if instruction.keyword == "entrypoint" and _is_given_arguments(facts):
        return None
    call = calls[0]
    command = call.command
    is_plain = all(word.is_literal for word in command.words)
    if command.name in _OF_THE_SHELL:
        return None
    if not is_plain or command.wrapped_by or command.redirects or command.assignments or command.nesting:
        return None
    body = instruction.body.data
    if any(byte in body for byte in b"|&;<>()$`{}*?~#") or len(command.words) != len(body.split()):
        return None
    span = Span(instruction.body.at(0), instruction.span.end)
    text = json.dumps([word.value for word in command.words], ensure_ascii=False)
    lead = " " if facts.file.data[instruction.keyword_span.end : span.start] == b"" else ""
    return Fix(
        "write it as JSON",
        (Edit(facts.file.name, span, f"{lead}{text}"),),
        _safety(facts, entry),
        Effect(frozenset({instruction.index}), aspects=frozenset({Aspect.ENTRY})),
    )


def _is_given_arguments(facts: Facts) -> bool:
    """Words that the shell swallowed would reach the program."""
    if facts.target.ending.cmd is not None:
        return True
    return any(service.command for service in facts.compose) or any(
        one.container.args for one in facts.running
    )


def _safety(facts: Facts, entry: Entry) -> Safety:
    starter = facts.target.ending.entrypoint
    if starter is None or entry is starter:
        return Safety.SAFE
    is_known = bool(starter.calls) and starter.argv[0].rpartition("/")[2] in _STARTERS
    return Safety.SAFE if is_known else Safety.UNSAFE


RULE = Rule(
    "H3",
    "shell-form-entry",
    Severity.WARNING,
    _check,
    also=("DL3025", "JSONArgsRecommended"),
)
