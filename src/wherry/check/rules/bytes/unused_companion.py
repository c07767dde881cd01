r"""torchvision or torchaudio is installed and never imported.

Why: the three are copied together from PyTorch's own install line. torchvision is 20 MB, torchaudio 9 MB:
little beside torch, but both must be of exactly torch's version and build, and each is a way for an upgrade
to fail.

Belongs to G8. Off by default, for it saves little; reported only where all the code could be read, and no
package is asked for that is known to use them.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0 torchvision==0.23.0 torchaudio==2.8.0
COPY app.py ./
```

```text app.py
import torch
```

## Fixed

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0
COPY app.py ./
```

```text app.py
import torch
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0 torchvision==0.23.0
COPY app.py ./
```

```text app.py
import torchvision.transforms
```

## Good: somebody else uses it

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0 torchvision==0.23.0 timm==1.0.12
COPY app.py ./
```

```text app.py
import timm
```

## Fix

Unsafe: another package may import it when it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Basis, Cost, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._asked import asked_by
from wherry.check.rules.bytes._carried import carried_installs
from wherry.check.wheel_sizes import wheel_of
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding
    from wherry.check.rules.bytes._asked import Asked

_COMPANIONS: Final = frozenset({"torchvision", "torchaudio"})
_ALONE: Final = frozenset(
    {
        *("torch", "torchvision", "torchaudio", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib"),
        *("fastapi", "flask", "uvicorn", "gunicorn", "starlette", "pydantic", "requests", "httpx", "aiohttp"),
        *(
            "pyyaml",
            "tqdm",
            "rich",
            "click",
            "typer",
            "hydra-core",
            "omegaconf",
            "tensorboard",
            "wandb",
            "mlflow",
        ),
        *("onnx", "onnxruntime", "onnxruntime-gpu", "pillow", "tokenizers", "safetensors", "sentencepiece"),
        *(
            "boto3",
            "redis",
            "psycopg2-binary",
            "sqlalchemy",
            "prometheus-client",
            "pip",
            "setuptools",
            "wheel",
        ),
    }
)
"""Distributions that are known to do without them."""


def _check(facts: Facts) -> Iterator[Finding]:
    found = [
        (install, asked)
        for install in carried_installs(facts)
        if install.is_python and install.brings_packages
        for asked in asked_by(install)
    ]
    if not any(asked.name in _COMPANIONS for _, asked in found):
        return
    unused = _unused(facts)
    if not unused or any(asked.name not in _ALONE for _, asked in found) or _is_hidden(facts):
        return
    for span in dict.fromkeys(install.span for install, _ in found):
        some = [(one, asked) for one, asked in found if one.span == span and asked.name in unused]
        if some:
            yield _finding(facts, some[0][0], [asked for _, asked in some])


def _unused(facts: Facts) -> set[str]:
    """What no code imports; nothing where not all of it is known."""
    imports = facts.project.imports
    if imports is None or not imports.is_complete or not imports.imports("torch"):
        return set()
    return {name for name in _COMPANIONS if not imports.imports(name)}


def _is_hidden(facts: Facts) -> bool:
    """Some install brings what is not seen here."""
    return any(
        install.has_unknown or (install.requirement_files and not install.inputs.files)
        for install in carried_installs(facts)
        if install.is_python and install.brings_packages
    )


def _finding(facts: Facts, install: Install, unused: list[Asked]) -> Finding:
    names = " and ".join(asked.name for asked in unused)
    wheels = [wheel for asked in unused if (wheel := wheel_of(asked.name))]
    return RULE.at(
        unused[0].place,
        f"nothing imports {names}",
        why="each must be of exactly torch's version and build, and is pulled with it",
        cost=Cost(
            sum(wheel.unpacked_bytes for wheel in wheels),
            basis=Basis.TABLE,
            source=" and ".join(wheel.source for wheel in wheels),
        )
        if wheels
        else None,
        related=[asked.place for asked in unused[1:]],
        fix=_fix(facts, install, unused),
    )


def _fix(facts: Facts, install: Install, unused: list[Asked]) -> Fix | None:
    """Take the words out of the command; a command that would be left without packages stays."""
    if install.run.instruction.is_json or any(asked.source is not facts.file for asked in unused):
        return None
    if len(install.packages) <= len(unused) and not install.requirement_files:
        return None
    data = facts.file.data
    edits = []
    for asked in unused:
        start = asked.span.start
        if data[start - 1 : start] != b" " or data[asked.span.end : asked.span.end + 1] not in {
            b" ",
            b"\n",
            b"\r",
        }:
            return None
        edits.append(Edit(facts.file.name, Span(start - 1, asked.span.end), ""))
    effect = Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("leave them out", tuple(edits), Safety.UNSAFE, effect)


RULE = Rule("G19", "unused-companion", Severity.INFO, _check, default=False)
