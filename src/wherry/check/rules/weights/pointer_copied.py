"""A Git LFS pointer is copied where a model should be.

Why: a clone without Git LFS holds, in place of each large file, a text of some 130 bytes that names it.
COPY takes it, the build is green, and the container dies when it loads the model: "invalid load key, 'v'",
"Error while deserializing header". It happens in CI, where checkouts leave LFS out unless they are told
otherwise.

## Bad

```dockerfile
FROM python:3.12-slim
COPY models /models
CMD ["python", "-m", "server"]
```

```text models/encoder.safetensors
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 14483464192
```

## Good

```dockerfile
FROM python:3.12-slim
COPY models /models
CMD ["python", "-m", "server"]
```

```text models/encoder.safetensors
the real thing
```

## Good: the build fetches it

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN git lfs pull
```

```text encoder.safetensors
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 14483464192
```

## Fix

None: `git lfs pull` before the build; in GitHub's workflows `actions/checkout` with `lfs: true`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.check.rules.weights._ignoring import listed
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.weight_files import Weights
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        if not stage.is_reachable or any(one.kind == "git-lfs" for one in stage.downloads):
            continue
        for copy in stage.copies:
            pointers = _pointers(copy)
            if not pointers:
                continue
            names = [one.path for one in pointers]
            size = sum(one.pointer_bytes for one in pointers)
            yield RULE.at(
                facts.place(copy.span),
                f"{listed(names)} {'is a pointer' if len(names) == 1 else 'are pointers'} of Git LFS"
                f" for {readable_size(size)} that are not here",
                why="a text of some 130 bytes is copied, and loading the model fails",
            )


def _pointers(copy: CopyFacts) -> list[Weights]:
    """The pointers among what a COPY takes of the context."""
    context = copy.stage.facts.context
    if context is None or not copy.is_from_context or copy.sent is None or not copy.sent.entries:
        return []
    pointers = [one for one in context.kinds.weights if one.is_pointer]
    paths = {entry.path for entry in copy.sent.entries} if pointers else set()
    return [one for one in pointers if one.path in paths]


RULE = Rule("D8", "lfs-pointer-copied", Severity.WARNING, _check)
