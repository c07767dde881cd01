"""Which torch a file asks for, and for what it is built.

Gives ``TorchFacts``:
    version                 "2.6.0", with its local part when it has one; "" where it is open
    build                   "cuda", "cpu", "rocm", "xpu", "unknown" (several, chosen by extras or by machine)
    cuda                    (12, 4); None for other builds, and where it cannot be told
    basis                   in words, what that rests on
    text                    where it is said (Text with its place)
    is_locked               whether a lock, or ``==``, fixes the version

``torch_in_lock(lock, name)``, ``torch_in_requirements(file, name)``, ``torch_in_pyproject(pyproject, name)``,
``torch_in_conda(environment)`` answer for one file, for torch or a companion ("torchvision", "torchaudio").
``frameworks_in_lock``, ``frameworks_in_requirements``, ``frameworks_in_pyproject`` give all of `frameworks`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.frameworks import Framework, framework_of, wheel_build
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.check.facts.conda import CondaEnvironment
    from wherry.check.facts.locks import LockedPackage, LockFile
    from wherry.check.facts.pyproject import Pyproject
    from wherry.check.facts.requirement import Requirement
    from wherry.check.facts.requirements import RequirementFile
    from wherry.check.facts.texts import Text

_RUNTIME: Final = regex(r"nvidia-cuda-runtime(?:-cu\d\d)?")
_INDEX_OPTIONS: Final = frozenset({"--index-url", "--extra-index-url", "--find-links"})
_PLAIN: Final = regex(r"[^;,'\"]*(?:sys_platform|platform_system)\s*(==|!=)\s*['\"](\w+)['\"]")
_PYTHONS: Final = ("3.12", "3.11", "3.10", "3.9", "3.13", "3.14", "3.8")
_LINUX: Final = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}


class TorchFacts(Frozen):
    """What is known of one distribution of torch's family; the module says what stands where."""

    name: str
    version: str
    build: str
    cuda: tuple[int, int] | None
    basis: str
    text: Text
    is_locked: bool = False


def torch_in_lock(lock: LockFile, name: str = "torch") -> TorchFacts | None:
    """What a lock pins for Linux."""
    found = [package for package in lock.find(name) if not package.local]
    if len(found) > 1:
        found = [package for package in found if holds_on_linux(package.marker)] or found
    facts = [_of_package(package, lock) for package in found]
    builds = {(one.build, one.cuda) for one in facts}
    if len(builds) > 1:
        first = facts[0]
        return TorchFacts(
            name,
            first.version,
            "unknown",
            None,
            f"{lock.kind} has several builds",
            first.text,
            is_locked=True,
        )
    return facts[0] if facts else None


def torch_in_requirements(file: RequirementFile, name: str = "torch") -> TorchFacts | None:
    """What a requirements file with all it includes asks for on Linux."""
    asked = next(iter(applying(one for one in file.all_entries if one.name == name)), None)
    if asked is None:
        return None
    bounds = [one.pinned for one in file.all_constraints if one.name == name and one.pinned]
    version = asked.pinned or next(iter(bounds), None) or _in_url(asked)
    urls = [option.value.value for option in file.all_options if option.name in _INDEX_OPTIONS]
    runtime = next((one for one in file.all_entries if _RUNTIME.fullmatch(one.name) and one.pinned), None)
    return _of_asked(asked, version or "", [asked.url, *urls], runtime.pinned if runtime else None)


def torch_in_pyproject(pyproject: Pyproject, name: str = "torch") -> TorchFacts | None:
    """What a pyproject.toml asks for on Linux: its sources and indexes are heeded."""
    asked = next(iter(applying(one for one in pyproject.all_requirements if one.name == name)), None)
    if asked is None:
        return None
    by_name = {index.name: index.url.value for index in pyproject.indexes}
    sources = [one for one in pyproject.sources.get(name, ()) if holds_on_linux(one.marker)]
    urls = [by_name.get(one.index, one.index) or one.url for one in sources]
    if not sources:
        urls = [index.url.value for index in pyproject.indexes if not index.is_explicit]
    builds = {
        (found.build, found.cuda) for url in urls for found in [wheel_build(name, asked.pinned or "", [url])]
    }
    if len(sources) > 1 and len(builds) > 1:
        version = asked.pinned or ""
        return TorchFacts(
            name, version, "unknown", None, "several sources of it are chosen between", asked.text
        )
    return _of_asked(asked, asked.pinned or "", [asked.url, *urls], None)


def torch_in_conda(environment: CondaEnvironment) -> TorchFacts | None:
    """What conda is asked for, or pip inside of its environment."""
    package = (
        environment.find("pytorch") or environment.find("pytorch-gpu") or environment.find("pytorch-cpu")
    )
    if package is None:
        asked = next((one for one in environment.pip if one.name == "torch"), None)
        return _of_asked(asked, asked.pinned or "", [asked.url], None) if asked else None
    toolkit = next(
        (one for name in ("pytorch-cuda", "cudatoolkit", "cuda-version") if (one := environment.find(name))),
        None,
    )
    is_cpu = package.name.endswith("cpu") or "cpu" in package.build or environment.find("cpuonly") is not None
    version = package.version if package.operator in {"=", "=="} else ""
    if is_cpu:
        return TorchFacts(
            "torch", version, "cpu", None, "conda's build for the CPU is asked for", package.text
        )
    is_cuda = toolkit is not None or "cuda" in package.build or package.name.endswith("gpu")
    build, basis = (
        ("cuda", "conda's CUDA is asked for") if is_cuda else ("unknown", "conda chooses by the machine")
    )
    return TorchFacts(
        "torch", version, build, _pair(toolkit.version) if toolkit else None, basis, package.text
    )


