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

## Bad: a volume is there

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
    volumes:
      - cache:/cache
volumes:
  cache:
```

## Fixed: a volume is there

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir transformers==4.46.3
USER 10001
ENV HF_HOME=/cache/huggingface
CMD ["python", "serve.py"]
```

## Bad: a cache of kilobytes

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir matplotlib==3.9.2
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    read_only: true
```

## Fixed: a cache of kilobytes

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir matplotlib==3.9.2
ENV MPLCONFIGDIR=/tmp/matplotlib
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    read_only: true
    tmpfs: [/tmp]
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

Unsafe: the variable names a directory on what is mounted writable already, never in memory for weights. Where
nothing is, matplotlib and numba, whose caches are small, get `/tmp` besides: `tmpfs` in compose, an
`emptyDir` in Kubernetes. None for model weights then: they want a volume, and which only its owner knows.
The user of the container must be able to write there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.runtime._writable import (
    TMP,
    Mounted,
    directory_for_container,
    memory_for_service,
    of_container,
    of_service,
)
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.texts import Text
    from wherry.check.model import Finding
    from wherry.check.yaml_edits import Put

_CACHES: Final = {
    # each one's own documentation of its variables; TRANSFORMERS_CACHE until transformers 4 (November 2026)
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
_BELOW: Final = {"HF_HOME": "huggingface", "MPLCONFIGDIR": "matplotlib", "NUMBA_CACHE_DIR": "numba"}
_SMALL: Final = frozenset({"MPLCONFIGDIR", "NUMBA_CACHE_DIR"})
_STARTS: Final = frozenset({"cmd", "entrypoint"})


class _Root(Frozen):
    """A root that is read-only, what of it can be written nonetheless, and how that could be more."""

    flag: Text
    mounts: Sequence[Mounted]
    with_tmp: Callable[[], Sequence[Put | None]]


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
                root.flag.place,
                f"the root is read-only, and {name} writes its cache below HOME",
                why=f"set {variables[0]} to a directory that is a volume",
                related=[facts.place(facts.target.start.span)],
                fix=_fix(facts, root, variables[0]),
            )


def _read_only(facts: Facts) -> Iterator[_Root]:
    """What makes the root of a service or container read-only, where nothing else is mounted at all."""
    for service in facts.compose:
        names = {entry.name for entry in service.environment}
        if service.read_only is not None and names.isdisjoint(_all_variables()):
            yield _Root(service.read_only, of_service(service), partial(memory_for_service, service))
    for one in facts.running:
        names = {variable.name for variable in one.container.environment}
        flag = one.container.read_only_root
        if flag is not None and flag.value == "true" and names.isdisjoint(_all_variables()):
            yield _Root(flag, of_container(one), partial(directory_for_container, one))


def _all_variables() -> set[str]:
    return {variable for variables in _CACHES.values() for variable in variables} | set(_EVERYWHERE)


def _fix(facts: Facts, root: _Root, variable: str) -> Fix | None:
    """Point the variable at what can be written, and mount memory for a small cache where nothing can."""
    is_small = variable in _SMALL
    mount = _best(root.mounts, is_small=is_small)
    puts: Sequence[Put | None] = []
    if mount is None and not root.mounts and is_small:
        mount, puts = Mounted(TMP, is_memory=True), root.with_tmp()
    last = next((one for one in facts.target.stage.instructions if one.keyword in _STARTS), None)
    if mount is None or last is None or None in puts:
        return None
    sure = [one for one in puts if one]
    below = _BELOW[variable]
    path = mount.path.rstrip("/")
    value = path if path.endswith(f"/{below}") else f"{path}/{below}"
    return Fix(
        f"set {variable} to {value}",
        (put_before(facts.dockerfile, last, f"ENV {variable}={value}\n"), *(one.edit for one in sure)),
        Safety.UNSAFE,
        Effect(
            inserts=1,
            aspects=frozenset({Aspect.ENV, Aspect.FILES} if sure else {Aspect.ENV}),
            values=tuple(one.value for one in sure),
        ),
    )


def _best(mounts: Sequence[Mounted], *, is_small: bool) -> Mounted | None:
    """A volume whose name says cache, else any; memory for what is small alone, and before a volume."""
    fitting = [mount for mount in mounts if is_small or not mount.is_memory]
    return min(
        fitting, key=lambda one: (is_small and not one.is_memory, "cache" not in one.path), default=None
    )


RULE = Rule("H10", "read-only-root", Severity.WARNING, _check)
