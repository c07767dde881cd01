r"""All of the CUDA toolkit is installed: profilers, documentation, samples, static libraries.

Why: `cuda-toolkit-12-4` is a package of packages. Nsight Compute alone was 1.5 GB in aswf-docker #183;
TensorFlow's devel image went from 4.87 to 2.94 GB when it took what it needed by name and dropped the static
libraries (tensorflow #15355), MeshLib's from 4.4 to 1.1 GB (#6160). To compile, `cuda-nvcc-12-4`,
`cuda-cudart-dev-12-4` and the `-dev` package of each library that is linked suffice.

The same comes along when `/usr/local/cuda` is copied whole from a devel stage. A devel base that ships is
C1's.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update \
 && apt-get install -y --no-install-recommends cuda-toolkit-12-4 \
 && rm -rf /var/lib/apt/lists/*
CMD ["python3", "-m", "jit_server"]
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update \
 && apt-get install -y --no-install-recommends cuda-toolkit-12-4 \
 && rm -rf /opt/nvidia/nsight-* /usr/local/cuda*/nsight* /usr/local/cuda*/doc \
 && find /usr/local/ -path '*/cuda*' -name '*_static.a' ! -name libcudart_static.a -delete \
 && rm -rf /var/lib/apt/lists/*
CMD ["python3", "-m", "jit_server"]
```

## Bad: copied

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN nvcc --version

FROM python:3.12-slim
COPY --from=build /usr/local/cuda /usr/local/cuda
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update \
 && apt-get install -y --no-install-recommends cuda-nvcc-12-4 cuda-cudart-dev-12-4 libcublas-dev-12-4 \
 && rm -rf /var/lib/apt/lists/*
```

## Good: a stage that does not ship

```dockerfile
FROM ubuntu:22.04 AS build
RUN apt-get update && apt-get install -y --no-install-recommends cuda-toolkit-12-4

FROM python:3.12-slim
COPY --from=build /src/dist /dist
```

## Fix

Unsafe: it removes the profilers, the documentation and the static libraries but cudart's, which nvcc links
unless told otherwise, in the RUN that installed them. Something may link one of the others; and installing by
name is better still.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import copies_of, installs_of
from wherry.check.rules.bytes._chain import command_behind
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding

_WHOLE: Final = regex(
    r"cuda(?:-\d+-\d+)?|cuda-toolkit(?:-\d+(?:-\d+)?)?|nvidia-cuda-toolkit|cuda-(?:samples|documentation|demo-suite)-.*"
    r"|cuda-visual-tools-.*|cuda-nsight.*|nsight-(?:compute|systems).*"
)
_WHOLE_OF_CONDA: Final = regex(r"cuda|cuda-toolkit")
_PRUNE: Final = (
    "rm -rf /opt/nvidia/nsight-* /usr/local/cuda*/nsight* /usr/local/cuda*/doc",
    "find /usr/local/ -path '*/cuda*' -name '*_static.a' ! -name libcudart_static.a -delete",
)
_DIRECTORY: Final = regex(r"/usr/local/cuda(?:-[\d.]+)?|/usr/local|/opt/nvidia|/usr")


def _check(facts: Facts) -> Iterator[Finding]:
    named: dict[int, tuple[str, Install]] = {}  # by RUN the first
    for install in installs_of(facts.target):
        if (install.is_system or install.is_conda) and install.action == "install":
            whole = _WHOLE if install.is_system else _WHOLE_OF_CONDA
            name = next((name for name in install.names if whole.fullmatch(name)), "")
            if name:
                named.setdefault(install.run.index, (name, install))
    for name, install in named.values():
        if not _prunes(install):
            yield RULE.at(
                facts.place(install.span),
                f"{name} brings profilers, documentation and static libraries",
                why="gigabytes that nothing runs, in every image; what is needed has packages of its own",
                fix=_fix(install),
            )
    for copy in copies_of(facts.target):
        if taken := _whole_of_devel(copy):
            yield RULE.at(
                facts.place(copy.span),
                f"all of {taken} is copied from a devel image",
                why="with nvcc's headers come profilers, documentation and static libraries",
            )


def _prunes(install: Install) -> bool:
    """The same RUN already takes something of it out again."""
    words = " ".join(
        text for call in install.run.calls for text in call.texts if call.program in {"rm", "find"}
    )
    return "nsight" in words or ("cuda" in words and ".a" in words)


def _whole_of_devel(copy: CopyFacts) -> str:
    source = copy.from_stage
    if source is None or source.base.flavour != "devel" or copy.excludes:
        return ""
    taken = (posixpath.normpath(path) for path in copy.sources)
    return next((path for path in taken if _DIRECTORY.fullmatch(path) and path != "/usr"), "")


def _fix(install: Install) -> Fix | None:
    run = install.run
    if install.manager != "apt" or not any(name.startswith("cuda") for name in install.names):
        return None
    edit = command_behind(run, install.command, *_PRUNE)
    if edit is None:
        return None
    effect = Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("remove what nothing runs", (edit,), Safety.UNSAFE, effect)


RULE = Rule("G14", "whole-cuda-toolkit", Severity.WARNING, _check)
