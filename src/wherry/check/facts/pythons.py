"""Which Python a stage has, and whether a project's range of Pythons takes it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.check.facts.calls import Call
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.source import Span

Version = tuple[int, int]

_MINOR: Final = regex(r"(?:c?python-?@?)?v?(3)\.(\d{1,2})(?![\d])")
_DEB: Final = regex(r"python(3)\.(\d{1,2})(?:-\w+)?")
_CLAUSE: Final = regex(r"(?P<operator>[<>=!~^]*)(?P<version>\d+(?:\.\d+)*)(?P<star>\.\*)?")
_OWN_PYTHONS: Final = frozenset({"pyenv", "rye", "pixi"})


class Python(NamedTuple):
    """The Python of a stage, and what of the file says so."""

    version: Version
    span: Span
    source: str


def minor_of(text: str) -> Version | None:
    """``(3, 12)`` of ``3.12``, ``3.12.4``, ``cpython-3.12``."""
    found = _MINOR.match(text.strip())
    return (int(found[1]), int(found[2])) if found else None


def shown(version: Version) -> str:
    """``3.12``."""
    return f"{version[0]}.{version[1]}"


def python_of(stage: StageFacts) -> Python | None:
    """The Python that commands of *stage* get; None where that is not certain."""
    if "UV_PYTHON" in stage.env or any(map(_chooses, _calls(stage))):
        return None
    installed = _installed(stage)
    if installed:
        is_one = len({one.version for one in installed}) == 1
        return installed[0] if is_one else None
    base = stage.base
    if base.python:
        return Python(base.python, stage.chain[-1].base_span, base.reference)
    plain = _plain(stage)
    return (
        Python(base.distro_python, plain, f"python3 of {base.distro}")
        if base.distro_python and plain
        else None
    )


def _chooses(call: Call) -> bool:
    """It brings or picks a Python by its own rules."""
    is_uv = call.program == "uv" and call.texts[:2] == ("python", "install")
    return is_uv or call.program in _OWN_PYTHONS or "--python" in call.texts


def _plain(stage: StageFacts) -> Span | None:
    """Where the distro's own ``python3`` is installed."""
    packages = (one for install in stage.all_installs if install.manager == "apt" for one in install.packages)
    return next((package.word.span for package in packages if package.name == "python3"), None)


def _calls(stage: StageFacts) -> list[Call]:
    return [call for run in stage.all_runs for call in run.calls]


def _installed(stage: StageFacts) -> list[Python]:
    """Pythons that it installs beside that of its base."""
    found = []
    for install in stage.all_installs:
        for package in install.packages:
            deb = _DEB.fullmatch(package.name) if install.is_system else None
            if deb:
                found.append(Python((int(deb[1]), int(deb[2])), package.word.span, package.name))
            version = minor_of(package.specifier.lstrip("=~")) if package.name == "python" else None
            if version and install.is_conda:
                found.append(Python(version, package.word.span, f"python{package.specifier}"))
    return found


def admits(requirement: str, python: Version) -> bool | None:
    """Whether some release of *python* is in a range like ``>=3.10,<3.13`` or Poetry's ``^3.11``.

    None where the range is written in a way that is not known here.
    """
    answers = []
    for clause in requirement.replace(" ", "").split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None or found["operator"] not in _TESTS:
            return None
        numbers = [int(part) for part in found["version"].split(".")]
        if found["operator"] == "!=" and not found["star"]:
            continue  # one release of many
        answers.append(_TESTS[found["operator"]](python, numbers))
    return all(answers)


def _bound(numbers: list[int]) -> Version:
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


def _is_below(python: Version, numbers: list[int]) -> bool:
    """Some release of *python* is below; with ``<3.12.4`` those of 3.12 before that."""
    has_patch = len(numbers) > 2 and numbers[2] > 0  # noqa: PLR2004 - the third number of a version
    return python <= _bound(numbers) if has_patch else python < _bound(numbers)


def _is_same(python: Version, numbers: list[int]) -> bool:
    return python[0] == numbers[0] if len(numbers) == 1 else python == _bound(numbers)


def _is_compatible(python: Version, numbers: list[int]) -> bool:
    """``~=3.11`` goes up to 4, ``~=3.11.2`` stays within 3.11."""
    if len(numbers) > 2:  # noqa: PLR2004 - the third number of a version
        return _is_same(python, numbers)
    return _is_of_major(python, numbers)


def _is_of_major(python: Version, numbers: list[int]) -> bool:
    return python >= _bound(numbers) and python[0] == numbers[0]


_TESTS: Final[dict[str, Callable[[Version, list[int]], bool]]] = {
    ">=": lambda python, numbers: python >= _bound(numbers),
    ">": lambda python, numbers: python >= _bound(numbers),
    "<": _is_below,
    "<=": lambda python, numbers: python <= _bound(numbers),
    "!=": lambda python, numbers: not _is_same(python, numbers),
    "^": _is_of_major,
    "~=": _is_compatible,
    **dict.fromkeys(("==", "===", "~", ""), _is_same),
}
