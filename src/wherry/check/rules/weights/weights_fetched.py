"""Model weights or data are downloaded while the image is built.

Why: what a RUN downloads is in its layer, in the registry and in every pull, and it is downloaded again
whenever an instruction above it changes: for a 14 GB model on every new requirement. A gated model also
needs a token in the build. For some that is right, as an image that needs no network is easy to deploy; so
it is told, not scolded, and a project may say what it thinks of it.

```toml
[tool.wherry.check.D2]
policy = "warn"   # "allow" says nothing, "forbid" makes it an error
```

Tokenizers, NLTK's data and small spaCy models are let through unless the policy is `forbid`; so is what has
a layer of its own: what another stage downloads to be copied, and `ADD --link`.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir huggingface-hub==0.27.0
RUN huggingface-cli download mistralai/Mistral-7B-v0.3 --local-dir /models/mistral
```

## Fixed

```dockerfile
FROM python:3.12-slim AS weights
RUN pip install --no-cache-dir huggingface-hub==0.27.0
RUN huggingface-cli download mistralai/Mistral-7B-v0.3 --local-dir /models/mistral

FROM python:3.12-slim
RUN pip install --no-cache-dir huggingface-hub==0.27.0
COPY --link --from=weights /models/mistral /models/mistral
```

## Bad: one file

```dockerfile
FROM python:3.12-slim
RUN mkdir -p /models && wget -q https://models.example.com/v2/whisper.gguf -O /models/whisper.gguf
```

## Fixed: one file

```dockerfile
FROM python:3.12-slim
ADD --link --chmod=644 https://models.example.com/v2/whisper.gguf /models/whisper.gguf
```

## Bad: Python code

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir sentence-transformers==3.3.1
RUN python -c "from sentence_transformers import SentenceTransformer; SentenceTransformer('all-MiniLM-L6-v2')"
```

## Bad: a script

```dockerfile
FROM python:3.12-slim
COPY download.py /tmp/
RUN python /tmp/download.py
```

```python download.py
from huggingface_hub import snapshot_download

snapshot_download("openai/whisper-large-v3", local_dir="/models/whisper")
```

## Bad: data

```dockerfile
FROM python:3.12-slim
RUN aws s3 cp s3://example-bucket/datasets/coco.tar.gz . && tar xzf coco.tar.gz
```

## Good

```dockerfile
FROM python:3.12-slim
ENV HF_HOME=/models
VOLUME /models
CMD ["python", "-m", "server"]
```

## Good: small, or not kept

```dockerfile
FROM python:3.12-slim
RUN python -m nltk.downloader punkt
RUN python -c "from transformers import AutoTokenizer; AutoTokenizer.from_pretrained('gpt2')"
RUN --mount=type=cache,target=/root/.cache/huggingface python -c "import m; m.from_pretrained('gpt2')"
```

## Good: a stage of its own

```dockerfile
FROM python:3.12-slim AS weights
RUN huggingface-cli download mistralai/Mistral-7B-v0.3 --local-dir /models/mistral

FROM python:3.12-slim
COPY --link --from=weights /models /models
```

## Fix

Unsafe, for RUNs that do nothing but fetch one thing to a place that is said in full: the hub's client
downloads in a stage of its own, `curl` and `wget` become `ADD --link`, and nothing else touches the layer.
None for the rest, and where it is forbidden: fetch them when the container starts, into a volume that
outlives it, or mount them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.weights._apart import all_apart
from wherry.check.rules.weights._fetched import fetched_by, fetched_by_add, is_loose
from wherry.check.rules.weights._late import late_weights
from wherry.check.rules.weights._policy import POLICIES, POLICY, allows, forbids, severity_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding, Fix
    from wherry.check.rules.weights._fetched import Fetched

_MOST_NAMED: Final = 3


def _check(facts: Facts) -> Iterator[Finding]:
    by_run = list(told_by_d2(facts))
    found = [one for _, some in by_run for one in some]
    if found:
        yield RULE.at(
            facts.place(found[0].span),
            f"{_listed(found)} {'is' if len(found) == 1 else 'are'} downloaded into the image",
            why="the layer is in every pull, and is downloaded again when anything above it changes"
            + (
                "; no revision is named, so that each build may hold another"
                if any(map(is_loose, found))
                else ""
            ),
            related=list(dict.fromkeys(facts.place(one.span) for one in found if one.span != found[0].span)),
            severity=severity_of(facts, RULE),
            fix=_fix(facts, [run for run, _ in by_run]),
        )


def told_by_d2(facts: Facts) -> Iterator[tuple[RunFacts | None, list[Fetched]]]:
    """What stays in the image, by RUN or ADD; where it is forbidden, in any stage that is built for it."""
    if allows(facts, RULE):
        return
    is_forbidden = forbids(facts, RULE)
    late = set() if is_forbidden else {one.instruction.index for one in late_weights(facts)}
    for stage in facts.stages:
        if not (stage.is_shipped or (is_forbidden and stage.is_reachable)):
            continue
        for run in stage.runs:
            if run.index in late:
                continue  # D4 tells of it
            if some := [one for one in fetched_by(run) if is_forbidden or not one.is_small]:
                yield run, some
        for copy in stage.copies:
            if some := [one for one in fetched_by_add(copy) if is_forbidden or not copy.link]:
                yield None, some


def _fix(facts: Facts, runs: Sequence[RunFacts | None]) -> Fix | None:
    if forbids(facts, RULE):
        return None
    known = [run for run in runs if run is not None]
    return all_apart(facts, known) if len(known) == len(runs) else None


def _listed(found: Sequence[Fetched]) -> str:
    names = list(dict.fromkeys(one.name for one in found))
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


RULE = Rule("D2", "weights-fetched", Severity.INFO, _check, options=POLICY, choices=POLICIES)
