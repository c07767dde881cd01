"""An instruction is written in a way that does not mean what it seems to, or no longer means anything.

Why: a relative WORKDIR depends on the base; `cd` in a RUN ends with it; ADD of a local file is COPY with
surprises: it unpacks archives and fetches URLs; MAINTAINER has been a label since Docker 1.13.

## Bad: a relative WORKDIR

```dockerfile
FROM python:3.12-slim
WORKDIR app
CMD ["python", "serve.py"]
```

## Bad: cd that is forgotten

```dockerfile
FROM python:3.12-slim
RUN cd /app
RUN python setup.py
```

## Bad: ADD for a file

```dockerfile
FROM python:3.12-slim
ADD serve.py /app/serve.py
```

```python serve.py
```

## Fixed: ADD for a file

```dockerfile
FROM python:3.12-slim
COPY serve.py /app/serve.py
```

## Bad: MAINTAINER

```dockerfile
FROM python:3.12-slim
MAINTAINER team@corp.example
```

## Fixed: MAINTAINER

```dockerfile
FROM python:3.12-slim
LABEL org.opencontainers.image.authors="team@corp.example"
```

## Good

```dockerfile
FROM python:3.12-slim
LABEL org.opencontainers.image.authors="team@corp.example"
WORKDIR /app
COPY serve.py ./
RUN cd /app && python serve.py --check
ADD https://models.example/tokenizer.tar.gz /models/
```

```python serve.py
```

## Fix

Safe: COPY in place of ADD, where what is added is there and is a directory or a text; a label in place of
MAINTAINER. Unsafe where the file is not there, or is of bytes: ADD unpacks by content, whatever the name.
None for WORKDIR and `cd`: only the author knows where it should be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.syntax import Instruction

_ARCHIVE: Final = regex(r"\.(?:tar|tgz|tbz2?|txz|gz|bz2|xz|zst|zip)(?:\.\w+)?$", re.IGNORECASE)
_PLAIN_NAME: Final = regex(r"[\w .@<>+-]+")


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        yield from _workdirs(facts, stage)
        adds = [copy for copy in stage.copies if copy.is_add and _is_plain(copy)]
        for safety in Safety:
            own = [copy for copy in adds if (copy.unpacks is False) is (safety is Safety.SAFE)]
            if own:
                yield _added(facts, own, safety)
        for one in stage.instructions("maintainer"):
            yield RULE.at(
                facts.place(one.span),
                "MAINTAINER is deprecated",
                why="tools read the label org.opencontainers.image.authors",
                fix=_labelled(facts, one),
            )
        for run in stage.runs:
            calls = run.calls
            if len(calls) == 1 and calls[0].program == "cd" and not run.instruction.heredocs:
                yield RULE.at(
                    facts.place(run.instruction.span),
                    "cd ends with its RUN",
                    why="the next instruction starts in WORKDIR again",
                    severity=Severity.WARNING,
                )


def _workdirs(facts: Facts, stage: StageFacts) -> Iterator[Finding]:
    """A relative WORKDIR before which nothing of the file sets one."""
    for one in stage.instructions("workdir"):
        path = one.arguments[0].value.strip("\"'")
        if path[:1] not in {"/", "$", "\\"} and ":" not in path and not stage.scope(one).workdir:
            yield RULE.at(
                facts.place(one.span),
                f"WORKDIR {path} is relative to whatever the base has",
                why="another version of the base may put the files elsewhere",
            )


def _added(facts: Facts, adds: Sequence[CopyFacts], safety: Safety) -> Finding:
    first, *rest = adds
    return RULE.at(
        facts.place(first.instruction.keyword_span),
        "ADD of local files does what COPY does",
        why="ADD unpacks an archive and fetches a URL as soon as one takes the place of what is there today",
        related=[facts.place(copy.instruction.keyword_span) for copy in rest],
        fix=_copied(facts, [copy.instruction for copy in adds], safety),
    )


def _is_plain(copy: CopyFacts) -> bool:
    """It neither fetches nor unpacks, as far as names and flags tell."""
    if copy.unpacks or copy.inline_files or not copy.sources:
        return False
    written = copy.instruction.values[:-1]
    return not any(_ARCHIVE.search(source) or "*" in source or "$" in source for source in written)


def _copied(facts: Facts, adds: Sequence[Instruction], safety: Safety) -> Fix | None:
    if any({flag.name for flag in one.flags} - {"chown", "chmod", "link"} for one in adds):
        return None
    words = [(one.keyword_span, facts.text(one.keyword_span)) for one in adds]
    return Fix(
        "use COPY",
        tuple(Edit(facts.file.name, span, "COPY" if word.isupper() else "copy") for span, word in words),
        safety,
        Effect(frozenset(one.index for one in adds), aspects=frozenset({Aspect.COPIES})),
    )


def _labelled(facts: Facts, instruction: Instruction) -> Fix | None:
    name = instruction.body.text.strip().strip("\"'")
    if not _PLAIN_NAME.fullmatch(name) or instruction.comments:
        return None
    text = f'LABEL org.opencontainers.image.authors="{name}"'
    return Fix(
        "write it as a label",
        (Edit(facts.file.name, instruction.span, text),),
        Safety.SAFE,
        Effect(frozenset({instruction.index}), aspects=frozenset({Aspect.ENV})),
    )


RULE = Rule(
    "H13",
    "old-instructions",
    Severity.INFO,
    _check,
    also=(
        "DL3000",
        "DL3003",
        "DL3020",
        "DL4000",
        "MaintainerDeprecated",
        "WorkdirRelativePath",
        "DS-0005",
        "DS-0009",
    ),
)
