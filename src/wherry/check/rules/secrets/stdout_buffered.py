"""What Python prints is held back in a buffer.

Belongs to E11. Why: where standard output is no terminal Python writes it in blocks, so `docker logs` shows a
line minutes late, and a container that is killed, for want of memory say, takes the last lines with it.
What `logging` writes goes to standard error and is not held back.

Off by default: it only concerns what is printed.

## Bad

```dockerfile
FROM python:3.12-slim
CMD ["python", "train.py"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1
CMD ["python", "train.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1
CMD ["python", "train.py"]
```

## Good: by its option

```dockerfile
FROM python:3.12-slim
CMD ["python", "-u", "train.py"]
```

## Fix

Unsafe: `ENV PYTHONUNBUFFERED=1` above the command; each line is written at once, which costs a program that
prints much some time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.edits import put_before
from wherry.check.facts.installs.read import is_python
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    ending = facts.target.ending
    entry = ending.entrypoint or ending.cmd
    if entry is None or "PYTHONUNBUFFERED" in ending.env:
        return
    calls = [call for call in ending.calls if is_python(call.program)]
    if calls and not any(text.startswith("-") and "u" in text for call in calls for text in call.texts[:1]):
        edit = put_before(facts.dockerfile, entry.instruction, "ENV PYTHONUNBUFFERED=1\n")
        effect = Effect(inserts=1, aspects=frozenset({Aspect.ENV}))
        yield RULE.at(
            facts.place(entry.instruction.span),
            "PYTHONUNBUFFERED is not set",
            why="printed lines come late, and the last ones are lost when the container is killed",
            fix=Fix("write each line at once", (edit,), Safety.UNSAFE, effect),
        )


RULE = Rule("E14", "stdout-buffered", Severity.INFO, _check, default=False, also=("DD015",))
