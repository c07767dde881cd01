"""The image starts a server in its development mode.

Why: `--reload` runs a second process that watches every file, and loads the model twice; a debugger on a port
runs whatever a stranger sends; Jupyter without a token is a shell for everyone who reaches it.

## Bad

```dockerfile
FROM python:3.12-slim
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--reload"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
CMD ["uvicorn", "app:app", "--host", "0.0.0.0"]
```

## Bad: Flask's debugger

```dockerfile
FROM python:3.12-slim
ENV FLASK_DEBUG=1
CMD ["flask", "--app", "serve", "run", "--host=0.0.0.0"]
```

## Bad: Flask's own server

```dockerfile
FROM python:3.12-slim
CMD ["flask", "--app", "serve", "run", "--host=0.0.0.0"]
```

## Bad: a debugger in the code

```dockerfile
FROM python:3.12-slim
COPY serve.py ./
CMD ["python", "serve.py"]
```

```python serve.py
app.run(host="0.0.0.0", port=5000, debug=True)
```

## Bad: Jupyter for everyone

```dockerfile
FROM jupyter/scipy-notebook:2024-10-28
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--NotebookApp.token=''"]
```

## Good

```dockerfile
FROM python:3.12-slim
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--workers", "2"]
```

## Good: a stage for development

```dockerfile
FROM python:3.12-slim AS dev
CMD ["uvicorn", "app:app", "--reload"]

FROM python:3.12-slim
CMD ["uvicorn", "app:app", "--host", "0.0.0.0"]
```

## Fix

Unsafe, for `--reload` in the JSON form: it is taken out; whoever develops adds it on the command line, or
builds a stage of their own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.installs.read import is_python
from wherry.check.facts.origins import context_path
from wherry.check.model import Aspect, Edit, Effect, Fix, Place, Rule, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call, Value
    from wherry.check.model import Finding

_RELOADERS: Final = frozenset(
    {"uvicorn", "gunicorn", "hypercorn", "fastapi", "granian", "litestar", "python"}
)
_SWITCHES: Final = {"FLASK_DEBUG": {"1", "true"}, "FLASK_ENV": {"development"}, "DJANGO_DEBUG": {"1", "true"}}
_OPEN: Final = regex(
    r"--(?:NotebookApp|ServerApp|IdentityProvider)\.(?:token|password)=(?:''|\"\")?|--(?:LabApp)\.token=(?:''|\"\")?"
)
_DEBUG: Final = regex(
    rb"^[^#\n]{0,80}\bapp\.run\([^()]{0,300}?(?P<debug>\bdebug\s{0,3}=\s{0,3}True)\b", re.MULTILINE
)
_DEVELOPMENT: Final = regex(r"dev|debug|local|test", re.IGNORECASE)


def _check(facts: Facts) -> Iterator[Finding]:
    if _DEVELOPMENT.search(facts.target.name or "") or _DEVELOPMENT.search(
        facts.file.name.rpartition("/")[2]
    ):
        return
    for call in facts.target.ending.calls:
        yield from _of_call(facts, call)
    for variable in facts.target.all_variables:
        opened = variable.kind == "env" and _OPEN.search(variable.value)
        if opened and "PYSPARK_DRIVER" in variable.name:
            yield _open(facts.place(variable.span))
        if variable.kind == "env" and variable.value.lower() in _SWITCHES.get(variable.name, ()):
            yield RULE.at(
                facts.place(variable.span),
                f"{variable.name} turns the framework's debugger on",
                why="it runs code that a browser sends it",
            )


def _of_call(facts: Facts, call: Call) -> Iterator[Finding]:
    for value in call.arguments:
        if value.text == "--reload" and call.program in _RELOADERS:
            yield RULE.at(
                facts.place(value.span),
                "the server watches its files and reloads",
                why="a second process loads everything again, and nothing in an image changes",
                fix=_without(facts, value),
            )
        elif _OPEN.fullmatch(value.text):
            yield _open(facts.place(value.span))
    if (call.program == "flask" and "run" in call.texts) or "runserver" in call.texts[:2]:
        yield RULE.at(
            facts.place(call.command.span),
            f"{'flask run' if call.program == 'flask' else 'runserver'} is the server to develop with",
            why="it is made for one person, and its authors say not to use it in production",
        )
    yield from _of_script(facts, call)
    if call.program == "fastapi" and call.texts[:1] == ("dev",):
        yield RULE.at(
            facts.place(call.arguments[0].span),
            "fastapi dev reloads and listens on 127.0.0.1 alone",
            why="nothing outside the container reaches it: fastapi run is the server for that",
        )


def _open(place: Place) -> Finding:
    return RULE.at(
        place,
        "Jupyter lets in everyone who reaches its port",
        why="a notebook is a shell",
        severity=Severity.ERROR,
    )


def _of_script(facts: Facts, call: Call) -> Iterator[Finding]:
    """``app.run(debug=True)`` of the script that a container starts."""
    first = next((value.text for value in call.arguments if not value.text.startswith("-")), "")
    if facts.context is None or not is_python(call.program) or not first.endswith(".py"):
        return
    path = context_path(facts.target, call.path(first))
    source = facts.context.read_small(path) if path else None
    found = _DEBUG.search(source.data) if source else None
    if source and found:
        yield RULE.at(
            Place.of(source, Span(*found.span("debug"))),
            f"{first} turns the framework's debugger on",
            why="it runs code that a browser sends it",
            related=[facts.place(call.command.span)],
        )


def _without(facts: Facts, value: Value) -> Fix | None:
    """Take one string out of a JSON array, with the comma before it."""
    found = re.compile(rb",\s*\"--reload\"").search(
        facts.file.data, max(0, value.span.start - 20), value.span.end + 1
    )
    instruction = facts.target.ending.cmd or facts.target.ending.entrypoint
    if found is None or instruction is None or not instruction.is_json:
        return None
    return Fix(
        "do not reload",
        (Edit(facts.file.name, Span(*found.span()), ""),),
        Safety.UNSAFE,
        Effect(frozenset({instruction.instruction.index}), aspects=frozenset({Aspect.ENTRY})),
    )


RULE = Rule("H6", "development-server", Severity.WARNING, _check)
