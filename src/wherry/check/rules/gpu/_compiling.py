"""Whether a stage compiles, or may: what of its base's compilers it needs, in the build and when it runs.

`needs_of(stage)` answers with what was found: something compiles in the build, something compiles when the
container runs, something may (a script nobody here has read, a package that may have no wheel), or nothing.
"""

from __future__ import annotations

import posixpath
from enum import Enum
from typing import TYPE_CHECKING, Final

from wherry.check.facts.installs import normalise
from wherry.check.rules.gpu._packages import (
    BUILT_WITH_NVCC,
    COMES_AS_WHEELS,
    COMPILES_AT_RUN_TIME,
    asked_of,
)
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.source import Span

COMPILERS: Final = frozenset({"gcc", "g++", "build-essential", "clang", "gcc-c++"})
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "source", "."})
_HARMLESS: Final = regex(r"(?i)(?:mini(?:conda|forge)|mambaforge|anaconda|conda|uv|poetry|nodesource|rustup)")
_LOADS: Final = regex(
    rb"(?m)^[ \t]*(?:from|import)[ \t]+torch\.utils(?:\.cpp_extension| import cpp_extension)"
)
_COMPILES: Final = regex(rb"\btorch\.compile\b")
_FORCING: Final = frozenset({"FORCE_CUDA", "TORCH_CUDA_ARCH_LIST", "CMAKE_CUDA_ARCHITECTURES"})
_CUDA_OPTIONS: Final = regex(r"--(?:cuda_ext|force_cuda)")
_OF_THE_TOOLKIT: Final = frozenset({"nvcc", "cuobjdump", "nvprune", "nvlink", "ptxas", "cuda-gdb"})
_TOOLKIT_PACKAGE: Final = regex(
    r"cuda-(?:toolkit|nvcc|compiler|cudart-dev|libraries-dev|command-line-tools|minimal-build)[\w.-]*"
    r"|lib(?:cu[a-z]+|np[a-z]*|nv[a-z]+|nccl)\d*-dev(?:-[\w.-]+)?|libcudnn\d*-(?:dev|headers)[\w.-]*"
)
_PURE_BACKENDS: Final = ("hatchling", "flit", "poetry.core", "uv_build", "pdm.backend")
_EXTENSIONS: Final = regex(rb"ext_modules|Extension\(|cpp_extension|cythonize|cmake|Pybind11|rust_extensions")


class Need(Enum):
    """What a stage needs a compiler for."""

    BUILD = "build"  # something compiles while it is built
    RUN = "run"  # something compiles when a container runs
    MAYBE = "maybe"  # one of them may be so
    JIT = "jit"  # Triton or torch.compile may call a C compiler when a container runs
    NOTHING = "nothing"


class Found(Frozen):
    """What a stage needs, and what says so.

    Attributes:
        need: What.
        what: In words: "flash-attn", "cmake", "build.sh".
        span: Of the Dockerfile; None where it is not said there.

    """

    need: Need
    what: str = ""
    span: Span | None = None


def needs_of(stage: StageFacts) -> Found:
    """The most pressing need of a stage's chain."""
    found = list(_all(stage))
    return next(
        (one for need in (Need.RUN, Need.BUILD, Need.MAYBE, Need.JIT) for one in found if one.need is need),
        Found(Need.NOTHING),
    )


def installs_compiler(stage: StageFacts) -> bool:
    """A C compiler is installed over what the base has, and stays."""
    return any(
        name in COMPILERS and name not in run.purged
        for run in stage.all_runs
        for install in run.installs
        if install.is_system and install.action == "install"
        for name in install.names
    )


def _all(stage: StageFacts) -> Iterator[Found]:
    for run in stage.all_runs:
        yield from _of_compilers(run)
        yield from _of_scripts(run)
        for install in run.installs:
            if install.brings_packages and (install.is_python or install.is_conda):
                yield from _of_install(install, stage)
            if install.is_system and (headers := next(filter(_TOOLKIT_PACKAGE.fullmatch, install.names), "")):
                yield Found(Need.MAYBE, headers, install.span)
    yield from _of_entry(stage)
    yield from _of_code(stage)


def _of_compilers(run: RunFacts) -> Iterator[Found]:
    """Compilers that are called. What setup.py installs is judged as a project, further down."""
    for one in run.compiles:
        if one.kind != "setup.py" or not {"install", "develop"} & set(one.call.texts):
            yield Found(Need.BUILD, "code", one.call.command.span)
    for call in run.calls:
        if call.program in _OF_THE_TOOLKIT:
            asks = all(word in {"--version", "-V", "--help"} for word in call.texts)
            yield Found(Need.RUN if asks else Need.BUILD, "CUDA code", call.command.span)
        if call.program == "pyenv" and any(word.startswith("install") for word in call.texts):
            yield Found(Need.BUILD, "Python", call.command.span)


def _of_scripts(run: RunFacts) -> Iterator[Found]:
    """Scripts that are run and that nobody here has read."""
    for call in run.calls:
        script = _script(call)
        if script and not _HARMLESS.search(script):
            yield Found(Need.MAYBE, script, call.command.span)


