"""What a project asks for, in all the forms it may be written: `ProjectFacts` of one directory.

Gives, each read when first asked for, each None or empty where it is not there:
    requirements                requirements*.txt, requirements/*.txt, *.in, constraints*.txt: RequirementFile
    requirement_file(path)      any file by its path from the directory, as a Dockerfile names it
    main_requirements           requirements.txt, else the only one there is
    pyproject, python_version   Pyproject; ``.python-version`` as Text
    locks, lock                 every LockFile; the one that tools would use, uv's of a workspace above too
    conda                       environment.yml files: CondaEnvironment
    has("setup.py")             whether a file is there
    torch                       TorchFacts: of the lock, else requirements, pyproject, conda; None without
    companions                  "torchvision", "torchaudio" -> TorchFacts, from the same file
    frameworks                  all that has to do with CUDA: frameworks.Framework, by the same order
    imports                     what its code imports and downloads (imports.Imports); None without a context
    below("backend")            the facts of a directory below
    packages                    names it asks for itself, normalised (requirements, pyproject, conda's pip)
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.repository import surroundings
from wherry.regex import regex

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.conda import CondaEnvironment
    from wherry.check.facts.context import Context
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.imports import Imports
    from wherry.check.facts.locks import LockFile
    from wherry.check.facts.pyproject import Pyproject
    from wherry.check.facts.requirements import RequirementFile
    from wherry.check.facts.texts import Reader, Text
    from wherry.check.facts.torch import TorchFacts

_CONDA: Final = regex(r"env|conda", re.IGNORECASE)
_MOST_FILES: Final = 40
_MOST_NAMES: Final = 5000
_LOCKS: Final = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "conda-lock.yml")


class ProjectFacts:
    """One directory as a Python project; the module says what is given.

    Args:
        root: The directory, mostly the build context's.
        reader: Reads its files and keeps the notes.
        context: The build context, for what its code imports.

    """

    def __init__(self, root: Path, reader: Reader, context: Context | None = None) -> None:
        self.root = root
        self.reader = reader
        self._context = context
        self._below: dict[str, ProjectFacts] = {}

    def has(self, name: str) -> bool:
        """Whether a file of that name is there."""
        return os.path.isfile(self.root / name)  # noqa: PTH113 - Path's raises for names that can be none

    @cached_property
    def _names(self) -> list[str]:
        return _listed(self.root)

    @cached_property
    def requirements(self) -> tuple[RequirementFile, ...]:
        """Files of requirements, by their names, the plainest first."""
        names = [name for name in self._names if _is_requirements(name)]
        names += [f"requirements/{name}" for name in _listed(self.root / "requirements") if _is_list(name)]
        plainest = sorted(names, key=lambda name: (name != "requirements.txt", name))[:_MOST_FILES]
        found = (self.requirement_file(name) for name in plainest)
        return tuple(file for file in found if file)

    def requirement_file(self, path: str) -> RequirementFile | None:
        """A file of requirements by its path from the directory; None where there is none."""
        from wherry.check.facts.requirements import read_requirements  # noqa: PLC0415 - read when asked for

        if "\0" in path:
            return None
        place = self.root / os.path.normpath(path.lstrip("/"))
        return self.reader.remember(read_requirements, place, self.reader)

    @property
    def main_requirements(self) -> RequirementFile | None:
        """requirements.txt, else the only file of requirements there is."""
        installed = [file for file in self.requirements if "constraint" not in file.path.name]
        is_clear = len(installed) == 1 or (installed and installed[0].path.name == "requirements.txt")
        return installed[0] if is_clear else None

    @cached_property
    def pyproject(self) -> Pyproject | None:
        """pyproject.toml."""
        path = self.root / "pyproject.toml"
        if not self.has(path.name):
            return None
        from wherry.check.facts.pyproject import read_pyproject  # noqa: PLC0415 - only where there is one

        return self.reader.remember(read_pyproject, path, self.reader)

    @cached_property
    def python_version(self) -> Text | None:
        """``.python-version``."""
        if not self.has(".python-version"):
            return None
        from wherry.check.facts.pyproject import read_python_version  # noqa: PLC0415 - as above

        return read_python_version(self.root, self.reader)

    @cached_property
    def locks(self) -> tuple[LockFile, ...]:
        """Every lock, the one that tools would use first."""
        places = [self.root / name for name in _LOCKS if name in self._names]
        if self.has("pyproject.toml") and "uv.lock" not in self._names:
            above = [place / "uv.lock" for place in surroundings(self.root)[1:]]
            places += [
                path for path in above if path.is_file() and path.with_name("pyproject.toml").is_file()
            ][:1]
        if not places:
            return ()
        from wherry.check.facts.locks import read_lock  # noqa: PLC0415 - as above

        found = (self.reader.remember(read_lock, place, self.reader) for place in places)
        return tuple(lock for lock in found if lock)

    @property
    def lock(self) -> LockFile | None:
        """The lock that tools would use."""
        return self.locks[0] if self.locks else None

    @cached_property
    def conda(self) -> tuple[CondaEnvironment, ...]:
        """Environments of conda."""
        likely = [name for name in self._names if name.endswith((".yml", ".yaml")) and _CONDA.search(name)]
        if not likely:
            return ()
        from wherry.check.facts.conda import is_environment_name, read_environment  # noqa: PLC0415 - as above

        names = [name for name in likely if is_environment_name(name)][:_MOST_FILES]
        found = (self.reader.remember(read_environment, self.root / name, self.reader) for name in names)
        return tuple(environment for environment in found if environment)

    @cached_property
    def torch(self) -> TorchFacts | None:
        """The torch it asks for."""
        return self._torch("torch")

    @cached_property
    def companions(self) -> dict[str, TorchFacts]:
        """What else of torch's family it asks for."""
        found = {name: self._torch(name) for name in ("torchvision", "torchaudio")}
        return {name: facts for name, facts in found.items() if facts}

    def _torch(self, name: str) -> TorchFacts | None:
        from wherry.check.facts import torch  # noqa: PLC0415 - read when asked for

        for lock in self.locks:
            if found := torch.torch_in_lock(lock, name):
                return found
        for file in self.requirements:
            if found := torch.torch_in_requirements(file, name):
                return found
        if self.pyproject and (found := torch.torch_in_pyproject(self.pyproject, name)):
            return found
        asked = (torch.torch_in_conda(environment) for environment in self.conda) if name == "torch" else ()
        return next((found for found in asked if found), None)

    @cached_property
    def frameworks(self) -> tuple[Framework, ...]:
        """Everything that has to do with CUDA, each name once."""
        from wherry.check.facts import torch  # noqa: PLC0415 - read when asked for

        listed = [torch.frameworks_in_lock(lock) for lock in self.locks[:1]]
        listed += [torch.frameworks_in_requirements(file) for file in self.requirements]
        listed += [torch.frameworks_in_pyproject(self.pyproject)] if self.pyproject else []
        found: dict[str, Framework] = {}
        for some in listed:
            for one in some:
                found.setdefault(one.name, one)
        return tuple(found.values())

    @cached_property
    def imports(self) -> Imports | None:
        """What its code imports."""
        from wherry.check.facts.imports import read_imports  # noqa: PLC0415 - read when asked for

        return read_imports(self._context) if self._context else None

    @cached_property
    def packages(self) -> frozenset[str]:
        """Names that the project asks for itself."""
        entries = [entry for file in self.requirements for entry in file.all_entries]
        entries += self.pyproject.all_requirements if self.pyproject else []
        entries += [entry for environment in self.conda for entry in environment.pip]
        return frozenset(entry.name for entry in entries if entry.name)

    def below(self, path: str) -> ProjectFacts:
        """The facts of a directory below, as a Dockerfile names it."""
        plain = os.path.normpath(path.replace("\0", "").lstrip("/"))
        if plain in {".", ""} or plain.startswith(".."):
            return self
        if plain not in self._below:
            self._below[plain] = ProjectFacts(self.root / plain, self.reader)
        return self._below[plain]


def _listed(directory: Path) -> list[str]:
    """Names in a directory, sorted, a bounded number."""
    names = []
    try:
        with os.scandir(directory) as entries:
            for _, entry in zip(range(_MOST_NAMES), entries, strict=False):
                names.append(entry.name)
    except OSError:
        return []
    return sorted(names)


def _is_list(name: str) -> bool:
    return name.endswith((".txt", ".in"))


def _is_requirements(name: str) -> bool:
    lower = name.lower()
    return _is_list(lower) and ("requirements" in lower or lower.startswith(("constraints", "reqs")))
