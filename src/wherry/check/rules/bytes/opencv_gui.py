r"""opencv-python, with its windows, where none is ever opened.

Why: `opencv-python` brings Qt and needs `libGL` and X11's libraries from the system; on a server it often
fails with `libGL.so.1: cannot open shared object file` until somebody installs `libgl1`, which with Mesa
and LLVM is 216 MB on Debian 12. `opencv-python-headless` is the same library without windows, 36 MB less of
its own, and needs nothing of the system.

Not reported where the code calls `imshow` and its kin, or where another package asks for the one with
windows.

## Bad

```dockerfile
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py ./
```

```text requirements.txt
fastapi==0.115.5
opencv-python==4.10.0.84
```

```text app.py
import cv2

print(cv2.imread("a.png").shape)
```

## Fixed

```text requirements.txt
fastapi==0.115.5
opencv-python-headless==4.10.0.84
```

## Bad: on the command line

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir "opencv-python>=4.9" numpy
```

## Fixed: on the command line

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir "opencv-python-headless>=4.9" numpy
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir opencv-python-headless==4.10.0.84
```

## Good: windows are opened

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir opencv-python==4.10.0.84
COPY app.py ./
```

```text app.py
import cv2

cv2.imshow("frame", cv2.imread("a.png"))
```

## Fix

Unsafe: a package that requires `opencv-python` itself would install it beside the headless one, and the two
overwrite each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.apt_sizes import installed
from wherry.check.facts.purpose import is_for_people
from wherry.check.model import Aspect, Basis, Cost, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._asked import asked_by
from wherry.check.rules.bytes._bounds import installs_of
from wherry.check.rules.bytes._carried import carried_installs
from wherry.check.wheel_sizes import wheel_of
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding
    from wherry.check.rules.bytes._asked import Asked

_HEADLESS: Final = {
    "opencv-python": "opencv-python-headless",
    "opencv-contrib-python": "opencv-contrib-python-headless",
}
_WINDOWS: Final = regex(
    rb"\b(?:imshow|namedWindow|waitKey|destroyAllWindows|selectROI|createTrackbar|setMouseCallback)\s*\("
)
_FOR_WINDOWS: Final = frozenset({"libgl1", "libgl1-mesa-glx", "libgl1-mesa-dev"})


def _check(facts: Facts) -> Iterator[Finding]:
    found = [
        (install, asked)
        for install in carried_installs(facts)
        if install.is_python and install.brings_packages
        for asked in asked_by(install)
        if asked.name in _HEADLESS and not asked.is_local and not _is_required(install, asked.name)
    ]
    if found and not is_for_people(facts) and not _opens_windows(facts):
        for install, asked in found:
            yield _finding(facts, install, asked)


def _opens_windows(facts: Facts) -> bool:
    imports = facts.project.imports
    return imports is not None and any(
        _WINDOWS.search(script.source.data) for script in imports.scripts if "cv2" in script.imports
    )


def _is_required(install: Install, name: str) -> bool:
    """The lock says that another package asks for it."""
    lock = install.inputs.lock
    return lock is not None and any(name in one.requires and not one.local for one in lock.packages)


def _finding(facts: Facts, install: Install, asked: Asked) -> Finding:
    for_windows = [
        one
        for one in installs_of(facts.target)
        if one.manager == "apt" and not _FOR_WINDOWS.isdisjoint(one.names)
    ]
    return RULE.at(
        asked.place,
        f"{asked.name} is installed with its windows, {_HEADLESS[asked.name]} has none",
        why="Qt, and libGL with all of Mesa, are in an image that opens no window",
        cost=_cost(asked.name, has_mesa=bool(for_windows)),
        related=[facts.place(one.span) for one in (install, *for_windows)],
        fix=_fix(facts, install, asked),
    )


def _cost(name: str, *, has_mesa: bool) -> Cost:
    with_windows, without = wheel_of(name), wheel_of(_HEADLESS[name])
    if with_windows is None or without is None:
        return Cost()
    more = with_windows.unpacked_bytes - without.unpacked_bytes
    source = f"wheels of {name} {with_windows.version} and its headless variant"
    if has_mesa:
        mesa = installed(["libgl1"])
        more += mesa.size_bytes
        source += f", {mesa.source}"
    return Cost(more, basis=Basis.TABLE, source=source)


def _fix(facts: Facts, install: Install, asked: Asked) -> Fix | None:
    edit = asked.renamed(_HEADLESS[asked.name])
    is_here = asked.source is facts.file
    if edit is None or install.inputs.lock is not None or (is_here and install.run.instruction.is_json):
        return None
    effect = (
        Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.COMMANDS}))
        if is_here
        else Effect(aspects=frozenset({Aspect.FILES}))
    )
    return Fix("take the headless one", (edit,), Safety.UNSAFE, effect)


RULE = Rule("G8", "opencv-gui", Severity.WARNING, _check)
