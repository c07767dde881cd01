r"""Weights come behind the code, and are fetched or copied again with every change of it.

Why: a layer is built again when anything above it changed. Below `COPY . .` that is every commit: a
download of 14 GB runs again and, as its files have new times, is a new layer that is pushed to the registry
and pulled by every node, though not a byte of the model has changed. Above the code the same layer is kept
until the model changes.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
RUN pip install --no-cache-dir huggingface-hub==0.27.0 fastapi==0.115.6
COPY . .
RUN huggingface-cli download openai/whisper-large-v3 --local-dir /models/whisper
CMD ["python", "-m", "server"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
WORKDIR /app
RUN pip install --no-cache-dir huggingface-hub==0.27.0 fastapi==0.115.6
RUN huggingface-cli download openai/whisper-large-v3 --local-dir /models/whisper
COPY . .
CMD ["python", "-m", "server"]
```

## Bad: copied

```dockerfile
FROM python:3.12-slim
COPY server /app/server
# the model of the year
COPY model.safetensors /models/
CMD ["python", "-m", "server"]
```

```text server/__init__.py

```

## Fixed: copied

```dockerfile
FROM python:3.12-slim
# the model of the year
COPY model.safetensors /models/
COPY server /app/server
CMD ["python", "-m", "server"]
```

## Bad: it needs what was installed after the code

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
RUN python -c "from transformers import pipeline; pipeline('fill-mask', 'bert-base-uncased')"
```

```text requirements.txt
transformers==4.44.2
```

## Good

```dockerfile
FROM python:3.12-slim
COPY model.safetensors /models/
COPY server /app/server
CMD ["python", "-m", "server"]
```

## Good: a layer that depends on nothing

```dockerfile
FROM python:3.12-slim
COPY server /app/server
COPY --link model.safetensors /models/
CMD ["python", "-m", "server"]
```

## Fix

Safe where nothing between the two has to do with either: the instruction with the weights moves above the
code. A download moves where it consists of well-known commands, or of Python in the instruction itself.
None where something is installed or set between them, where a script of the project fetches, or where both
write to one place.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before, taken_out, written
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.weights._ignoring import listed
from wherry.check.rules.weights._late import late_weights
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.check.rules.weights._late import Late

_FETCHERS: Final = frozenset(
    {
        "aria2c",
        "aws",
        "cd",
        "chmod",
        "curl",
        "echo",
        "export",
        "gdown",
        "gsutil",
        "hf",
        "huggingface-cli",
        "mkdir",
        "python",
        "python3",
        "set",
        "tar",
        "unzip",
        "wget",
    }
)
_CACHES: Final = frozenset({"HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_CACHE", "TORCH_HOME", "XDG_CACHE_HOME"})
_INERT: Final = frozenset(
    {"copy", "label", "expose", "stopsignal", "healthcheck", "cmd", "entrypoint", "volume"}
)


def _check(facts: Facts) -> Iterator[Finding]:
    for late in late_weights(facts):
        yield _finding(facts, late)


def _finding(facts: Facts, late: Late) -> Finding:
    verb = "downloaded" if late.run else "copied"
    size = f" ({readable_size(late.cost.size_bytes)})" if late.cost.size_bytes else ""
    return RULE.at(
        facts.place(late.instruction.span),
        f"{listed(late.names)}{size} {'is' if len(late.names) == 1 else 'are'} {verb} behind the code",
        why=f"every change of the code has it {verb} again, and pushed and pulled as a new layer",
        cost=late.cost,
        related=(facts.place(late.code.span),),
        fix=_fix(facts, late),
    )


def _fix(facts: Facts, late: Late) -> Fix | None:
    """Move it above the first COPY of code, over nothing that matters to it."""
    code, stage = late.code, late.code.stage
    if late.instruction.flags and late.run:
        return None
    between = [one for one in stage.stage.instructions if code.index <= one.index < late.instruction.index]
    if any(one.keyword not in _INERT or one.heredocs for one in between):
        return None
    copies = [copy for copy in stage.copies if code.index <= copy.index < late.instruction.index]
    if not all(_is_apart(copy, late) for copy in copies):
        return None
    dockerfile = facts.dockerfile
    edits = (
        put_before(dockerfile, code.instruction, written(dockerfile, late.instruction)),
        taken_out(dockerfile, late.instruction),
    )
    return Fix(
        "move it above the code",
        edits,
        Safety.SAFE,
        Effect(frozenset({late.instruction.index}), aspects=frozenset({Aspect.ORDER})),
    )


def _is_apart(copy: CopyFacts, late: Late) -> bool:
    """A COPY that it would move over neither feeds it nor writes where it writes."""
    if late.copy is not None:
        ends = [late.copy.target_of(source) for source in late.copy.sources]
        return not any(copy.lands(end) for end in ends) and not copy.lands(late.copy.destination.rstrip("/"))
    return late.run is not None and _stands_alone(late.run, copy)


def _stands_alone(run: RunFacts, copy: CopyFacts) -> bool:
    """The commands need nothing that was copied, and write elsewhere."""
    if run.script.errors or not run.calls or run.scripts or run.installs:
        return False
    if not all(call.program in _FETCHERS and call.directory for call in run.calls):
        return False
    place = copy.destination.rstrip("/") or "/"
    paths = [*_paths(run), *(one.destination for one in run.downloads if one.destination)]
    paths += [text for name, text in run.env.items() if name in _CACHES and text]
    return place != "/" and not any(_is_below(posixpath.join(run.workdir, path), place) for path in paths)


def _paths(run: RunFacts) -> Iterator[str]:
    """What commands name of the file system; modules of the project among it."""
    sources = {one.source for one in run.downloads}
    code = {one.text for one in run.python}
    for call in run.calls:
        if call.program == "cd":
            yield call.path(call.texts[0] if call.texts else ".")
        for text in call.texts:
            if (
                text not in sources and text not in code and "://" not in text and "/" in text
            ) or text.endswith((".py", ".sh", ".txt", ".json", ".yaml", ".yml", ".toml")):
                yield call.path(text)
    context = run.stage.facts.context
    for one in run.python:
        is_own = context is None or any(
            context.exists(name) or context.exists(f"{name}.py") for name in one.imports
        )
        if is_own or "open(" in one.text or "Path(" in one.text:
            yield run.workdir


def _is_below(path: str, place: str) -> bool:
    plain = posixpath.normpath(path)
    return plain == place or plain.startswith(f"{place}/")


RULE = Rule("D4", "weights-behind-code", Severity.WARNING, _check)