def _script(call: Call) -> str:
    if call.program in _SHELLS:
        return next((word for word in call.texts if not word.startswith("-") and "=" not in word), "")
    is_own = call.program.endswith(".sh") or call.program in {"configure", "bootstrap", "install2.r"}
    return call.program if is_own else ""


def _of_install(install: Install, stage: StageFacts) -> Iterator[Found]:
    if install.is_conda and len(install.inputs.environments) < len(install.requirement_files):
        yield Found(Need.MAYBE, "an environment that is not known", install.span)
    yield from _of_packages(install)
    if install.is_conda:
        return
    inputs = install.inputs
    if install.has_unknown or len(inputs.files) < len(install.requirement_files):
        yield Found(Need.MAYBE, "packages that are not known", install.span)
    if install.installs_project:
        yield from _of_project(install, stage)


def _of_packages(install: Install) -> Iterator[Found]:
    """What it asks for by name."""
    for asked in asked_of(install):
        if asked.is_listed:
            is_told = _is_told_cuda(install) or "CMAKE_ARGS" in install.env
            yield Found(Need.BUILD if is_told else Need.MAYBE, asked.name, install.span)
        elif asked.name in BUILT_WITH_NVCC and not asked.is_wheel:
            yield Found(Need.BUILD, asked.name, install.span)
        elif asked.name in COMPILES_AT_RUN_TIME:
            yield Found(Need.RUN, asked.name, install.span)
        elif asked.is_source and _is_told_cuda(install):
            yield Found(Need.BUILD, asked.name or "a package", install.span)
        elif asked.is_source or not (asked.is_wheel or asked.name in COMES_AS_WHEELS):
            yield Found(Need.MAYBE, asked.name or "a package", install.span)


def _of_project(install: Install, stage: StageFacts) -> Iterator[Found]:
    """The project itself: compiled where its setup.py says so, or where it is a clone of one that is."""
    names = clones_of(install) & BUILT_WITH_NVCC
    if names or _is_told_cuda(install):
        yield Found(Need.BUILD, min(names, default="the project itself"), install.span)
        return
    project, context = install.inputs.project, stage.facts.context
    if project is None or context is None:
        kind = Need.BUILD if install.manager == "setuptools" else Need.MAYBE
        yield Found(kind, "the project itself", install.span)
        return
    backend = project.pyproject.build_backend if project.pyproject else ""
    if backend.startswith(_PURE_BACKENDS) or (project.pyproject and not project.pyproject.is_package):
        return
    setup = setup_of(install)
    if setup is None and backend.startswith("setuptools"):
        return  # without a setup.py nothing tells it to compile
    if setup is None:
        yield Found(Need.MAYBE, "the project itself", install.span)
    elif _EXTENSIONS.search(setup):
        yield Found(Need.BUILD, "the project's setup.py", install.span)


def _is_told_cuda(install: Install) -> bool:
    """Its environment or its options say that it is compiled for CUDA."""
    return not _FORCING.isdisjoint(install.env) or bool(_CUDA_OPTIONS.search(" ".join(install.call.texts)))


def setup_of(install: Install) -> bytes | None:
    """The setup.py of the project it installs; None where there is none to be read."""
    project, context = install.inputs.project, install.run.stage.facts.context
    if project is None or context is None or not project.root.is_relative_to(context.root):
        return None
    source = context.read_small((project.root / "setup.py").relative_to(context.root).as_posix())
    return source.data if source else None


def clones_of(install: Install) -> set[str]:
    """Names of the repositories that were cloned to where it installs from, and of the directories."""
    places = {install.call.path(directory) for directory in install.project_directories or (".",)}
    names = {posixpath.basename(place) for place in places}
    for download in install.run.stage.downloads:
        if download.kind == "git" and download.destination in places:
            names.add(posixpath.basename(download.source.rstrip("/")).removesuffix(".git"))
    return {normalise(name) for name in names}


def _of_entry(stage: StageFacts) -> Iterator[Found]:
    for call in stage.ending.calls:
        if call.program in {"nvcc", "make", "cmake", "gcc", "g++", "ninja"}:
            yield Found(Need.RUN, call.program, call.command.span)


def _of_code(stage: StageFacts) -> Iterator[Found]:
    """The project's own code: Triton and torch.compile call a C compiler when they run."""
    imports = stage.facts.project.imports
    if imports is None or not imports.is_complete or not imports.scripts:
        yield Found(Need.JIT, "code that is not here to be read")
        return
    for script in imports.scripts:
        if posixpath.basename(script.path) == "setup.py":
            continue  # that is the build, of which its install tells
        if "pycuda" in script.imports or ("torch" in script.imports and _LOADS.search(script.source.data)):
            yield Found(Need.RUN, script.path)
        elif "triton" in script.imports or _COMPILES.search(script.source.data):
            yield Found(Need.JIT, script.path)
