r"""A model is fetched from a hub without saying which revision.

Why: a name on a hub is a branch: it means whatever was pushed last. Two builds of one Dockerfile hold two
models, the cached layer a third, and nobody can say which one answered. With `trust_remote_code=True`, and
always with `torch.hub.load`, the repository's code is run as well, during the build and again in
production: then it is a warning, as whoever takes over the repository takes over the image. Where D2 tells
of the same download, it tells of the revision too, and this says nothing.

## Bad

```dockerfile
FROM python:3.12-slim AS weights
RUN huggingface-cli download mistralai/Mistral-7B-v0.3 --local-dir /models/mistral

FROM python:3.12-slim
COPY --link --from=weights /models /models
```

## Bad: code comes with it

```dockerfile
FROM python:3.12-slim
RUN python -c "import transformers as t; t.AutoModel.from_pretrained('org/m', trust_remote_code=True)"
```

## Bad: a branch

```dockerfile
FROM python:3.12-slim AS weights
COPY fetch.py ./
RUN python fetch.py

FROM python:3.12-slim
COPY --link --from=weights /models /models
```

```python fetch.py
from huggingface_hub import snapshot_download

snapshot_download("org/model", revision="main", local_dir="/models")
```

## Good

```dockerfile
FROM python:3.12-slim
RUN huggingface-cli download openai/whisper-tiny \
    --revision 169d4a4341b33bc18d8881c4b69c2e104e1cc0af --local-dir /models/whisper
```

## Good: a variable decides

```dockerfile
FROM python:3.12-slim
ARG REVISION
RUN huggingface-cli download openai/whisper-tiny --revision "$REVISION" --local-dir /models/whisper
```

## Fix

None: only who chose the model knows which commit was meant. `git ls-remote` on the repository, or its page,
gives the one of today; pass it as `--revision` or `revision=`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.check.rules.weights._fetched import fetched_by, is_loose
from wherry.check.rules.weights.weights_fetched import told_by_d2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding
    from wherry.check.rules.weights._fetched import Fetched


def _check(facts: Facts) -> Iterator[Finding]:
    told = {one.span for _, some in told_by_d2(facts) for one in some}
    runs = (run for stage in facts.stages if stage.is_reachable for run in stage.runs)
    loose = [one for run in runs for one in fetched_by(run) if is_loose(one)]
    loose = [one for one in loose if one.runs_code or one.span not in told]
    if loose:
        first = next((one for one in loose if one.runs_code), loose[0])
        yield RULE.at(
            facts.place(first.span),
            f"{_names(loose)} {'is' if len(loose) == 1 else 'are'} fetched at no certain revision"
            + (", and the code that comes along is run" if first.runs_code else ""),
            why="the name means whatever was pushed last: each build may hold another model",
            related=list(dict.fromkeys(facts.place(one.span) for one in loose if one.span != first.span)),
            severity=Severity.WARNING if first.runs_code else None,
        )


def _names(found: list[Fetched]) -> str:
    names = list(dict.fromkeys(one.name for one in found))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004 - enough to know


RULE = Rule("D3", "revision-not-pinned", Severity.INFO, _check)
