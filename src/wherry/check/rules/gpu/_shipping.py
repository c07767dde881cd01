"""Which GPU frameworks end up in the image: installed in its chain, or copied from another stage."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.stages import StageFacts

_ENVIRONMENT: Final = re.compile(
    r"(?:^|/)(?:\.?v?env\w*|\w*venv\w*|site-packages|dist-packages|\w*conda\w*|envs|wheels?(?:house)?|\.local"
    r"|python\S*|install|deps|packages|dependencies)(?:/|$)"
)
_WHOLE: Final = frozenset({"/", "/usr", "/usr/local", "/usr/local/lib", "/opt", "/root", "/app"})


def shipped_frameworks(facts: Facts) -> list[Installed]:
    """The frameworks in the image that is built, in the order of the file."""
    stages = {stage.index for stage in carrying(facts)}
    return [found for found in facts.frameworks if found.stage.index in stages]


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


def says_cuda(framework: Framework) -> bool:
    """Whether its CUDA build was asked for by name, and is not only what PyPI has."""
    if framework.name in {"torch", "torchvision", "torchaudio"}:
        return framework.build == "cuda" and ("+cu" in framework.version or "the index cu" in framework.basis)
    return framework.is_gpu or framework.name in {"flash-attn", "deepspeed"}


def named(framework: Framework) -> str:
    """As one would say it: ``torch 2.4.0``, ``jax``."""
    return f"{framework.name} {framework.version}".rstrip()
