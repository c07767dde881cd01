"""Which GPU frameworks end up in the image: installed in its chain, or copied from another stage."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.rules.gpu._packages import NEEDS_TORCH, asked_of
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Place

_ENVIRONMENT: Final = regex(
    r"(?:^|/)(?:\.?v?env\w*|\w*venv\w*|site-packages|dist-packages|\w*conda\w*|envs|wheels?(?:house)?|\.local"
    r"|python\S*|install|deps|packages|dependencies)(?:/|$)"
)
_WHOLE: Final = frozenset({"/", "/usr", "/usr/local", "/usr/local/lib", "/opt", "/root", "/app"})


def shipped_frameworks(facts: Facts) -> list[Installed]:
    """The frameworks in the image that is built, in the order of the file."""
    stages = {stage.index for stage in carrying(facts)}
    return [
        found
        for found in facts.frameworks
        if found.stage.index in stages and found.install.action != "download"
    ]


def carrying(facts: Facts) -> list[StageFacts]:
    """The stages whose installs are in the image: its chain, and those an environment or wheels come from."""
    found: dict[int, StageFacts] = {stage.index: stage for stage in facts.shipped}
    waiting = list(found.values())
    while waiting:
        for source in _sources(waiting.pop()):
            for stage in source.chain:
                if stage.index not in found:
                    found[stage.index] = stage
                    waiting.append(stage)
    return [found[index] for index in sorted(found)]


def _sources(stage: StageFacts) -> Iterator[StageFacts]:
    for copy in stage.copies:
        if copy.from_stage and any(map(_is_environment, copy.sources)):
            yield copy.from_stage
    for run in stage.runs:
        for mount in run.mounts:
            source = stage.facts.stage_named(mount.from_) if mount.from_ else None
            if source and any(install.is_python for install in run.installs):
                yield source


def _is_environment(path: str) -> bool:
    plain = posixpath.normpath(path)
    return plain in _WHOLE or bool(_ENVIRONMENT.search(plain))


class Brought(Frozen):
    """What brings CUDA's libraries into the image as wheels.

    Attributes:
        name: As one would say it: ``torch 2.4.0``.
        framework: What is known of it; None where it is only known to require torch.
        install: The command.
        place: Where it is asked for.

    """

    name: str
    framework: Framework | None
    install: Install
    place: Place


def brought_by_wheels(facts: Facts) -> list[Brought]:
    """What of the image's Python packages brings CUDA's libraries along, torch itself first."""
    shipped = shipped_frameworks(facts)
    found = [
        Brought(named(one.framework), one.framework, one.install, _place(facts, one))
        for one in shipped
        if one.framework.carries == "wheels" and one.framework.build == "cuda"
    ]
    has_torch = (
        any(one.framework.name == "torch" for one in shipped) or "torch" in facts.target.base.frameworks
    )
    return found or ([] if has_torch else through_torch(facts))


def through_torch(facts: Facts) -> list[Brought]:
    """Packages that require torch, where nothing in sight asks for torch itself and no lock tells which."""
    found: list[Brought] = []
    for stage in carrying(facts):
        for install in stage.installs:
            if not install.is_python or not install.brings_packages or install.inputs.lock:
                continue
            if any("/whl/" in url for url in install.index_urls):
                continue
            name = next((one.name for one in asked_of(install) if one.name in NEEDS_TORCH), "")
            if name:
                found.append(
                    Brought(f"torch, which {name} requires,", None, install, facts.place(install.span))
                )
    return found


def _place(facts: Facts, found: Installed) -> Place:
    return found.framework.text.place if found.framework.text else facts.place(found.install.span)


def says_cuda(framework: Framework) -> bool:
    """Whether its CUDA build was asked for by name, and is not only what PyPI has."""
    if framework.name in {"torch", "torchvision", "torchaudio"}:
        is_told = (
            "+cu" in framework.version or "the index cu" in framework.basis or "conda" in framework.basis
        )
        return framework.build == "cuda" and is_told
    return framework.is_gpu or framework.name in {"flash-attn", "deepspeed"}


def named(framework: Framework) -> str:
    """As one would say it: ``torch 2.4.0``, ``jax``."""
    return f"{framework.name} {framework.version}".rstrip()
