r"""Parts that are built for different CUDAs are put together.

Why: torchvision, torchaudio and every extension hold machine code for one torch and one CUDA. Together with
another they fail when they are imported ("PyTorch and torchvision were compiled with different CUDA major
versions", "operator torchvision::nms does not exist", "undefined symbol"), and some only when a GPU is
there, so the build is green. An extension that is compiled with the nvcc of another major version stops the
build: "The detected CUDA version mismatches the version that was used to compile PyTorch". `cupy-cuda11x`
on a base with CUDA 12 finds no library at all. A release of torch is built for two or three CUDAs: of
another pip finds none. And beside `--extra-index-url` pip takes the highest version that any index has: where
no version is asked for, PyPI's newest torch wins over an index whose CUDA ended releases ago.

## Bad: two tags

```dockerfile
FROM python:3.10-slim
RUN pip install --no-cache-dir torch==2.1.0+cu121 torchvision==0.16.0+cu118 \
    --find-links https://wheels.example.com/whl/torch_stable.html
```

## Fixed: two tags

```dockerfile
FROM python:3.10-slim
RUN pip install --no-cache-dir torch==2.1.0+cu121 torchvision==0.16.0+cu121 \
    --find-links https://wheels.example.com/whl/torch_stable.html
```

## Bad: two indexes

```dockerfile
FROM python:3.10-slim
RUN pip install --no-cache-dir torch==2.4.0 --index-url https://wheels.example.com/whl/cpu
RUN pip install --no-cache-dir torchvision==0.19.0
```

## Bad: an extension for another torch

```dockerfile
FROM python:3.10-slim
RUN pip install --no-cache-dir torch==2.1.0 --index-url https://wheels.example.com/whl/cu118
RUN pip install --no-cache-dir torch-scatter -f https://wheels.example.com/whl/torch-2.0.0+cu117.html
```

## Bad: a build that there never was

```dockerfile
FROM python:3.11-slim
RUN pip install --no-cache-dir torch==2.3.0 --index-url https://wheels.example.com/whl/cu124
```

## Bad: an index that newer releases overrule

```dockerfile
FROM python:3.11-slim
RUN pip install --no-cache-dir torch torchvision --extra-index-url https://wheels.example.com/whl/cu121
```

## Fixed: an index that newer releases overrule

```dockerfile
FROM python:3.11-slim
RUN pip install --no-cache-dir torch torchvision --index-url https://wheels.example.com/whl/cu121
```

## Bad: another compiler

```dockerfile
FROM nvidia/cuda:11.8.0-devel-ubuntu22.04 AS kernels
RUN pip install --no-cache-dir torch==2.4.0
RUN pip wheel --no-build-isolation --wheel-dir /wheels causal-conv1d==1.4.0

FROM python:3.10-slim
COPY --from=kernels /wheels /wheels
```

## Bad: another base

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
RUN pip install --no-cache-dir cupy-cuda11x==13.3.0
```

## Good

```dockerfile
FROM nvidia/cuda:12.1.1-devel-ubuntu22.04
RUN pip install --no-cache-dir torch==2.4.0 torchvision==0.19.0
RUN pip install --no-cache-dir --no-build-isolation causal-conv1d==1.4.0 cupy-cuda12x==13.3.0
```

## Good: one index for all

```dockerfile
FROM python:3.10-slim
RUN pip install --no-cache-dir torch==2.4.0 torchvision==0.19.0 --index-url https://wheels.example.com/whl/cpu
```

## Fix

Unsafe, for tags in one command: the companion gets the tag of torch, whose version may not have been built
for it. Unsafe, for an extra index beside torch and its companions alone: it becomes the index. None
otherwise: install torch and its companions by one command from one index, and choose the base by the CUDA
that they are built for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.gpu._environments import environments
from wherry.check.rules.gpu._packages import BUILT_WITH_NVCC, asked_of
from wherry.check.rules.gpu._releases import FAMILY, missing_build, overruled_index
from wherry.check.rules.gpu._shipping import named, says_cuda
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding, Place

_COMPANIONS: Final = frozenset({"torchvision", "torchaudio"})
_TAG: Final = regex(r"\+(cpu|cu\d{2,3})")
_LINKS: Final = regex(r"torch-(\d+\.\d+)(?:\.\d+)?(?:\+|%2B)(cpu|cu\d{2,3})")
_LINKS_BY_CUDA: Final = regex(r"/(cpu|cu\d{2,3})/torch(\d+\.\d+)")
_WHEEL: Final = regex(r"/([\w.]+?)-\d[^/]*?\+cu\d{2,3}torch(\d+\.\d+)[^/]*\.whl")
_FOR_ONE_CUDA: Final = regex(r"(cupy-cuda(\d\d))\d?x?")

_WHY: Final = "it fails when it is imported, or only where a GPU is"


def _check(facts: Facts) -> Iterator[Finding]:
    for stage, found in environments(facts):
        torch = next((one for one in found if one.framework.name == "torch"), None)
        if torch is not None:
            yield from _of_releases(facts, torch)
        if torch is not None and torch.framework.build in {"cuda", "cpu"}:
            yield from _of_companions(facts, torch, found)
            yield from _of_extensions(facts, torch, stage)
        yield from _of_base(facts, stage, torch)


def _of_releases(facts: Facts, torch: Installed) -> Iterator[Finding]:
    """A torch that is not there, or another one than the index was named for."""
    what, why = missing_build(torch)
    if what:
        yield RULE.at(_place(facts, torch), what, why=why, severity=Severity.ERROR)
    index, last = overruled_index(torch, torch.stage)
    if index:
        yield RULE.at(
            _place(facts, torch),
            f"PyPI's newest torch is taken, and not that of the index {index}",
            why=f"pip takes the highest version of all indexes, and that index ends with torch {last}",
            fix=_only_index(facts, torch.install),
        )


def _only_index(facts: Facts, install: Install) -> Fix | None:
    """Make the extra index the only one, where it has all that is asked for."""
    option = install.option("--extra-index-url")
    word = option.words[0] if option and len(install.values("--extra-index-url")) == 1 else None
    is_whole = word is not None and word.is_literal and word.raw.startswith("--extra-index-url")
    if word is None or not is_whole or install.requirement_files or not FAMILY.issuperset(install.names):
        return None
    span = Span(word.span.start, word.span.start + len("--extra-index-url"))
    return Fix(
        "ask that index alone",
        (Edit(facts.file.name, span, "--index-url"),),
        Safety.UNSAFE,
        Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.COMMANDS})),
    )


def _of_companions(facts: Facts, torch: Installed, found: Sequence[Installed]) -> Iterator[Finding]:
    for one in found:
        if one.framework.name in _COMPANIONS and _differ(torch.framework, one.framework):
            yield RULE.at(
                _place(facts, one),
                f"{_described(one.framework)} is installed beside {_described(torch.framework)}",
                why=_WHY,
                related=(_place(facts, torch),),
                fix=_aligned(facts, torch, one),
                severity=Severity.ERROR,
            )


def _differ(torch: Framework, other: Framework) -> bool:
    """One of them is asked for with its build, and the other is known to be of another."""
    if "unknown" in {torch.build, other.build}:
        return False
    if torch.build != other.build:
        return True
    if not (says_cuda(torch) or says_cuda(other)):
        return False
    return torch.cuda is not None and other.cuda is not None and torch.cuda != other.cuda


def _described(framework: Framework) -> str:
    if "+" in framework.version:
        return named(framework)
    build = f"CUDA {framework.cuda[0]}.{framework.cuda[1]}" if framework.cuda else framework.build.upper()
    return f"{named(framework)} for {build}"


def _aligned(facts: Facts, torch: Installed, other: Installed) -> Fix | None:
    """Give the companion torch's tag, where both stand in one command with one."""
    wanted = _TAG.search(torch.framework.version)
    text = other.framework.text
    if torch.install.span != other.install.span or wanted is None or text is None:
        return None
    if text.source is not facts.file:
        return None
    written = facts.text(text.span)
    if len(_TAG.findall(written)) != 1:
        return None
    return Fix(
        f"take {other.framework.name} with {wanted[0]}",
        (Edit(facts.file.name, text.span, _TAG.sub(wanted[0], written)),),
        Safety.UNSAFE,
        Effect(frozenset({other.install.run.index}), aspects=frozenset({Aspect.COMMANDS})),
    )


