r"""The source is copied before the dependencies are installed.

Why: Docker builds again from the first instruction whose files have changed. With `COPY . .` above
`pip install -r requirements.txt` that is every commit: a typo in a docstring downloads and installs torch
with all it requires again, about 3 GB of wheels. Copied first, the list alone decides: as long as it is the
same, the layer of the dependencies is taken from the cache, by the builder and by whoever pulls the image. Of
150 Dockerfiles of machine learning projects 15 do it the wrong way round, and no linter said so.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
CMD ["python", "-m", "server"]
```

```text requirements.txt
torch==2.4.1
```

## Fixed

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "-m", "server"]
```

## Good

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "-m", "server"]
```

```text requirements.txt
torch==2.4.1
```

## Bad: lists that include lists, an owner, steps between

```dockerfile
FROM python:3.12
ENV APP_HOME=/srv/app
RUN useradd --create-home app

# the service
COPY --chown=app . $APP_HOME/

WORKDIR $APP_HOME
RUN pip install --upgrade pip
RUN pip install --no-cache-dir -r requirements/prod.txt
RUN python -m compileall .
```

```text requirements/prod.txt
-r base.txt
gunicorn==23.0.0
```

```text requirements/base.txt
torch==2.4.1
```

## Fixed: lists that include lists, an owner, steps between

```dockerfile
FROM python:3.12
ENV APP_HOME=/srv/app
RUN useradd --create-home app

COPY --chown=app requirements/prod.txt requirements/base.txt $APP_HOME/requirements/

WORKDIR $APP_HOME
RUN pip install --upgrade pip
RUN pip install --no-cache-dir -r requirements/prod.txt

# the service
COPY --chown=app . $APP_HOME/
RUN python -m compileall .
```

## Bad: uv

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev
```

```toml pyproject.toml
[project]
name = "service"
version = "1"
dependencies = ["torch"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
```

```text uv.lock
version = 1
```

## Fixed: uv

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-install-project
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev
```

## Bad: poetry

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir poetry==1.8.3
COPY . /code
WORKDIR /code
RUN poetry config virtualenvs.create false \
  && poetry install --no-interaction --only main
```

```toml pyproject.toml
[tool.poetry]
name = "service"
version = "1"
description = ""
authors = []

[tool.poetry.dependencies]
python = "^3.12"
torch = "^2.4"

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
```

```text poetry.lock
```

## Fixed: poetry

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir poetry==1.8.3
COPY pyproject.toml poetry.lock /code/
WORKDIR /code
RUN poetry config virtualenvs.create false \
  && poetry install --no-interaction --only main --no-root
COPY . /code
RUN poetry install --no-interaction --only main
```

## Bad: the project itself

```dockerfile
FROM python:3.12-slim
COPY . /app
RUN pip install --no-cache-dir /app
```

```toml pyproject.toml
[project]
name = "service"
version = "1"
dependencies = ["torch==2.4.1"]
```

## Good: nothing but the project is left to install

```dockerfile
FROM python:3.12-slim
COPY requirements.txt /app/
RUN pip install --no-cache-dir -r /app/requirements.txt
COPY . /app
RUN pip install --no-cache-dir --no-deps /app
```

```text requirements.txt
torch==2.4.1
```

## Fix

Safe where the install reads nothing but the lists that are copied first, those they include looked into as
well, and every step that the source passes is known to keep off it. uv, poetry and pdm install in two steps:
without the project before the source is copied, with it afterwards. Unsafe where the lists are not there to
be looked into. None where a step between needs the source, or where the project itself is what is installed:
write its dependencies to a lock, and install that first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.installed import heaviest
from wherry.check.model import Rule, Severity
from wherry.check.rules.caching._reorder import late_copies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        for late in late_copies(stage) if stage.is_reachable else ():
            first, *rest = late.copies
            closure = heaviest(late.installs)
            yield RULE.at(
                facts.place(first.span),
                f"the source is copied before {late.what}",
                why="each change of the source installs all of it again",
                cost=closure.again if closure else None,
                related=[
                    *(facts.place(copy.span) for copy in rest),
                    *(facts.place(install.span) for install in late.installs),
                ],
                fix=late.fix(),
            )


RULE = Rule("B1", "source-before-dependencies", Severity.WARNING, _check, also=("DD006",))
