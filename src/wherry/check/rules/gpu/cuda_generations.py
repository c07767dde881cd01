"""Two generations of CUDA are installed into one environment.

Why: the libraries of two major versions have different names and are all kept: cuBLAS, cuDNN, NCCL and the
rest of CUDA 13.0 have 2.5 GB unpacked, and a second generation comes on top. It happens when
`nvidia-*-cu11` pins from an old `pip freeze` survive a new torch, when `jax[cuda12]` stands beside a torch
for CUDA 13, or when torch is installed into an image of tensorflow with its GPU libraries. Which cuDNN a
process gets depends on what it imports first.

## Bad

```dockerfile
FROM python:3.11-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.4.0
nvidia-cublas-cu11==11.10.3.66
nvidia-cudnn-cu11==8.5.0.96
```

## Bad: two frameworks

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.12.1 "jax[cuda12]==0.4.38"
```

## Bad: beside the base's

```dockerfile
FROM tensorflow/tensorflow:2.13.0-gpu-jupyter
RUN pip install --no-cache-dir torch==2.1.2
```

## Good

```dockerfile
FROM python:3.11-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.4.0
nvidia-cublas-cu12==12.1.3.1
cupy-cuda12x==13.3.0
```

## Fix

None: move to versions that share a CUDA, drop the pins of `nvidia-*` packages (torch requires the right
ones), or give each framework an environment, and best an image, of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.gpu._environments import environments
from wherry.check.rules.gpu._shipping import named, says_cuda
from wherry.check.rules.gpu._sizes import one_generation
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding, Place

_LIBRARY: Final = regex(
    # NCCL alone is no generation: xgboost requires one whatever CUDA the others have
    r"(?:nvidia-(?!nccl-)[a-z-]+|cudf|cuml|cugraph|cuspatial|cuvs|raft-dask|pylibraft|rmm)-cu(\d\d)"
)
_BY_EXTRA: Final = (
    # these load CUDA, and bring it only with the extra
    (regex(r"cupy-cuda(\d\d)\d?x?"), "ctk"),
    (regex(r"jax-cuda(\d\d)-plugin"), "with-cuda"),
)
_EXTRA: Final = regex(r"cuda(\d\d)(?:-pip)?")
_SINCE_TWO_ONE: Final = 12  # PyPI's torch of today, whichever, has no older CUDA


class _Sign(Frozen):
    """What tells of a CUDA: its major version, what says so, and where."""

    major: int
    what: str
    place: Place
    or_newer: str = ""


def _check(facts: Facts) -> Iterator[Finding]:
    for stage, found in environments(facts):
        signs = _signs(facts, stage, found)
        oldest = min(signs, key=lambda sign: sign.major, default=None)
        newest = max(signs, key=lambda sign: sign.major, default=None)
        if oldest is None or newest is None or oldest.major == newest.major:
            continue
        others = [one.place for one in signs if one.place not in {oldest.place, newest.place}]
        yield RULE.at(
            oldest.place,
            f"{oldest.what} brings CUDA {oldest.major},"
            f" beside CUDA {newest.major}{newest.or_newer} of {newest.what}",
            why="both sets of libraries are installed, and what is imported first decides which is used",
            cost=one_generation() if stage.is_shipped else None,
            related=(newest.place, *others[:3]),
        )


def _signs(facts: Facts, stage: StageFacts, found: Iterable[Installed]) -> list[_Sign]:
    signs = [*_of_frameworks(facts, found), *_of_packages(facts, stage)]
    base = stage.base
    if signs and base.cuda and base.family == "tensorflow":
        signs.append(_Sign(base.cuda[0], base.reference, facts.place(stage.chain[-1].base_span)))
    return signs


def _of_frameworks(facts: Facts, found: Iterable[Installed]) -> Iterator[_Sign]:
    for one in found:
        framework = one.framework
        if framework.carries != "wheels" or framework.build != "cuda":
            continue
        major, or_newer = framework.cuda[0] if framework.cuda else 0, ""
        if framework.name == "torch" and not major and not framework.version and not says_cuda(framework):
            major, or_newer = _SINCE_TWO_ONE if _is_on_old(one) else 0, " or newer"
        if major:
            place = framework.text.place if framework.text else facts.place(one.install.span)
            yield _Sign(major, named(framework), place, or_newer)


def _is_on_old(found: Installed) -> bool:
    """The base has CUDA 11 or older: no torch that is open to be chosen has that any more."""
    cuda = found.stage.base.cuda
    return cuda is not None and cuda[0] < _SINCE_TWO_ONE


def _of_packages(facts: Facts, stage: StageFacts) -> Iterator[_Sign]:
    """Packages whose names or extras say which CUDA they hold."""
    for install in stage.all_installs:
        if install.is_python and install.brings_packages and install.action not in {"download", "wheel"}:
            for name, extras, place in _packages(facts, install):
                numbers = [match[1] for extra in extras if (match := _EXTRA.fullmatch(extra))]
                if library := _LIBRARY.fullmatch(name):
                    numbers.append(library[1])
                numbers += [
                    match[1] for one, extra in _BY_EXTRA if extra in extras and (match := one.fullmatch(name))
                ]
                if numbers:
                    yield _Sign(int(numbers[0]), name, place)


def _packages(facts: Facts, install: Install) -> Iterator[tuple[str, tuple[str, ...], Place]]:
    for package in install.packages:
        yield package.name, package.extras, facts.place(package.word.span)
    for file in install.inputs.files:
        for entry in file.all_entries:
            yield entry.name, entry.extras, entry.place
    lock = install.inputs.lock
    builds = {one.version.partition("+")[2] for one in lock.find("torch")} if lock else set()
    if lock and len(builds) < 2:  # noqa: PLR2004 - several builds are alternatives, not neighbours
        yield from ((package.name, (), package.text.place) for package in lock.packages)


RULE = Rule("C5", "cuda-generations", Severity.WARNING, _check)
