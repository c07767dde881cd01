"""From an image of CUDA to one of Python, where the wheels bring CUDA and nothing else asks for it.

Only for stages of which every command is known: packages that Debian has under the same names, Python
packages, and what makes no difference. The Python stays the one that the Ubuntu below the old base had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_behind, taken_out
from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.check.rules.gpu._words import without_packages
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts

_SUITE: Final = "bookworm"
_PYTHON: Final = regex(
    r"python3(?:-(?:pip|dev|venv|distutils|setuptools|wheel|minimal|full))?|python-is-python3"
)
_NAMES: Final = (
    # packages that Debian 12 has as Ubuntu has them
    "aria2 build-essential ca-certificates cmake curl espeak-ng ffmpeg g++ gcc git git-lfs gnupg htop jq less"
    " libgl1 libgl1-mesa-glx libglib2.0-0 libgomp1 libpq-dev libsm6 libsndfile1 libsox-dev libxext6"
    " libxrender1 locales make nano ninja-build numactl openssh-client pkg-config poppler-utils"
    " portaudio19-dev procps rsync sox tesseract-ocr tini tmux tzdata unzip vim wget zip"
)
_SAME_NAMES: Final = frozenset(_NAMES.split())
_PLAIN: Final = frozenset({"rm", "mkdir", "set", "export", "echo", "cd", "true", "apt-get", "apt"})
_OTHER_PYTHON: Final = regex(
    rb"/usr/bin/(?:env )?python|dist-packages|/usr/lib/python|update-alternatives|cuda-"
)
_ENVIRONMENT: Final = (
    "ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64 \\\n"
    "    NVIDIA_DRIVER_CAPABILITIES=compute,utility\n"
)


def python_base(facts: Facts) -> Fix | None:
    """The fix that builds the target on python:slim; None where that is not sure to be enough."""
    stage = facts.target
    base = stage.base
    python = base.distro_python
    if (
        stage.parent
        or len(facts.stages) > 1
        or base.digest
        or not python
        or not base.distro.startswith("ubuntu")
    ):
        return None
    if "$" in facts.text(stage.base_span) or stage.instructions("user") or stage.instructions("shell"):
        return None
    if _OTHER_PYTHON.search(facts.file.data) or not all(_is_plain(run) for run in stage.runs):
        return None
    installs = [install for run in stage.runs for install in run.installs if install.is_system]
    if not any(_pythons(install) for install in installs):
        return None
    return _assembled(facts, stage, f"python:{python[0]}.{python[1]}-slim-{_SUITE}")


def _is_plain(run: RunFacts) -> bool:
    """Its commands are known, and do the same on Debian."""
    if run.script.errors or run.mounts:
        return False
    installs = {install.span: install for install in run.installs}
    for call in run.calls:
        install = installs.get(call.command.span)
        if install is None:
            if call.program not in _PLAIN:
                return False
        elif install.is_system:
            if install.action not in {"install", "update", "clean"} or not _has_same_names(install):
                return False
        elif not install.is_python:
            return False
    return True


def _has_same_names(install: Install) -> bool:
    if install.has_unknown or install.manager != "apt":
        return False
    return all(
        not package.specifier and (_PYTHON.fullmatch(package.name) or package.name in _SAME_NAMES)
        for package in install.packages
    )


def _pythons(install: Install) -> list[str]:
    return [name for name in install.names if _PYTHON.fullmatch(name)]


def _assembled(facts: Facts, stage: StageFacts, image: str) -> Fix | None:
    edits = [
        Edit(facts.file.name, stage.base_span, image),
        put_behind(facts.dockerfile, stage.start, _ENVIRONMENT),
    ]
    touched: set[int] = {stage.start.index}
    for run in stage.runs:
        found = _without_python(facts, run)
        if found is None:
            return None
        edits += found
        touched |= {run.index} if found else set()
    aspects = frozenset({Aspect.BASE, Aspect.COMMANDS, Aspect.ENV})
    return Fix(
        f"build on {image}",
        tuple(edits),
        Safety.UNSAFE,
        Effect(frozenset(touched), inserts=1, aspects=aspects),
    )


def _without_python(facts: Facts, run: RunFacts) -> list[Edit] | None:
    """The edits that leave apt's Python out of a RUN, and the RUN with it where nothing else is left."""
    installs = [install for install in run.installs if install.is_system and _pythons(install)]
    if not installs:
        return []
    if _is_for_python_alone(run):
        return [taken_out(facts.dockerfile, run.instruction)]
    edits: list[Edit] = []
    for install in installs:
        packages = [package for package in install.packages if _PYTHON.fullmatch(package.name)]
        fix = without_packages(facts, install, packages, "", Safety.UNSAFE)
        if fix is None:
            return None
        edits += fix.edits
    return edits


def _is_for_python_alone(run: RunFacts) -> bool:
    """Nothing but apt's Python is installed by it, and what remains only looks after apt."""
    installs = {install.span: install for install in run.installs}
    for call in run.calls:
        install = installs.get(call.command.span)
        if install is None and call.program not in {"rm", "set", "true"}:
            return False
        if install and (not install.is_system or len(_pythons(install)) != len(install.packages)):
            return False
    return True
