"""What an install reads of the project, and which GPU frameworks that brings: `inputs_of`, `Installed`.

install.inputs          `Inputs`: what the command reads, as far as a COPY or mount tells which file it is
inputs.files            the requirements files of ``-r`` and ``uv pip sync`` (`RequirementFile`)
inputs.environments     conda's environment files (`CondaEnvironment`)
inputs.project          the directory of the project it works on (`ProjectFacts`); None when it has none
inputs.lock             the lock that ``uv sync``, ``poetry install``... go by (`LockFile`)
inputs.pyproject        of the project it installs (`Pyproject`)
inputs.fetched          of those what is downloaded: not what the base has already
inputs.frameworks       torch, jax... with the version and CUDA build it gets (`frameworks.Framework`)
facts.frameworks        the same of all installs of the file: `Installed` (framework, install, stage)
"""

from __future__ import annotations

import posixpath
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.frameworks import Framework, framework_of
from wherry.check.facts.origins import run_path
from wherry.check.facts.texts import Text
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.check.facts.conda import CondaEnvironment
    from wherry.check.facts.facts import Facts
    from wherry.check.facts.installs import Install, PackageArgument
    from wherry.check.facts.locks import LockFile
    from wherry.check.facts.project import ProjectFacts
    from wherry.check.facts.pyproject import Pyproject
    from wherry.check.facts.requirements import RequirementFile
    from wherry.check.facts.stages import StageFacts
    from wherry.check.sizes import Closure

