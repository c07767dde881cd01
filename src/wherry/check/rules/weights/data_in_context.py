"""Data, training runs and notebooks with their outputs are copied into the image.

Why: `COPY . .` takes `data/`, `mlruns/`, `wandb/` and `checkpoints/` along with the code. They are larger
than all of it, they change with every experiment, so that the layer and all below it are built and pushed
anew, and they hold what nobody meant to publish: samples of customers' data in the outputs of a notebook,
paths and user names in the metadata of a run. The bytes are those of the files that are there.

What the Dockerfile or the code names is left alone, and so are notebooks in an image that is made to open
them.

## Bad

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "-m", "app.server"]
```

```text wandb/run-20250101/files/config.yaml
lr: 0.1
```

```text explore.ipynb
{"cells": [{"cell_type": "code", "outputs": [{"output_type": "stream", "text": ["a customer's name"]}]}]}
```

## Fixed

```text .dockerignore
explore.ipynb
wandb
```

## Bad: runs that may be read

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "-m", "app.server"]
```

```text mlruns/0/meta.yaml
artifact_location: file:///home/me/mlruns/0
```

## Fixed: runs that may be read

```text .dockerignore
mlruns
```

## Good

```dockerfile
FROM python:3.12-slim
COPY app /app
CMD ["python", "-m", "app.server"]
```

```text wandb/run-20250101/files/config.yaml
lr: 0.1
```

## Good: it is meant

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["mlflow", "models", "serve", "-m", "/app/mlruns/0/model"]
```

```text mlruns/0/meta.yaml
artifact_location: file:///home/me/mlruns/0
```

## Good: an image for notebooks

```dockerfile
FROM quay.io/jupyter/scipy-notebook:2024-12-23
COPY . /home/jovyan/work
```

```text explore.ipynb
{"cells": [{"cell_type": "code", "outputs": [{"output_type": "stream", "text": ["4"]}]}]}
```

## Fix

Safe for logs of experiments (`wandb`, `lightning_logs`, `tb_logs`) and for notebooks: they are named in
.dockerignore. Unsafe for data, `mlruns` and training outputs, which a program may read in ways that cannot
be seen here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Safety, Severity
from wherry.check.rules.weights._ignoring import is_named, left_out, listed
from wherry.check.rules.weights._policy import LARGE_BYTES
from wherry.regex import regex
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.kinds import Found
    from wherry.check.model import Finding

_ONLY_LOGS: Final = frozenset({"wandb", "lightning_logs", "tb_logs"})
_FOR_NOTEBOOKS: Final = regex(r"jupyter|jupyterlab|notebook|nbconvert|papermill|voila|ploomber")
_LARGE_DATA_BYTES: Final = 1_000_000
_MOST_LOOKED_INTO: Final = 50


def _check(facts: Facts) -> Iterator[Finding]:
    context = facts.context
    broad = [copy for stage in facts.shipped for copy in stage.copies if copy.takes_all and not copy.excludes]
    if context is None or not broad:
        return
    words = _mentioned(facts)
    logs = [
        one for one in (*_logs(context), *_notebooks(facts, context)) if not _is_wanted(facts, one, words)
    ]
    data = [one for one in _data(context) if not _is_wanted(facts, one, words)]
    for found, safety in ((logs, Safety.SAFE), (data, Safety.UNSAFE)):
        if found:
            yield _finding(facts, context, broad[-1], found, safety)


def _finding(
    facts: Facts, context: Context, copy: CopyFacts, found: Sequence[Found], safety: Safety
) -> Finding:
    ordered = sorted(found, key=lambda one: (-one.size_bytes, one.path))
    size = sum(one.size_bytes for one in found)
    what = listed([f"{one.path}{'/' * one.is_directory}" for one in ordered], 3)
    return RULE.at(
        facts.place(copy.span),
        f"{what} {'is' if len(found) == 1 else 'are'} copied with the code: {readable_size(size)}",
        why="no server needs them, and each experiment builds the layer and all below it anew",
        cost=context.cost_of((one.path, one.size_bytes) for one in found),
        fix=left_out(facts, [one.path for one in found], safety),
    )


def _logs(context: Context) -> Iterator[Found]:
    yield from (one for one in context.kinds.experiments if one.path.rpartition("/")[2] in _ONLY_LOGS)


def _notebooks(facts: Facts, context: Context) -> list[Found]:
    """Notebooks that hold results; none of an image that is made to open them."""
    if facts.target.base.family == "jupyter" or "jupyter" in facts.target.base.tag:
        return []
    names = {name for install in facts.target.all_installs for name in install.names} | facts.project.packages
    if any(_FOR_NOTEBOOKS.fullmatch(name) for name in names):
        return []
    kinds = context.kinds
    return [one for one in kinds.notebooks[:_MOST_LOOKED_INTO] if kinds.has_outputs(one)]


def _data(context: Context) -> Iterator[Found]:
    """Data and what training left behind, but for weights, of which D1 speaks."""
    kinds = context.kinds
    for one in kinds.experiments:
        if one.path.rpartition("/")[2] not in _ONLY_LOGS and not _holds_weights(context, one):
            yield one
    for one in kinds.datasets:
        if one.size_bytes >= _LARGE_DATA_BYTES and not _holds_weights(context, one):
            yield one


def _holds_weights(context: Context, found: Found) -> bool:
    inside = (one for one in context.kinds.weights if one.path.startswith(f"{found.path}/"))
    return sum(one.size_bytes for one in inside) >= LARGE_BYTES


def _is_wanted(facts: Facts, found: Found, words: frozenset[str]) -> bool:
    """A COPY names it, or a command or the code speaks of it."""
    name = found.path.rpartition("/")[2]
    if is_named(facts, found.path) or name in words:
        return True
    imports = facts.project.imports
    told = re.compile(rb"[\"'/]" + re.escape(name.encode("utf-8", "surrogateescape")) + rb"[\"'/]")
    return bool(imports and any(told.search(script.source.data) for script in imports.scripts))


def _mentioned(facts: Facts) -> frozenset[str]:
    """The parts of all words of commands."""
    calls = [call for run in facts.runs for call in run.calls]
    calls += [call for stage in facts.stages for call in stage.ending.calls]
    words = (word for call in calls if call.program not in {"rm", "mkdir"} for word in call.texts)
    return frozenset(part for word in words for part in re.split(r"[/=:,\s\"']", word) if part)


RULE = Rule("D7", "data-in-context", Severity.WARNING, _check)
