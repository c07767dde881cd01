"""Model weights are copied into the image.

Why: what is baked in is in every pull of every node, in every tag that the registry keeps, and in the
scanner's queue, and a new model means a new image. For some that is right: one artefact that needs no
network, deployed as it was tested. So it is told, not scolded, and a project may say what it thinks of it.

```toml
[tool.wherry.check.D1]
policy = "warn"   # "allow" says nothing, "forbid" makes it an error
```

Files are known by their first bytes as much as by their names. Below 50 MB nothing is said, unless the
policy is `forbid`; nor of weights behind the code, of which D4 tells.

## Bad

```dockerfile
FROM python:3.12-slim
COPY model.safetensors /models/
CMD ["python", "-m", "server"]
```

## Bad: forbidden, in a directory

```dockerfile
FROM python:3.12-slim
COPY . /app
CMD ["python", "-m", "app.server"]
```

```text checkpoints/last.ckpt
weights
```

```toml pyproject.toml
[tool.wherry.check.D1]
policy = "forbid"
```

## Fixed: forbidden, in a directory

```text .dockerignore
checkpoints/last.ckpt
```

## Good

```dockerfile
FROM python:3.12-slim
COPY server /app/server
ENV HF_HOME=/models
VOLUME /models
CMD ["python", "-m", "server"]
```

## Good: it is small

```dockerfile
FROM python:3.12-slim
COPY model.onnx /models/
CMD ["python", "-m", "server"]
```

```text model.onnx
a few bytes
```

## Good: allowed

```dockerfile
FROM python:3.12-slim
COPY model.safetensors /models/
CMD ["python", "-m", "server"]
```

```toml pyproject.toml
[tool.wherry.check.D1]
policy = "allow"
```

## Fix

Unsafe, and only for weights that come along with a whole directory: they are named in .dockerignore. None
where a COPY names them: mount them from a volume, fetch them when the container starts, keep them in an
image or OCI artefact of their own, or, if they are to stay, give them a `COPY --link` of their own above
the code.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.weights._copied import copied_weights
from wherry.check.rules.weights._ignoring import left_out, listed
from wherry.check.rules.weights._late import late_weights
from wherry.check.rules.weights._policy import LARGE_BYTES, POLICIES, POLICY, allows, forbids, severity_of
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding

_MOST: Final = 50  # instructions that are told


def _check(facts: Facts) -> Iterator[Finding]:
    if allows(facts, RULE):
        return
    late = set() if forbids(facts, RULE) else {one.instruction.index for one in late_weights(facts)}
    for found in islice(copied_weights(facts, anywhere=forbids(facts, RULE)), _MOST):
        if found.size_bytes < LARGE_BYTES and not found.missing and not forbids(facts, RULE):
            continue
        if found.copy.index in late:
            continue  # D4 tells of it
        size = found.size_bytes
        yield RULE.at(
            facts.place(found.copy.span),
            f"{listed(found.names)} {'is' if len(found.names) == 1 else 'are'} copied into the image"
            + (f": {readable_size(size)} of weights" if size else ""),
            why="they are in every pull of the image and in every tag, and a new model means a new image",
            cost=found.cost,
            severity=severity_of(facts, RULE),
            fix=left_out(facts, [one.path for one in found.weights]) if not found.missing else None,
        )


RULE = Rule("D1", "weights-copied", Severity.INFO, _check, options=POLICY, choices=POLICIES)
