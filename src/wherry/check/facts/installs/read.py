"""Which program is which package manager, by any of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.installs.conda import read_conda
from wherry.check.facts.installs.model import Install
from wherry.check.facts.installs.python import (
    read_pdm,
    read_pip,
    read_pipenv,
    read_pipx,
    read_poetry,
    read_setup_py,
    read_uv,
    read_uvx,
)
from wherry.check.facts.installs.system import (
    read_apk,
    read_apt,
    read_dnf,
    read_dpkg,
    read_node,
    read_yarn,
    read_zypper,
)
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.check.facts.calls import Call, Value
    from wherry.check.facts.installs.python import Found
    from wherry.check.facts.runs import RunFacts

    Reader = Callable[[Sequence[Value], Mapping[str, str]], Found | None]

_PYTHON: Final = regex(r"(?:python|pypy)[\d.]*(?:\.exe)?")
_PIP: Final = regex(r"pip[\d.]*")
_READERS: Final[dict[str, tuple[str, Reader]]] = {
    # the program, the manager it is, and who reads its arguments
    "uv": ("uv", read_uv),
    "uvx": ("uv", read_uvx),
    "pipx": ("pipx", read_pipx),
    "poetry": ("poetry", read_poetry),
    "pdm": ("pdm", read_pdm),
    "pipenv": ("pipenv", read_pipenv),
    "conda": ("conda", read_conda),
    "mamba": ("mamba", read_conda),
    "micromamba": ("micromamba", read_conda),
    "apt-get": ("apt", read_apt),
    "apt": ("apt", read_apt),
    "aptitude": ("apt", read_apt),
    "apt-fast": ("apt", read_apt),
    "dpkg": ("dpkg", read_dpkg),
    "apk": ("apk", read_apk),
    "dnf": ("dnf", read_dnf),
    "dnf5": ("dnf", read_dnf),
    "yum": ("yum", read_dnf),
    "microdnf": ("microdnf", read_dnf),
    "tdnf": ("tdnf", read_dnf),
    "zypper": ("zypper", read_zypper),
    "npm": ("npm", read_node),
    "pnpm": ("pnpm", read_node),
    "yarn": ("yarn", read_yarn),
}


def read_install(call: Call, run: RunFacts) -> Install | None:
    """What *call* does to a package manager; None when it calls none."""
    named = _manager(call)
    if named is None:
        return None
    manager, reader, arguments = named
    found = reader(arguments, call.env)
    if found and "xargs" in call.command.wrapped_by:
        found["has_unknown"] = True
    return Install(manager=manager, call=call, run=run, **found) if found else None


def is_python(program: str) -> bool:
    """It is a Python interpreter by its name."""
    return _PYTHON.fullmatch(program) is not None


def _manager(call: Call) -> tuple[str, Reader, Sequence[Value]] | None:
    program, arguments = call.program, call.arguments
    if _PIP.fullmatch(program):
        return "pip", read_pip, arguments
    if program in _READERS:
        return *_READERS[program], arguments
    return _module(arguments) if is_python(program) else None


def _module(arguments: Sequence[Value]) -> tuple[str, Reader, Sequence[Value]] | None:
    """``python [-X y] -m pip ...``, ``python -mpip``, ``python setup.py install``."""
    for at, value in enumerate(arguments):
        text = value.text
        if text == "-m" and at + 1 < len(arguments):
            return _named_module(arguments[at + 1].text, arguments[at + 2 :])
        if text.startswith("-m") and len(text) > 2:  # noqa: PLR2004 - the two of -m
            return _named_module(text[2:], arguments[at + 1 :])
        if text.rpartition("/")[2] == "setup.py":
            return "setuptools", read_setup_py, arguments[at:]
        if not text.startswith("-"):
            return None
    return None


def _named_module(module: str, rest: Sequence[Value]) -> tuple[str, Reader, Sequence[Value]] | None:
    if module == "pip":
        return "pip", read_pip, rest
    return (*_READERS[module], rest) if module in _READERS else None
