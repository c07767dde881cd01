"""Code is cloned at whatever its branch is at.

Why: the step is cached under its text, so a machine builds with what it cloned months ago and another with
what was pushed this morning. The library that compiles is the one nobody can build again.

A tag is taken for a version, and a `git checkout` behind the clone is seen.

## Bad

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir git+https://github.com/huggingface/transformers
```

## Bad: a clone

```dockerfile
FROM python:3.12
RUN git clone --depth 1 https://github.com/NVIDIA/apex && cd apex && pip install --no-cache-dir .
```

## Bad: in the requirements

```dockerfile
FROM python:3.12
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.4.1
detectron2 @ git+https://github.com/facebookresearch/detectron2@main
```

## Bad: ADD

```dockerfile
FROM python:3.12
ADD https://github.com/NVIDIA/apex.git /src/apex
```

## Good

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir \
      "flash-attn @ git+https://github.com/Dao-AILab/flash-attention@f1a73d074002226c42ce65a1df170ecff9f022c0"
RUN git clone --branch 24.04.01 --depth 1 https://github.com/NVIDIA/apex
RUN git clone https://github.com/NVIDIA/TransformerEngine te && cd te && git checkout v1.13
ADD https://github.com/NVIDIA/apex.git#24.04.01 /src/apex
```

## Good: the commit is an argument

```dockerfile
FROM python:3.12
ARG REF
RUN git clone https://github.com/NVIDIA/apex && cd apex && git reset --hard "$REF"
```

## Fix

None: which commit works is not in the file; `git ls-remote` says where the branch is now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import PackageArgument
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_BRANCHES: Final = frozenset(
    {
        "",
        "main",
        "master",
        "head",
        "dev",
        "develop",
        "devel",
        "trunk",
        "nightly",
        "latest",
        "stable",
        "release",
    }
)
_CHECKOUTS: Final = frozenset({"checkout", "reset", "switch", "fetch"})
_VERSION: Final = regex(r"\d|\$")
_WHY: Final = "another build gets other code under the same text"


def _check(facts: Facts) -> Iterator[Finding]:
    told: set[str] = set()
    for stage in facts.stages:
        if stage.is_reachable:
            yield from _clones(facts, stage)
            yield from _installs(facts, stage, told)
            yield from _added(facts, stage)


def _clones(facts: Facts, stage: StageFacts) -> Iterator[Finding]:
    """Clones behind which no commit or tag is checked out, of them or of what cannot be told apart."""
    clones = [one for one in stage.downloads if one.kind == "git" and _is_moving(one.revision)]
    checkouts = (
        [call for call in stage.calls if call.program == "git" and _names_version(call)] if clones else []
    )
    last = max((call.command.span.start for call in checkouts), default=0)
    moving = [
        clone
        for clone in clones
        if clone.span.start > last and ("://" in clone.source or clone.source.startswith("git@"))
    ]
    if moving:
        first, *rest = moving
        more = f", and {len(rest)} more repositories at theirs" if rest[1:] else ""
        more = f", and {_name(rest[0].source)} at its own" if len(rest) == 1 else more
        yield RULE.at(
            facts.place(first.span),
            f"{_name(first.source)} is cloned at {first.revision or 'its default branch'}{more}",
            why=_WHY,
            related=[facts.place(clone.span) for clone in rest],
        )


def _names_version(call: Call) -> bool:
    words = call.texts
    at = next((i for i, word in enumerate(words) if word in _CHECKOUTS), None)
    return at is not None and any(
        _VERSION.search(word) and not word.startswith("--depth") for word in words[at + 1 :]
    )


def _installs(facts: Facts, stage: StageFacts, told: set[str]) -> Iterator[Finding]:
    """Packages of the command line, and of files that were not told of before."""
    for install in stage.installs:
        for package in install.packages:
            if package.is_git and _is_told(package) and _is_moving(_ref(package.url)):
                yield RULE.at(
                    facts.place(package.word.span),
                    f"{package.name or _name(package.url)} is installed from {_at(_ref(package.url))}",
                    why=_WHY,
                )
        for file in install.inputs.files if install.is_python else ():
            if file.name in told:
                continue
            told.add(file.name)
            moving = [(one, one.git) for one in file.all_entries if one.git and _is_moving(one.git.ref)]
            for entry, git in moving[:1]:
                more = f", and {len(moving) - 1} more like it" if moving[1:] else ""
                yield RULE.at(
                    entry.place,
                    f"{entry.name or _name(git.url)} is installed from {_at(git.ref)}{more}",
                    why=_WHY,
                    related=[facts.place(install.span), *(other.place for other, _ in moving[1:])],
                )


def _is_told(package: PackageArgument) -> bool:
    """Nothing but its login depends on a variable."""
    return package.is_known or "$" not in package.url.rpartition("/")[2]


def _added(facts: Facts, stage: StageFacts) -> Iterator[Finding]:
    for copy in stage.copies:
        for url in copy.urls:
            plain, _, fragment = url.partition("#")
            is_repository = plain.endswith(".git") or url.startswith("git")
            if is_repository and "?" not in plain and _is_moving(fragment.partition(":")[0]):
                yield RULE.at(
                    facts.place(copy.span), f"{_name(plain)} is added at its default branch", why=_WHY
                )


def _is_moving(ref: str) -> bool:
    return ref.lower() in _BRANCHES


def _at(ref: str) -> str:
    return f"the branch {ref}" if ref else "its default branch"


def _ref(url: str) -> str:
    """What stands behind the ``@`` of the path, not that of a user."""
    path = url.partition("#")[0].partition("://")[2].partition("/")[2]
    return path.partition("@")[2]


def _name(url: str) -> str:
    plain = re.split(r"[#?]", url)[0].rstrip("/").rpartition("/")[2]
    return plain.partition("@")[0].removesuffix(".git") or "the repository"


RULE = Rule("F5", "unpinned-git", Severity.WARNING, _check, also=("tally/prefer-add-git",))