_LOCKS: Final = {"uv": "uv.lock", "poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}
_BY_LOCK: Final = frozenset({"sync", "install", "run", "export"})
_TORCH_OF_CONDA: Final = ("pytorch", "pytorch-gpu", "pytorch-cpu")
_WITH_TORCH: Final = frozenset({"torchvision", "torchaudio"})
_TOOLKITS: Final = ("pytorch-cuda", "cudatoolkit", "cuda-version")


class Inputs:
    """What one install reads of the build context. What is given stands at the head of this module.

    Args:
        install: The install.

    """

    def __init__(self, install: Install) -> None:
        self._install = install
        self._project = install.run.stage.facts.project

    def _origin(self, name: str) -> str | None:
        """The file of the context that the command sees as *name*."""
        path = self._install.call.path(name)
        return run_path(self._install.run, path) if path.startswith("/") else None

    @cached_property
    def files(self) -> tuple[RequirementFile, ...]:
        """The requirements files it reads."""
        if self._install.is_conda:
            return ()
        origins = [self._origin(name) for name in self._install.requirement_files]
        found = (self._project.requirement_file(origin) for origin in origins if origin)
        return tuple(file for file in found if file)

    @cached_property
    def environments(self) -> tuple[CondaEnvironment, ...]:
        """The environment files it reads."""
        from wherry.check.facts.conda import read_environment  # noqa: PLC0415 - YAML, only for conda

        if not self._install.is_conda:
            return ()
        reader = self._project.reader
        origins = [self._origin(name) for name in self._install.requirement_files]
        paths = [self._project.root / origin for origin in origins if origin]
        found = (reader.remember(read_environment, path, reader) for path in paths)
        return tuple(environment for environment in found if environment)

    @cached_property
    def project(self) -> ProjectFacts | None:
        """The directory of the context that it takes for its project."""
        install = self._install
        places = install.project_directories or ("",)
        names = (_LOCKS.get(install.manager, "pyproject.toml"), "pyproject.toml", "setup.py")
        for place in places if install.is_python else ():
            for name in names:
                if origin := self._origin(posixpath.join(place, name)):
                    return self._project.below(posixpath.dirname(origin))
        return None

    @property
    def _goes_by_lock(self) -> bool:
        return self._install.manager in _LOCKS and self._install.subcommand in _BY_LOCK

    @property
    def lock(self) -> LockFile | None:
        """The lock it goes by; None where its manager has none or it is not there."""
        kind = _LOCKS.get(self._install.manager)
        locks = self.project.locks if self.project and self._goes_by_lock else ()
        return next((lock for lock in locks if lock.kind == kind), None)

    @property
    def pyproject(self) -> Pyproject | None:
        """Of the project that it installs or whose dependencies it installs."""
        is_asked = self._goes_by_lock or self._install.installs_project or bool(self._install.groups)
        return self.project.pyproject if self.project and is_asked else None

    @cached_property
    def frameworks(self) -> tuple[Framework, ...]:
        """What of it has to do with CUDA; what its command line says wins over files."""
        found: dict[str, Framework] = {}
        for framework in (*_named(self._install), *self._in_files()):
            found.setdefault(framework.name, framework)
        return tuple(found.values())

    @cached_property
    def fetched(self) -> tuple[Framework, ...]:
        """Of the frameworks those that are downloaded: pip leaves what its base has as it is."""
        base = self._install.run.stage.base
        if self._install.manager != "pip" or self._install.has("--upgrade", "--force-reinstall", "--target"):
            return self.frameworks
        return tuple(
            one
            for one in self.frameworks
            if one.name not in _of_base(base.frameworks)
            or (one.version and one.version.partition("+")[0] != base.version)
        )

    def _in_files(self) -> Iterator[Framework]:
        from wherry.check.facts import torch  # noqa: PLC0415 - only where something is installed

        for file in self.files:
            yield from torch.frameworks_in_requirements(file, _places(self._install))
        for environment in self.environments:
            if found := torch.torch_in_conda(environment):
                carries = "none" if found.build == "cpu" else "wheels"
                yield Framework(
                    "torch", found.version, carries, found.build, found.cuda, found.basis, found.text
                )
        if self.lock:
            yield from torch.frameworks_in_lock(self.lock)
        elif self.pyproject:
            yield from torch.frameworks_in_pyproject(self.pyproject)


def _of_base(frameworks: frozenset[str]) -> frozenset[str]:
    """What an image that is made for these has besides."""
    return frameworks | _WITH_TORCH if "torch" in frameworks else frameworks


class Installed(Frozen):
    """One framework and the command that installs it."""

    framework: Framework
    install: Install

    @property
    def stage(self) -> StageFacts:
        """Where that is."""
        return self.install.run.stage


_NOT_MEASURED: Final = frozenset({"rocm", "xpu"})


def heaviest(installs: Iterable[Install]) -> Closure | None:
    """The largest of what *installs* bring that has been measured; closures overlap, so it stands for all."""
    from wherry.check.sizes import closure_of  # noqa: PLC0415 - only for a finding

    found: list[Closure] = []
    for install in installs:
        known = {one.name for one in install.inputs.frameworks}
        named = [(one.name, one.specifier.lstrip("=~<> "), "") for one in install.packages]
        read = [(one.name, one.version, one.build) for one in install.inputs.fetched]
        for name, version, build in (*read, *(one for one in named if one[0] not in known)):
            if build in _NOT_MEASURED:
                continue
            closure = closure_of(name, version, "cpu" if build == "cpu" else "cuda")
            found += [closure] if closure else []
    return max(found, key=lambda one: one.wheel_bytes, default=None)


def installed_frameworks(facts: Facts) -> tuple[Installed, ...]:
    """Of all stages, in the order of the file; of one install each name once."""
    installs = (found for found in facts.installs if found.brings_packages)
    return tuple(
        Installed(framework, install)
        for install in installs
        if install.is_python or install.is_conda
        for framework in install.inputs.frameworks
    )


def _named(install: Install) -> Iterator[Framework]:
    """Of the packages on the command line."""
    if install.is_conda:
        yield from _named_to_conda(install)
        return
    for package in install.packages:
        urls = [package.url, *_places(install)]
        text = _text(install, package)
        if found := framework_of(package.name, package.version, package.extras, urls, text):
            yield found


def _places(install: Install) -> list[str]:
    """Where its packages come from: indexes, links, and for uv the backend it chooses an index by."""
    backend = install.setting("--torch-backend") if install.manager == "uv" else None
    chosen = [f"/whl/{backend}"] if backend and backend != "auto" else []
    return [*chosen, *install.index_urls, *install.values("--find-links")]


def _named_to_conda(install: Install) -> Iterator[Framework]:
    """``conda install pytorch pytorch-cuda=12.1``."""
    by_name = {package.name: package for package in install.packages}
    package = next((by_name[name] for name in _TORCH_OF_CONDA if name in by_name), None)
    if package is None:
        return
    toolkit = next((by_name[name] for name in _TOOLKITS if name in by_name), None)
    is_cpu = package.name.endswith("cpu") or "cpuonly" in by_name or "cpu" in package.specifier
    is_cuda = toolkit is not None or "cuda" in package.specifier or package.name.endswith("gpu")
    build = "cpu" if is_cpu else "cuda" if is_cuda else "unknown"
    yield Framework(
        "torch",
        package.version.partition("=")[0],
        "none" if is_cpu else "wheels",
        build,
        _pair(toolkit.version) if toolkit and not is_cpu else None,
        "what conda is asked for",
        _text(install, package),
    )


def _text(install: Install, package: PackageArgument) -> Text:
    """Where a package stands in the Dockerfile."""
    file = install.run.stage.facts.file
    return Text(package.word.value, file, package.word.span)


def _pair(version: str) -> tuple[int, int] | None:
    numbers = version.partition("=")[0].split(".")
    both = len(numbers) > 1 and all(number.isdigit() for number in numbers[:2])
    return (int(numbers[0]), int(numbers[1])) if both else None
