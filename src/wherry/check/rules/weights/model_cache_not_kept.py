"""Models are fetched when the container starts, into a directory that goes with it.

Why: Hugging Face's libraries keep what they fetch below `~/.cache/huggingface`, torch's hub below
`~/.cache/torch`. In a container that is its own thin layer: gone with it, fetched again by every new one,
gigabytes at each deployment and restart, until the hub answers 429 to a whole cluster. A volume at that
place, or `HF_HOME` pointing at the volume that is there, makes the second start quick.

Reported where a compose service or a Kubernetes container runs the image, its code or its command names a
model of a hub, no weights are in the image, and no volume lies where they would be kept.

## Bad

```dockerfile
FROM vllm/vllm-openai:v0.6.6
CMD ["--model", "mistralai/Mistral-7B-Instruct-v0.3"]
```

```yaml compose.yaml
services:
  llm:
    build: .
    gpus: all
```

## Bad: the volume is elsewhere

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir transformers==4.44.2
COPY server.py /app/
CMD ["python", "/app/server.py"]
```

```python server.py
from transformers import pipeline

answer = pipeline("fill-mask", "bert-base-uncased")
```

```yaml compose.yaml
services:
  server:
    build: .
    volumes:
      - models:/models
volumes:
  models:
```

## Fixed: the volume is elsewhere

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir transformers==4.44.2
COPY server.py /app/
ENV HF_HOME=/models
CMD ["python", "/app/server.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
ENV HF_HOME=/models
COPY server.py /app/
CMD ["python", "/app/server.py"]
```

```python server.py
from transformers import pipeline

answer = pipeline("fill-mask", "bert-base-uncased")
```

```yaml compose.yaml
services:
  server:
    build: .
    volumes:
      - models:/models
volumes:
  models:
```

## Good: a directory, not a name

```dockerfile
FROM vllm/vllm-openai:v0.6.6
CMD ["--model", "/models/mistral"]
```

```yaml compose.yaml
services:
  llm:
    build: .
    gpus: all
```

## Fix

Unsafe: where a volume for models is mounted elsewhere, `ENV HF_HOME` points at it; whoever the container
runs as must be able to write there. None where no volume is mounted: another file says it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.weights._copied import copied_weights
from wherry.check.rules.weights._fetched import fetched_by
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.check.facts import Facts
    from wherry.check.model import Finding, Place

_MODEL_OPTIONS: Final = frozenset(
    {"--model", "--model-id", "--model-path", "--hf-repo", "--model_name_or_path"}
)
_SERVERS: Final = frozenset({"vllm", "sglang"})
_NAME: Final = regex(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}")
_CACHES: Final = (
    # the variable, and what stands below it: huggingface_hub/constants.py of 2.4, sentence-transformers 6.2;
    # transformers itself reads TRANSFORMERS_CACHE until 4 (November 2026)
    ("HF_HUB_CACHE", ""),
    ("HUGGINGFACE_HUB_CACHE", ""),
    ("TRANSFORMERS_CACHE", ""),
    ("HF_HOME", ""),
    ("SENTENCE_TRANSFORMERS_HOME", ""),
    ("XDG_CACHE_HOME", "/huggingface"),
)
_FOR_MODELS: Final = regex(r"(?i)hugging|(?:^|[/_-])hf(?:$|[/_-])|models?(?:$|[/_-])|weights|cache")

_WHY: Final = "every new container fetches its models again"


class _Start(Frozen):
    """One way in which the image is started."""

    who: str
    place: Place
    told: tuple[str, ...]  # what is said in place of CMD
    env: Mapping[str, str]
    mounted: tuple[str, ...]


def _check(facts: Facts) -> Iterator[Finding]:
    starts = list(_starts(facts))
    if not starts or _is_baked(facts):
        return
    code = _named_in_code(facts)
    for start in starts:
        model, place = _model(facts, start.told, code)
        cache = _cache(facts, start.env)
        if not model or "HF_HUB_OFFLINE" in start.env or any(_holds(one, cache) for one in start.mounted):
            continue
        other = next((one for one in start.mounted if _FOR_MODELS.search(one)), "")
        where = f"; the volume is at {other}" if other else ""
        is_default = cache.endswith("/.cache/huggingface")
        yield RULE.at(
            start.place,
            f"{start.who} fetches {model} and keeps it at {cache}, where nothing is mounted{where}",
            why=_WHY,
            related=[place] if place else [],
            fix=_fix(facts, other) if other and is_default else None,
        )


def _starts(facts: Facts) -> Iterator[_Start]:
    others = facts.neighbours.all_compose if facts.neighbours else ()
    for service in facts.compose:
        name = service.name.value
        same = (other for other in others if other.name.value == name)
        volumes = [*service.volumes, *(volume for other in same for volume in other.volumes)]
        yield _Start(
            f"service {service.name}",
            service.place,
            tuple(text.value for text in (*service.entrypoint, *service.command)),
            {one.name: one.text.value for one in service.environment if one.text},
            tuple(_target(text.value) for text in volumes),
        )
    for running in facts.running:
        container = running.container
        yield _Start(
            f"container {container.name or container.image}",
            container.place,
            tuple(text.value for text in (*container.command, *container.args)),
            {one.name: one.text.value for one in container.environment if one.text},
            tuple(path.value for path, _ in container.mounts),
        )


def _is_baked(facts: Facts) -> bool:
    """Weights are in the image already, by a COPY, by a RUN, or from another stage or image."""
    if any(True for _ in copied_weights(facts)):
        return True
    if any(fetched_by(run) for stage in facts.stages if stage.is_reachable for run in stage.runs):
        return True
    return any(
        copy.from_ is not None and _FOR_MODELS.search(copy.destination)
        for stage in facts.shipped
        for copy in stage.copies
    )


def _named_in_code(facts: Facts) -> tuple[str, Place] | None:
    """A model of Hugging Face's hub that the project's code names."""
    imports = facts.project.imports
    for download in imports.downloads if imports else ():
        if download.kind == "huggingface" and download.source:
            return download.source, download.text.place
    return None


def _model(facts: Facts, told: Sequence[str], code: tuple[str, Place] | None) -> tuple[str, Place | None]:
    """The model that is fetched at the start: of the command, else of the code."""
    words = [word for text in told for word in text.split()]
    own = [word for call in facts.target.ending.calls for word in (call.program, *call.texts)]
    found = _of_command(words or own)
    if found is not None:
        return found, None
    return code or ("", None)


def _of_command(words: Sequence[str]) -> str | None:
    """The model that a command names; empty for a directory, None where it names none."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        following = words[at + 1] if at + 1 < len(words) else ""
        if name in _MODEL_OPTIONS:
            wanted = value if equals else following
            return wanted if _NAME.fullmatch(wanted) else ""
        if name in _SERVERS and following == "serve" and at + 2 < len(words):
            return words[at + 2] if _NAME.fullmatch(words[at + 2]) else ""
    return None


