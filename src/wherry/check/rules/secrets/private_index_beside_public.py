"""pip looks for private packages in a private index and in the public one, and takes the higher version.

Why: an extra index has no precedence. Whoever uploads a package of the same name to PyPI, with a higher
version, has it installed in your build, and its setup.py is run: in 2022 that happened to `torchtriton`,
which torch's nightlies took from their own index. uv takes a package from the first index that has it.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir --extra-index-url https://pypi.corp.example/simple acme-models==1.4.0
```

## Bad: in the requirements

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
--extra-index-url https://pypi.corp.example/simple
acme-models==1.4.0
```

## Bad: uv told to do the same

```dockerfile
FROM python:3.12-slim
ENV UV_INDEX_STRATEGY=unsafe-best-match
RUN uv pip install --system --extra-index-url https://pypi.corp.example/simple acme-models==1.4.0
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir --index-url https://pypi.corp.example/simple acme-models==1.4.0
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cu124 torch==2.6.0
```

## Good: uv

```dockerfile
FROM python:3.12-slim
RUN uv pip install --system --extra-index-url https://pypi.corp.example/simple acme-models==1.4.0
```

## Good: hashes

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
```

```text requirements.txt
--extra-index-url https://pypi.corp.example/simple
acme-models==1.4.0 --hash=sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7
```

## Fix

None: make the private index the only one, if it passes public packages on; or let uv bind the packages to it,
by `[[tool.uv.index]]` with `explicit = true` and `[tool.uv.sources]`; or lock with hashes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding, Place

_HOST: Final = regex(r"://(?:[^/@\s]*@)?([^/:?\s]+)")
_PUBLIC: Final = regex(
    r"(?:.*\.)?(?:pypi\.org|pythonhosted\.org|pytorch\.org|nvidia\.com|pyg\.org|piwheels\.org|googleapis\.com"
    r"|vllm\.ai|flashinfer\.ai|radeon\.com|amd\.com|intel\.com|huggingface\.co|github\.io|github\.com|dgl\.ai"
    r"|paddlepaddle\.org\.cn|openmmlab\.com)|.*mirror.*|pypi\..*\.edu\.\w+|.*neuron\.amazonaws\.com",
    re.IGNORECASE,
)
_MOST: Final = 500  # installs of a file that are looked at
_WHY: Final = "a package of the same name and a higher version on the other index is installed instead"


def _check(facts: Facts) -> Iterator[Finding]:
    told: set[str] = set()
    for install in facts.installs[:_MOST]:
        if not install.brings_packages or not _takes_the_highest(install) or _is_hashed(install):
            continue
        for place, host in _private(facts, install):
            if str(place) not in told:
                told.add(str(place))
                yield RULE.at(
                    place, f"{host} is searched beside a public index, and neither goes first", why=_WHY
                )


def _takes_the_highest(install: Install) -> bool:
    """It looks at all indexes alike."""
    if install.is_on("--no-index"):
        return False
    if install.manager == "uv":
        return (install.setting("--index-strategy") or "").startswith("unsafe-")
    return install.manager in {"pip", "pipx"}


def _is_hashed(install: Install) -> bool:
    files = install.inputs.files
    return install.is_on("--require-hashes") or (
        bool(files) and not install.packages and all(file.has_hashes for file in files)
    )


def _private(facts: Facts, install: Install) -> Iterator[tuple[Place, str]]:
    """Private hosts where a public one is searched too."""
    main = [host for url in _main(install) if (host := _host(url))]
    is_public = not main or any(map(_PUBLIC.fullmatch, main))
    extra = install.setting("--extra-index-url") or ""
    hosts = [host for url in extra.split() if (host := _host(url))]
    option = install.option("--extra-index-url")
    span = option.word.span if option else install.span
    if not is_public:
        public = any(_PUBLIC.fullmatch(host) for host in hosts)
        hosts = main if public else []
    yield from ((facts.place(span), host) for host in hosts if not _PUBLIC.fullmatch(host))
    for file in install.inputs.files:
        for entry in file.all_options if is_public and not file.index_urls else ():
            host = _host(entry.value.value) if entry.name == "--extra-index-url" else ""
            if host and not _PUBLIC.fullmatch(host):
                yield entry.text.place, host


def _main(install: Install) -> list[str]:
    setting = install.setting("--index-url") or install.setting("--default-index")
    return [setting] if setting else []


def _host(url: str) -> str:
    """Without its login; empty where it is not told."""
    found = _HOST.search(url)
    return found[1] if found and "$" not in found[1] else ""


RULE = Rule("E10", "private-index-beside-public", Severity.WARNING, _check)
