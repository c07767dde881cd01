"""Which lock a project has. Where it has several, one order decides, and the plan says which was taken.

The order: ``pylock.toml`` (the standard: whoever exports one means it to be installed from), then the locks
that a tool keeps for its project, ``uv.lock``, ``poetry.lock``, ``pdm.lock``, ``Pipfile.lock``, then
``requirements.lock`` and ``requirements.txt``, then a single ``pylock.<name>.toml``. A workspace member
without a lock of its own has the ``uv.lock`` of its workspace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

ORDER: Final = (
    "pylock.toml",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "requirements.lock",
    "requirements.txt",
)
_NAMED_PYLOCK: Final = re.compile(r"pylock\.[^.]+\.toml")
_CONDA: Final = ("environment.yml", "environment.yaml", "conda-lock.yml", "pixi.lock", "pixi.toml")


@dataclass(frozen=True, slots=True)
class Found:
    """The lock that is read, and those that are not."""

    path: Path
    kind: str  # as Lock.kind
    others: tuple[str, ...] = ()  # names of locks that lie beside it

    @property
    def notes(self) -> tuple[str, ...]:
        """What the plan says about the choice."""
        if not self.others:
            return ()
        return (f"{self.path.name} is read; {', '.join(self.others)} beside it {_are(self.others)} not",)


def find_lock(root: Path) -> Found | None:
    """The lock of the project in *root*; None where it has none.

    Raises:
        InputError: There are several ``pylock.<name>.toml`` and nothing else, or only conda's environment.

    """
    present = [name for name in ORDER if (root / name).is_file()]
    if present:
        return Found(root / present[0], _kind(present[0]), tuple(present[1:]))
    named = sorted(entry.name for entry in root.glob("pylock.*.toml") if _NAMED_PYLOCK.fullmatch(entry.name))
    if len(named) > 1:
        raise InputError(
            f"there are several locks and no pylock.toml: {', '.join(named[:10])}",
            where=str(root),
            mend="name the one for the image pylock.toml",
        )
    if named:
        return Found(root / named[0], "pylock.toml")
    workspace = _workspace_lock(root)
    if workspace is None:
        _refuse_conda(root)
    return workspace


def _kind(name: str) -> str:
    return "requirements.txt" if name == "requirements.lock" else name


def _are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _workspace_lock(root: Path) -> Found | None:
    """The uv.lock above *root*, up to the repository's top, where uv itself would look."""
    if not (root / "pyproject.toml").is_file():
        return None
    place = root
    while not (place / ".git").exists() and place.parent != place:
        place = place.parent
        if (place / "uv.lock").is_file() and (place / "pyproject.toml").is_file():
            return Found(place / "uv.lock", "uv.lock")
    return None


def _refuse_conda(root: Path) -> None:
    """An environment that only conda understands is no lock, and is said to be none."""
    name = next((name for name in _CONDA if (root / name).is_file()), None)
    if name and not (root / "pyproject.toml").is_file():
        raise InputError(
            f"{name} is conda's: an image is made from a lock of Python distributions",
            where=str(root / name),
            mend="list the Python packages in requirements.in, then run: wherry lock",
        )