def _of_extensions(facts: Facts, torch: Installed, stage: StageFacts) -> Iterator[Finding]:
    """Wheels whose name or whose list says which torch they are for."""
    has = torch.framework
    for install in stage.all_installs:
        if not install.is_python:
            continue
        for what, version, tag in _made_for(install):
            is_other_torch = has.version and not has.version.startswith(f"{version}.")
            is_other_cuda = tag and _tag_of(has) and tag != _tag_of(has)
            if is_other_torch or is_other_cuda:
                yield RULE.at(
                    facts.place(install.span),
                    f"{what} is for torch {version}{f'+{tag}' if tag else ''}, beside {_described(has)}",
                    why=_WHY,
                    related=(_place(facts, torch),),
                    severity=Severity.ERROR,
                )


def _made_for(install: Install) -> Iterator[tuple[str, str, str]]:
    """What is installed, for which torch, and for which build where that is told."""
    for url in install.values("--find-links"):
        name = install.names[0] if install.names else "what is installed here"
        if found := _LINKS.search(url):
            yield name, found[1], found[2]
        elif found := _LINKS_BY_CUDA.search(url):
            yield name, found[2], found[1]
    for package in install.packages:
        if found := _WHEEL.search(package.url):
            yield package.name or found[1], found[2], ""


