"""The root file system is read-only, and a library of the image writes to it at its first call.

Why: Hugging Face, matplotlib, numba and Triton make caches below HOME or beside their code; on a read-only
root they fail, or warn and compile anew at every call.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir transformers==4.46.3
USER 10001
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    read_only: true
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir transformers==4.46.3
ENV HF_HOME=/cache/huggingface
USER 10001
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    read_only: true
    volumes:
      - cache:/cache
volumes:
  cache:
```

## Fix

None: set the variable to a directory that is a volume or a tmpfs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.texts import Text
    from wherry.check.model import Finding

_CACHES: Final = {
    "transformers": ("HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_CACHE"),
    "sentence-transformers": ("HF_HOME", "HF_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME"),
    "diffusers": ("HF_HOME", "HF_HUB_CACHE"),
    "huggingface-hub": ("HF_HOME", "HF_HUB_CACHE"),
    "vllm": ("HF_HOME", "HF_HUB_CACHE", "VLLM_CACHE_ROOT"),
    "matplotlib": ("MPLCONFIGDIR",),
    "numba": ("NUMBA_CACHE_DIR",),
    "librosa": ("NUMBA_CACHE_DIR",),
}
_EVERYWHERE: Final = ("HOME", "XDG_CACHE_HOME")


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    root = next(_read_only(facts), None)
    if root is None:
        return
    env = facts.target.env
    names = {package.name for install in facts.target.all_installs for package in install.packages}
    names |= {
        entry.name
        for install in facts.target.all_installs
        for file in install.inputs.files
        for entry in file.all_entries
    }
    for name in sorted(names & _CACHES.keys()):
        variables = _CACHES[name]
        if not any(variable in env for variable in (*variables, *_EVERYWHERE)):
            yield RULE.at(
                root.place,
                f"the root is read-only, and {name} writes its cache below HOME",
                why=f"set {variables[0]} to a directory that is a volume",
                related=[facts.place(facts.target.start.span)],
            )


def _read_only(facts: Facts) -> Iterator[Text]:
    """What makes the root of a service or container read-only, where nothing else is mounted at all."""
    for service in facts.compose:
        names = {entry.name for entry in service.environment}
        if service.read_only is not None and names.isdisjoint(_all_variables()):
            yield service.read_only
    for workload in facts.workloads:
        for container in workload.containers:
            names = {variable.name for variable in container.environment}
            flag = container.read_only_root
            if flag is not None and flag.value == "true" and names.isdisjoint(_all_variables()):
                yield flag


def _all_variables() -> set[str]:
    return {variable for variables in _CACHES.values() for variable in variables} | set(_EVERYWHERE)


RULE = Rule("H10", "read-only-root", Severity.WARNING, _check)
