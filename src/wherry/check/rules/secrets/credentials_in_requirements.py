"""A requirements file holds a password.

Why: the file is in the repository, `COPY requirements.txt` puts it into a layer, and pip prints the address,
which CI keeps in its logs.

## Bad

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
--extra-index-url https://reader:7hKq2-mXzR9v@pypi.corp.example/simple
acme-models==1.4.0
```

## Bad: in a requirement's own address

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
acme-models @ git+https://bot:ghp_3nRkTz81LqXwVb7YcPdS0mJfHgUa9eKoQ2Wx@github.com/acme/models@v1.4.0
```

## Good

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=secret,id=netrc,target=/root/.netrc pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
--extra-index-url https://pypi.corp.example/simple
acme-models==1.4.0
```

## Fix

None: change the password, take it out of the address, and mount a `.netrc` as a secret: pip, uv and git
read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.requirement import Credentials
    from wherry.check.facts.requirements import RequirementFile
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    seen: set[str] = set()
    for file in facts.project.requirements:
        for credentials in _all_of(file):
            if str(credentials.place) not in seen:
                seen.add(str(credentials.place))
                yield RULE.at(
                    credentials.place,
                    f"the address holds a password: {credentials.shown}",
                    why="the repository and the image have it, and pip prints the address; change it",
                )


def _all_of(file: RequirementFile) -> Iterator[Credentials]:
    found = [option.credentials for option in file.options] + [entry.credentials for entry in file.entries]
    return (credentials for credentials in found if credentials is not None)


RULE = Rule("E4", "credentials-in-requirements", Severity.ERROR, _check)
