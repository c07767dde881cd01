"""Releases of torch that pip does not find where it is sent, or does not take though it finds them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.frameworks import CUDA_BUILDS, DEFAULT_CUDA
from wherry.check.facts.pythons import python_of
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts

Version = tuple[int, int]

_RELEASE: Final = regex(r"(\d+)\.(\d+)(?:\.\d+)?(?:\+cu\d+)?")
_OTHER_CHANNEL: Final = regex(r"nightly|/test/")
_BOUND: Final = regex(r"[<=~]|\.whl")
_NEWEST_FOR: Final = {(3, 7): (1, 13), (3, 8): (2, 4), (3, 9): (2, 8)}
"""The last torch that these Pythons get from PyPI."""

FAMILY: Final = frozenset({"torch", "torchvision", "torchaudio"})


def missing_build(found: Installed) -> tuple[str, str]:
    """What is asked for and was never built, and what there is; empty where it may be there."""
    framework, install = found.framework, found.install
    release = _RELEASE.fullmatch(framework.version)
    builds = CUDA_BUILDS.get((int(release[1]), int(release[2])), ()) if release else ()
    is_tag = "+cu" in framework.version
    if not builds or framework.name != "torch" or not framework.cuda or framework.cuda in builds:
        return "", ""
    if not is_tag and not _is_sent_to_index(install, framework.cuda):
        return "", ""
    version = framework.version.partition("+")[0]
    return (
        f"torch {version} has no build for CUDA {_dotted(framework.cuda)}",
        f"pip finds none there: it was built for CUDA {', '.join(map(_dotted, builds))}",
    )


def overruled_index(found: Installed, stage: StageFacts) -> tuple[str, str]:
    """An extra index (``cu121``) that has no torch as new as PyPI's, and its last; empty where there is none.

    pip takes the highest version of all indexes; uv takes the first index that has the name.
    """
    framework, install = found.framework, found.install
    url = next((url for url in install.values("--extra-index-url") if _names(url, framework.cuda)), "")
    is_open = framework.name == "torch" and not framework.version and _is_unbounded(framework)
    if not (url and is_open and install.manager == "pip") or install.has("--index-url"):
        return "", ""
    if "torch" in stage.base.frameworks or _OTHER_CHANNEL.search(url):
        return "", ""
    last = max((version for version, builds in CUDA_BUILDS.items() if framework.cuda in builds), default=None)
    python = python_of(stage)
    if last is None or python is None or last == max(CUDA_BUILDS):
        return "", ""
    newest = _NEWEST_FOR.get(python.version, max(DEFAULT_CUDA))
    return (url.rstrip("/").rpartition("/")[2], _dotted(last)) if last < newest else ("", "")


def _is_unbounded(framework: Framework) -> bool:
    return framework.text is None or not _BOUND.search(framework.text.value)


def _is_sent_to_index(install: Install, cuda: Version) -> bool:
    """``--index-url`` of PyTorch's index for that CUDA, beside which pip asks no other."""
    urls = install.values("--index-url")
    return bool(urls) and _names(urls[-1], cuda) and not _OTHER_CHANNEL.search(urls[-1])


def _names(url: str, cuda: Version | None) -> bool:
    return cuda is not None and re.search(rf"/cu{cuda[0]}{cuda[1]}/?$", url) is not None


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
