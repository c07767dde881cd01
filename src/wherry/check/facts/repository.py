"""Which files beside a Dockerfile may concern it, found by their places and names.

``repository_root`` is the nearest directory above with ``.git``. ``yaml_files`` lists the YAML files of the
Dockerfile's directory, of those above up to that root, and of directories below them whose names say that
deployments or CI live there (``k8s``, ``deploy``, ``charts``, ``.github/workflows``, ...): at most 300
directories and 1,000 files, links not followed.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LEVELS_UP: Final = 64
_MOST_DIRECTORIES: Final = 300
_MOST_FILES: Final = 1000
_MOST_NAMES: Final = 5000  # of one directory
_DEPTH: Final = 4

_TELLING: Final = frozenset(
    {
        *("k8s", "kubernetes", "kube", "deploy", "deployment", "deployments", "manifests", "manifest"),
        *("charts", "chart", "helm", "docker", "compose", "infra", "infrastructure", "ops", "devops"),
        *(
            "kustomize",
            "base",
            "overlays",
            "argocd",
            "argo",
            "gitops",
            "ci",
            ".github",
            ".gitlab",
            ".circleci",
        ),
        *(
            ".devcontainer",
            ".docker",
            "serving",
            "production",
            "prod",
            "staging",
            "dev",
            "config",
            "environments",
        ),
    }
)
_PASSED_OVER: Final = frozenset(
    {"node_modules", "__pycache__", "venv", ".venv", ".git", ".terraform", ".cache"}
)


def repository_root(directory: Path) -> Path | None:
    """The nearest directory, from *directory* up, that holds ``.git``; named as a person here would."""
    for place in _upwards(directory):
        if os.path.lexists(place / ".git"):
            return place
    return None


def surroundings(directory: Path) -> list[Path]:
    """*directory* and those above it up to the repository's root; itself alone outside of a repository."""
    root = repository_root(directory)
    if root is None:
        return [directory]
    places = []
    for place in _upwards(directory):
        places.append(place)
        if place == root:
            break
    return places


def yaml_files(directory: Path) -> list[Path]:
    """The YAML files that may concern a Dockerfile in *directory*, nearest first."""
    files: list[Path] = []
    looked_into = 0
    seen: set[str] = set()
    for above in surroundings(directory):
        waiting = deque([(above, 0)])
        while waiting and looked_into < _MOST_DIRECTORIES and len(files) < _MOST_FILES:
            place, depth = waiting.popleft()
            if os.path.abspath(place) in seen:  # noqa: PTH100 - resolve() would follow links
                continue
            seen.add(os.path.abspath(place))  # noqa: PTH100 - as above
            looked_into += 1
            names, directories = _listed(place)
            files += [place / name for name in names]
            if depth < _DEPTH:
                waiting.extend(
                    (place / name, depth + 1) for name in directories if depth or name.lower() in _TELLING
                )
    return files[:_MOST_FILES]


def _upwards(directory: Path) -> Iterator[Path]:
    """*directory*, the one above it, and so on; a relative path stays relative while it can."""
    place = directory
    for _ in range(_MOST_LEVELS_UP):
        yield place
        if place == Path() or place.name == ".." or str(place) in {".", ""}:
            place = Path("..") if str(place) in {".", ""} else place / ".."
            if place.resolve() == place.resolve().parent:
                return
        elif place.parent == place:
            return
        else:
            place = place.parent


def _listed(place: Path) -> tuple[list[str], list[str]]:
    """Names of YAML files and of directories to look into, sorted."""
    files: list[str] = []
    directories: list[str] = []
    try:
        with os.scandir(place) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_NAMES:
                    break
                if entry.name.endswith((".yml", ".yaml")) and entry.is_file():
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False) and entry.name not in _PASSED_OVER:
                    directories.append(entry.name)
    except OSError:
        return [], []  # what cannot be listed holds nothing for us
    return sorted(files), sorted(directories)
