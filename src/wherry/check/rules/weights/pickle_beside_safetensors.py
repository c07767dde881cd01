"""A model is copied twice: as safetensors, and as a pickle that runs code when it is loaded.

Why: repositories on model hubs keep the same weights in several formats. Libraries that know safetensors
load it and never open the other, which then is only bytes in every pull. Loading a pickle (`.bin`, `.pt`,
`.pth`, `.ckpt`) runs whatever its author put into it, so a copy that nothing needs is also a way in.

## Bad

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "/app/server.py"]
```

```text models/encoder/model.safetensors
weights
```

```text models/encoder/model.pt
weights
```

## Fixed

```text .dockerignore
models/encoder/model.pt
```

## Good

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "/app/server.py"]
```

```text models/encoder/model.safetensors
weights
```

```text models/decoder/model.pt
weights
```

## Fix

Unsafe: the pickles are named in .dockerignore. Code that names them itself would miss them. None where a
COPY names them.
"""

from __future__ import annotations

import posixpath
from itertools import islice
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.weights._copied import copied_weights, cost_of
from wherry.check.rules.weights._ignoring import left_out, listed
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.weight_files import Weights
    from wherry.check.model import Finding

_MOST: Final = 50  # instructions that are judged
_SAFE: Final = ".safetensors"
_PICKLED: Final = frozenset({".bin", ".pt", ".pth", ".ckpt"})
_SHARD: Final = regex(r"-\d{5}-of-\d{5}$")


def _check(facts: Facts) -> Iterator[Finding]:
    for found in islice(copied_weights(facts), _MOST):
        twice = _twice(found.weights)
        if not twice:
            continue
        paths = [one.path for one in twice]
        yield RULE.at(
            facts.place(found.copy.span),
            f"{listed(paths)} {'is' if len(paths) == 1 else 'are'} copied beside the same as safetensors",
            why="the bytes are there twice, and loading a pickle runs the code in it",
            cost=cost_of(found.copy, twice),
            fix=left_out(facts, paths),
        )


def _twice(weights: Sequence[Weights]) -> list[Weights]:
    """The pickles beside which the same model lies as safetensors."""
    safe = {_model(one.path) for one in weights if one.path.endswith(_SAFE)}
    return [
        one
        for one in weights
        if one.is_pickle and posixpath.splitext(one.path)[1] in _PICKLED and _model(one.path) in safe
    ]


def _model(path: str) -> str:
    """A model by its directory and name, whatever format and part: ``pytorch_model.bin`` is ``model``."""
    stem = _SHARD.sub("", posixpath.splitext(path)[0])
    folder, _, name = stem.rpartition("/")
    return f"{folder}/{'model' if name == 'pytorch_model' else name}"


RULE = Rule("D6", "pickle-beside-safetensors", Severity.WARNING, _check)
