r"""PyTorch and TensorFlow are both in the image.

Why: each is gigabytes: TensorFlow with all it requires is 2 GB on a CPU and 6.5 GB with CUDA, PyTorch 5.5 GB,
and with CUDA each brings its own copy of NVIDIA's libraries. Most often one of them stays from an experiment,
or comes for a utility that has a package of its own.

Belongs to G8. Where all the code could be read and imports only one, it says which is not needed.

## Bad

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py ./
```

```text requirements.txt
torch==2.8.0
tensorflow==2.18.0
```

```text app.py
import torch
```

## Bad: in the base

```dockerfile
FROM tensorflow/tensorflow:2.13.0-gpu
RUN pip install --no-cache-dir torch==2.8.0
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0 tensorboard==2.18.0
```

## Good: both are used

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0 tensorflow==2.18.0
COPY convert.py ./
```

```text convert.py
import tensorflow
import torch
```

## Fix

None: take the one that is not used out of the requirements; where both are, give each an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Basis, Cost, Rule, Severity
from wherry.check.rules.bytes._carried import carried_installs
from wherry.check.sizes import closure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.frameworks import Framework
    from wherry.check.model import Finding, Place
    from wherry.check.sizes import Closure

_TENSORFLOW: Final = frozenset({"tensorflow", "tensorflow-gpu", "tensorflow-cpu", "tensorflow-intel"})
_SAME: Final = {"torch": "torch", **dict.fromkeys(_TENSORFLOW, "tensorflow")}


def _check(facts: Facts) -> Iterator[Finding]:
    found = _installed(facts)
    both = {**dict.fromkeys(facts.target.base.frameworks & {"torch", "tensorflow"}), **found}
    if len(both) < 2 or not found:  # noqa: PLR2004 - the two
        return
    unused = _unused(facts)
    if unused is None:
        return
    name = unused if unused in found else max(found, key=lambda one: found[one][1].span)
    framework, place = found[name]
    closure = _closure(framework)
    yield RULE.at(
        place,
        f"torch and tensorflow are both installed{f', and nothing imports {unused}' if unused else ''}",
        why="each brings gigabytes, and its own copy of the libraries below it",
        cost=Cost(closure.unpacked_bytes, basis=Basis.TABLE, source=closure.source) if closure else None,
        related=[place for other, (_, place) in found.items() if other != name],
        severity=Severity.WARNING if unused else Severity.INFO,
    )


def _installed(facts: Facts) -> dict[str, tuple[Framework, Place]]:
    """The first install of each, and where that stands."""
    found: dict[str, tuple[Framework, Place]] = {}
    for install in carried_installs(facts):
        if not install.brings_packages:
            continue
        for framework in install.inputs.frameworks:
            place = framework.text.place if framework.text else facts.place(install.span)
            if framework.name in _SAME:
                found.setdefault(_SAME[framework.name], (framework, place))
    return found


def _unused(facts: Facts) -> str | None:
    """The one that no code imports; empty where that is not known, None where both are imported."""
    imports = facts.project.imports
    if imports is None or not imports.scripts:
        return ""
    used = {name for name in ("torch", "tensorflow") if imports.imports(name)}
    if len(used) == 2:  # noqa: PLR2004 - both
        return None
    if len(used) == 1 and imports.is_complete:
        return "tensorflow" if "torch" in used else "torch"
    return ""


def _closure(framework: Framework) -> Closure | None:
    closures = (closure_of(framework.name, framework.version, build) for build in (framework.build, "cpu"))
    return next((closure for closure in closures if closure), None)


RULE = Rule("G18", "two-frameworks", Severity.INFO, _check)