def _cache(facts: Facts, env: Mapping[str, str]) -> str:
    """Where Hugging Face's libraries keep models."""
    known = {**facts.target.env, **env}
    for name, below in _CACHES:
        if known.get(name):
            return known[name].rstrip("/") + below
    user = facts.target.ending.user.partition(":")[0]
    home = known.get("HOME") or ("/root" if user in {"", "root", "0"} else f"/home/{user}")
    return f"{home.rstrip('/')}/.cache/huggingface"


def _target(volume: str) -> str:
    """Where a volume is mounted: the second part of ``source:target:mode``, the only one of ``target``."""
    parts = volume.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _holds(target: str, path: str) -> bool:
    plain = target.rstrip("/") or "/"
    return path == plain or path.startswith(f"{plain}/") or plain.startswith(f"{path}/")


def _fix(facts: Facts, volume: str) -> Fix | None:
    """Point HF_HOME at the volume, above what starts the container."""
    last = next(
        (one for one in facts.target.stage.instructions if one.keyword in {"cmd", "entrypoint"}), None
    )
    if last is None or not re.fullmatch(r"/[\w./-]+", volume):
        return None
    return Fix(
        f"set HF_HOME to {volume}",
        (put_before(facts.dockerfile, last, f"ENV HF_HOME={volume.rstrip('/')}\n"),),
        Safety.UNSAFE,
        Effect(inserts=1, aspects=frozenset({Aspect.ENV})),
    )


RULE = Rule("D5", "model-cache-not-kept", Severity.WARNING, _check)