def frameworks_in_lock(lock: LockFile) -> list[Framework]:
    """What of a lock has to do with CUDA."""
    cuda = _runtime_of(lock)
    found = []
    for package in lock.packages:
        extras = ("and-cuda", "with-cuda") if cuda else ()  # a lock has what they bring, and not them
        one = framework_of(package.name, package.version, extras, [package.index], package.text)
        if one and package.name == "torch" and (torch := torch_in_lock(lock)):
            carries = "none" if torch.build == "cpu" else "wheels"
            one = Framework("torch", torch.version, carries, torch.build, torch.cuda, torch.basis, torch.text)
        found.extend([one] if one else [])
    return list({one.name: one for one in found}.values())


def frameworks_in_requirements(file: RequirementFile, index_urls: Iterable[str] = ()) -> list[Framework]:
    """What of a requirements file, with those it includes, has to do with CUDA.

    Args:
        file: The file.
        index_urls: Of the command that installs it, beside its own.

    """
    urls = [option.value.value for option in file.all_options if option.name in _INDEX_OPTIONS]
    return _frameworks(file.all_entries, [*index_urls, *urls])


def frameworks_in_pyproject(pyproject: Pyproject) -> list[Framework]:
    """What of a pyproject.toml has to do with CUDA."""
    urls = [index.url.value for index in pyproject.indexes if not index.is_explicit]
    found = {one.name: one for one in _frameworks(pyproject.all_requirements, urls)}
    torch = torch_in_pyproject(pyproject)
    if torch:
        carries = "none" if torch.build == "cpu" else "wheels"
        found["torch"] = Framework(
            "torch", torch.version, carries, torch.build, torch.cuda, torch.basis, torch.text
        )
    return list(found.values())


def holds_on_linux(marker: str) -> bool:
    """Whether a marker may hold on 64-bit Linux with a Python of today; what cannot be read may."""
    return _holds(marker, _PYTHONS[0])


def applying(entries: Iterable[Requirement]) -> list[Requirement]:
    """What is asked for on Linux: by the entries for a Python of today, else by those for another."""
    found: dict[str, list[Requirement]] = {}
    others: dict[str, list[Requirement]] = {}
    for entry in entries:
        if holds_on_linux(entry.marker):
            found.setdefault(entry.name, []).append(entry)
        elif "python_" in entry.marker and any(_holds(entry.marker, python) for python in _PYTHONS[1:]):
            others.setdefault(entry.name, []).append(entry)
    return [one for own in (others | found).values() for one in own]


def _holds(marker: str, python: str) -> bool:
    if not marker:
        return True
    plain = _PLAIN.fullmatch(marker.strip())
    if plain:
        return (plain[2].lower() == "linux") == (plain[1] == "==")
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415 - slow to import

    environment = {
        **_LINUX,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName, RecursionError, ValueError, TypeError):
        return True


def _of_package(package: LockedPackage, lock: LockFile) -> TorchFacts:
    wheel = wheel_build(package.name, package.version, [package.index])
    cuda = wheel.cuda
    basis = f"{lock.kind} pins {package.name} {package.version}; {wheel.basis}"
    runtime = _runtime_of(lock)
    if wheel.build == "cuda" and "+" not in package.version and runtime:
        cuda, basis = runtime, f"{lock.kind} pins nvidia-cuda-runtime for CUDA {runtime[0]}.{runtime[1]}"
    return TorchFacts(package.name, package.version, wheel.build, cuda, basis, package.text, is_locked=True)


def _of_asked(asked: Requirement, version: str, urls: list[str], runtime: str | None) -> TorchFacts:
    wheel = wheel_build(asked.name, version, urls)
    cuda = wheel.cuda
    if wheel.build == "cuda" and runtime and "+" not in version:
        cuda = _pair(runtime)
    return TorchFacts(
        asked.name, version, wheel.build, cuda, wheel.basis, asked.text, is_locked=bool(version)
    )


def _frameworks(entries: list[Requirement], urls: list[str]) -> list[Framework]:
    found: dict[str, Framework] = {}
    for entry in applying(entries):
        version = entry.pinned or _in_url(entry) or ""
        one = framework_of(entry.name, version, entry.extras, [entry.url, *urls], entry.text)
        if one:
            found.setdefault(one.name, one)
    return list(found.values())


def _runtime_of(lock: LockFile) -> tuple[int, int] | None:
    """The CUDA that a lock's own nvidia-cuda-runtime is of."""
    for name in ("nvidia-cuda-runtime-cu11", "nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime"):
        for package in lock.find(name):
            return _pair(package.version)
    return None


def _in_url(asked: Requirement) -> str | None:
    """The version in the name of a wheel that is asked for by its address."""
    found = re.search(r"/[\w.]+-(\d[\w.]*(?:\+|%2B)?[\w.]*)-[^/]*\.whl", asked.url)
    return found[1].replace("%2B", "+") if found else None


def _pair(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None
