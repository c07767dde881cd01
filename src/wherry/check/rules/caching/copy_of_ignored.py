"""COPY takes what .dockerignore leaves out.

Why: the file is on the disk, so the instruction looks right, but Docker never sends it: the build ends with
`"/model": not found`, or, where the source is a pattern, copies less than the author thinks.

## Bad

```dockerfile
FROM python:3.12-slim
COPY tokenizer.json /app/
CMD ["python", "-m", "app"]
```

```text .dockerignore
*.json
```

```text tokenizer.json
{}
```

## Good

```dockerfile
FROM python:3.12-slim
COPY tokenizer.json /app/
CMD ["python", "-m", "app"]
```

```text .dockerignore
*.json
!tokenizer.json
```

```text tokenizer.json
{}
```

## Fix

None: either the pattern or the COPY is wrong. `!tokenizer.json` at the end of .dockerignore takes one file
back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Place, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Span


def _check(facts: Facts) -> Iterator[Finding]:
    context = facts.context
    if context is None or context.ignore is None:
        return
    for copy in facts.copies:
        for source in _left_out(copy, context):
            yield RULE.at(
                facts.place(_span(copy, source)),
                f"{source} is copied, and {context.ignore_path.rpartition('/')[2]} leaves it out",
                why="the build ends here: what is left out is not sent",
                related=_lines(context, source),
            )


def _left_out(copy: CopyFacts, context: Context) -> list[str]:
    """Sources that are on the disk and of which nothing is sent."""
    if not copy.is_from_context:
        return []
    suspects = [source for source in copy.sources if context.exists(source) and context.is_left_out(source)]
    missing = context.sent_by(suspects).left_out if suspects else ()
    return [source for source in suspects if source in missing]


def _span(copy: CopyFacts, source: str) -> Span:
    named = (argument.span for argument in copy.instruction.arguments if argument.value == source)
    return next(named, copy.span)


def _lines(context: Context, source: str) -> list[Place]:
    """The line of the ignore file that decides."""
    ignore, file = context.ignore, context.ignore_source
    if ignore is None or file is None:
        return []
    names = [source.strip("/")]
    while "/" in names[-1]:
        names.append(names[-1].rpartition("/")[0])
    matching = [
        pattern.line
        for pattern in ignore.patterns
        if not pattern.takes_back and any(map(pattern.matches_exactly, names))
    ]
    return [Place.of(file, file.line_span(matching[-1]))] if matching else []


RULE = Rule("B12", "copy-of-ignored", Severity.ERROR, _check, also=("CopyIgnoredFile",))
