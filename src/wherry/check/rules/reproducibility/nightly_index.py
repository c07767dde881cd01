"""A nightly or pre-release build is installed.

Why: nightlies of torch are deleted from their index after some weeks, so the image cannot be built again, and
each day's build is another one. `--pre` takes release candidates of every package on the line.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir --pre torch --index-url https://download.pytorch.org/whl/nightly/cu126
```

## Bad: in the requirements

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
--pre
--extra-index-url https://download.pytorch.org/whl/nightly/cu126
torch
```

## Bad: a package that is one

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir tf-nightly
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.6.0 --index-url https://download.pytorch.org/whl/cu126
```

## Fix

None: a release, or the nightly's wheels kept in an index of one's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.requirements import Option
    from wherry.check.model import Finding, Place

_NIGHTLY: Final = regex(r"[/.-]nightly(?:[/._-]|$)")
_PACKAGES: Final = regex(r"(?:tf-|tb-|jax-|keras-)?nightly(?:-\w+)?|\w+(?:-\w+)*-nightly(?:-\w+)?")
_MOST: Final = 500  # installs of a file that are looked at
_PRE: Final = frozenset({"--pre", "--prerelease"})
_INDEXES: Final = frozenset({"--index-url", "--extra-index-url", "--find-links"})


def _check(facts: Facts) -> Iterator[Finding]:
    told: set[str] = set()
    for install in facts.installs[:_MOST]:
        if not install.is_python or not install.run.stage.is_reachable:
            continue
        for place, what in _signs(facts, install):
            if str(place) not in told:
                told.add(str(place))
                yield RULE.at(
                    place, what, why="it is another build every day, and gone from its index after some weeks"
                )


def _signs(facts: Facts, install: Install) -> Iterator[tuple[Place, str]]:
    """One for the command, one for each of its files."""
    sign = _of_command(install)
    if sign and install.brings_packages:
        yield facts.place(install.span), sign
    for file in install.inputs.files:
        for one in file.all_files:
            found = next(filter(None, map(_of_option, one.options)), None)
            if found:
                option, text = found
                yield option.text.place, text


def _of_command(install: Install) -> str:
    places = [*install.index_urls, *install.values("--find-links")]
    if any(map(_NIGHTLY.search, places)):
        return f"{install.call.program} takes nightly builds"
    package = next((name for name in install.names if _PACKAGES.fullmatch(name)), "")
    if package:
        return f"{package} is a nightly build"
    names = [package.name for package in install.packages if package.name and not package.is_pinned]
    is_pre = install.is_on("--pre") or install.setting("--prerelease") == "allow"
    return f"{install.call.program} takes pre-releases of {names[0]}" if is_pre and names else ""


def _of_option(option: Option) -> tuple[Option, str] | None:
    if option.name in _INDEXES and _NIGHTLY.search(option.value.value):
        return option, "the requirements come from an index of nightly builds"
    return (option, "the requirements take pre-releases of every package") if option.name in _PRE else None


RULE = Rule("F11", "nightly-index", Severity.WARNING, _check)
