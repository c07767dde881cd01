r"""Tools for development and tests are installed in the stage that ships.

Why: JupyterLab with all it requires is 140 MB, mypy 56 MB, and every package is one more to patch and one
more that a scanner finds. None of them is called when a container runs. A stage on top of the one that ships
has them for whoever tests or explores, and both share all other layers.

Development groups and extras, and lists named for development, are G9's.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
RUN pip install --no-cache-dir pytest==8.3.4 mypy==1.13.0
COPY server ./server
USER 1000
CMD ["python", "-m", "server"]
```

```text requirements.txt
numpy==2.1.3
```

```text server/__main__.py
print("ready")
```

## Fixed

```dockerfile
FROM python:3.12-slim AS runtime
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY server ./server
USER 1000
CMD ["python", "-m", "server"]

FROM runtime AS dev
USER root
RUN pip install --no-cache-dir pytest==8.3.4 mypy==1.13.0
USER 1000

FROM runtime
```

## Bad: among others

```dockerfile
FROM python:3.12-slim AS production
RUN pip install --no-cache-dir \
      fastapi==0.115.5 \
      ipython \
      uvicorn==0.32.1
COPY main.py /
CMD ["uvicorn", "main:app"]
```

```text main.py
print("ready")
```

## Fixed: among others

```dockerfile
FROM python:3.12-slim AS production
RUN pip install --no-cache-dir \
      fastapi==0.115.5 \
      uvicorn==0.32.1
COPY main.py /
CMD ["uvicorn", "main:app"]

FROM production AS dev
RUN pip install --no-cache-dir ipython

FROM production
```

## Bad: in the list of what the program needs

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
CMD ["python", "-m", "server"]
```

```text requirements.txt
numpy==2.1.3
pytest==8.3.4
```

## Good: it is what runs

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir jupyterlab==4.3.1 black==24.10.0
CMD ["jupyter", "lab", "--ip=0.0.0.0"]
```

## Good: a stage for it

```dockerfile
FROM python:3.12-slim AS runtime
RUN pip install --no-cache-dir numpy==2.1.3

FROM runtime AS dev
RUN pip install --no-cache-dir pytest==8.3.4

FROM runtime
CMD ["python", "-m", "server"]
```

## Good: the code imports it

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir ipython==8.29.0
COPY shell.py /
CMD ["python", "/shell.py"]
```

```text shell.py
from IPython import embed

embed()
```

## Fix

Unsafe: something that is not read here may call them. Offered where `pip` installs them by name in the last
stage: they move to a stage `dev` on top of it, and the last stage is the one that ships, as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.purpose import is_for_people
from wherry.check.model import Basis, Cost, Rule, Severity
from wherry.check.rules.multi_stage._dev_stage import Tool, dev_stage_fix
from wherry.check.wheel_sizes import with_requirements
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.model import Finding

_NAMED: Final = 3
_TOOLS: Final = regex(
    r"pytest(?:-.+)?|(?:types|pylint|flake8|pre-commit|sphinx|mkdocs)(?:-.+)?|ruff|black|mypy|isort|coverage|tox|nox"
    r"|bandit|pyright|ipython|ipdb|ipykernel|jupyter|jupyterlab|notebook|debugpy|pip-tools|twine|yapf|autopep8"
    r"|pycodestyle|pydocstyle|nbstripout|bump2version"
)
_MODULES: Final = {"ipython": "IPython", "jupyter": "jupyter_core", "notebook": "notebook"}
_DEV_FILE: Final = regex(r"(?:^|[-_./])(?:dev|develop(?:ment)?|tests?|testing|lint|docs?)(?=[-_./]|$)")
_FOR_NOTEBOOKS: Final = frozenset({"jupyter", "devcontainer"})


def _check(facts: Facts) -> Iterator[Finding]:
    if is_for_people(facts) or facts.target.base.family in _FOR_NOTEBOOKS:
        return
    tools = [tool for tool in _installed(facts) if not _is_used(facts, tool.name)]
    if not tools or any(map(_starts_tool, facts.target.ending.calls)) or _is_for_notebooks(facts, tools):
        return
    first, *rest = tools
    names = list(dict.fromkeys(tool.name for tool in tools))
    more = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    yield RULE.at(
        first.place,
        f"{listed} {'are' if len(names) > 1 else 'is'} installed in the stage that ships",
        why="nothing that a container runs calls it"
        if len(names) == 1
        else "nothing that a container runs calls them",
        cost=_cost(names),
        related=[tool.place for tool in rest],
        fix=dev_stage_fix(facts, tools),
    )


def _installed(facts: Facts) -> Iterator[Tool]:
    """Tools that installs of the chain that ships name, or the lists they go by."""
    for install in facts.target.all_installs:
        if not (install.is_python or install.is_conda) or not install.brings_packages:
            continue
        for environment in install.inputs.environments:
            listed = [(one.name, one.text.place) for one in environment.packages]
            listed += [(one.name, one.place) for one in environment.pip]
            yield from (Tool(name, place, install) for name, place in listed if _TOOLS.fullmatch(name))
        for package in install.packages:
            if _TOOLS.fullmatch(package.name) and not package.is_local:
                yield Tool(package.name, facts.place(package.word.span), install, package)
        for file in install.inputs.files:
            if not _DEV_FILE.search(file.path.name):
                yield from (
                    Tool(entry.name, entry.place, install)
                    for entry in file.all_entries
                    if _TOOLS.fullmatch(entry.name)
                )


def _is_used(facts: Facts, name: str) -> bool:
    """A command of the build calls it, a variable names it for others to start, or the code imports it."""
    if any(_calls(call, name) for stage in facts.shipped for call in stage.calls):
        return True
    if any(
        name in {word.rpartition("/")[2] for word in value.split()} for value in facts.target.env.values()
    ):
        return True
    imports = facts.project.imports
    return imports is not None and imports.imports(_MODULES.get(name, name.replace("-", "_")))


def _calls(call: Call, name: str) -> bool:
    return call.program == name or (call.program.startswith("python") and call.texts[:2] == ("-m", name))


def _starts_tool(call: Call) -> bool:
    """A container starts with one of them, or with what starts it: it is there for people."""
    words = (call.program, *call.texts)
    return any(
        _TOOLS.fullmatch(word) or word.startswith(("jupyter", "start-notebook", "ipython")) for word in words
    )


def _is_for_notebooks(facts: Facts, tools: list[Tool]) -> bool:
    """Jupyter is installed and its port is open: people are to work there."""
    exposed = [one for stage in facts.shipped for one in stage.instructions("expose")]
    is_open = any(word.value.startswith("8888") for one in exposed for word in one.arguments)
    return is_open and any(tool.name.startswith(("jupyter", "notebook")) for tool in tools)


def _cost(names: list[str]) -> Cost:
    """The largest of them that was measured: they share what they require."""
    measured = [found for name in names if (found := with_requirements(name))]
    if not measured:
        return Cost()
    largest = max(measured, key=lambda one: one.unpacked_bytes)
    return Cost(largest.unpacked_bytes, basis=Basis.TABLE, source=largest.source)


RULE = Rule("A6", "dev-tools-shipped", Severity.WARNING, _check)