def _tag_of(framework: Framework) -> str:
    """``cu118`` where it is asked for, ``cpu``; empty where PyPI decides."""
    if framework.build == "cpu":
        return "cpu"
    return f"cu{framework.cuda[0]}{framework.cuda[1]}" if framework.cuda and says_cuda(framework) else ""


def _of_base(facts: Facts, stage: StageFacts, torch: Installed | None) -> Iterator[Finding]:
    """What is compiled with the base's nvcc, or loads the base's libraries."""
    base = stage.base
    if base.cuda is None:
        return
    base_place = facts.place(stage.chain[-1].base_span)
    wheel = torch.framework.cuda if torch else None
    for install in stage.all_installs:
        if not install.is_python or not install.brings_packages:
            continue
        names = {asked.name for asked in asked_of(install) if not asked.is_wheel}
        built = min(names & BUILT_WITH_NVCC, default="")
        if built and base.has_nvcc and wheel and wheel[0] != base.cuda[0] and torch:
            yield RULE.at(
                facts.place(install.span),
                f"{built} is compiled with CUDA {_dotted(base.cuda)} against {_described(torch.framework)}",
                why="PyTorch refuses to compile with another major version of CUDA than its own",
                related=(base_place, _place(facts, torch)),
                severity=Severity.ERROR,
            )
        for package in install.packages:
            one = _FOR_ONE_CUDA.fullmatch(package.name)
            if one and int(one[2]) != base.cuda[0] and "ctk" not in package.extras and base.family == "cuda":
                yield RULE.at(
                    facts.place(package.word.span),
                    f"{package.name} loads CUDA {one[2]}, and the base has {_dotted(base.cuda)}",
                    why="the libraries it looks for are not there",
                    related=(base_place,),
                )


def _dotted(cuda: tuple[int, int]) -> str:
    return f"{cuda[0]}.{cuda[1]}"


def _place(facts: Facts, found: Installed) -> Place:
    return found.framework.text.place if found.framework.text else facts.place(found.install.span)


RULE = Rule("C3", "cuda-mismatch", Severity.WARNING, _check, also=("tally/gpu/cuda-version-mismatch",))
