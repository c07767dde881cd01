"""Model weights or data are downloaded while the image is built.

Why: what a RUN downloads is in its layer, in the registry and in every pull, and it is downloaded again
whenever an instruction above it changes: for a 14 GB model on every new requirement. A gated model also
needs a token in the build. For some that is right, as an image that needs no network is easy to deploy; so
it is told, not scolded, and a project may say what it thinks of it.

```toml
[tool.wherry.check.D2]
policy = "warn"   # "allow" says nothing, "forbid" makes it an error
```

Tokenizers, NLTK's data and small spaCy models are let through unless the policy is `forbid`; so is what a
stage of its own downloads, to be copied as one layer.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir huggingface-hub==0.27.0
RUN huggingface-cli download mistralai/Mistral-7B-v0.3 --local-dir /models/mistral
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

None: fetch them when the container starts, into a volume that outlives it, or mount them. If they are to
stay in the image, download them in a stage of its own and `COPY --link --from` it, so that nothing else
touches the layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.weights._fetched import fetched_by
from wherry.check.rules.weights._policy import POLICY, allows, forbids, severity_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.model import Finding
    from wherry.check.rules.weights._fetched import Fetched

_MOST_NAMED: Final = 3


def _check(facts: Facts) -> Iterator[Finding]:
    if allows(facts, RULE):
        return
    found = list(_found(facts))
    if found:
        yield RULE.at(
            facts.place(found[0].span),
            f"{_listed(found)} {'is' if len(found) == 1 else 'are'} downloaded into the image",
            why="the layer is in every pull, and is downloaded again when anything above it changes",
            related=list(dict.fromkeys(facts.place(one.span) for one in found if one.span != found[0].span)),
            severity=severity_of(facts, RULE),
        )


def _found(facts: Facts) -> Iterator[Fetched]:
    """What stays in the image; where it is forbidden, in any stage that is built for it."""
    is_forbidden = forbids(facts, RULE)
    for stage in facts.stages:
        if stage.is_shipped or (is_forbidden and stage.is_reachable):
            for run in stage.runs:
                yield from (one for one in fetched_by(run) if is_forbidden or not one.is_small)


def _listed(found: Sequence[Fetched]) -> str:
    names = list(dict.fromkeys(one.name for one in found))
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


RULE = Rule("D2", "weights-fetched", Severity.INFO, _check, options=POLICY)
