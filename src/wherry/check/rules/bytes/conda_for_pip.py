r"""A conda image whose conda is never used.

Why: Miniconda and Anaconda images bring a package manager of their own, and Anaconda hundreds of packages.
Where pip installs everything, `python:3.x-slim` is the same Python for a fraction of the bytes, and without
the terms that Anaconda's channels have for companies.

Belongs to G7.

## Bad

```dockerfile
FROM continuumio/miniconda3:24.11.1-0
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
CMD ["python", "main.py"]
```

## Good

```dockerfile
FROM continuumio/miniconda3:24.11.1-0
RUN conda install -y gdal=3.10 && conda clean -ay
CMD ["python", "main.py"]
```

## Good: an environment is activated

```dockerfile
FROM continuumio/miniconda3:24.11.1-0
COPY environment.yml /tmp/
COPY setup.sh /tmp/
RUN bash /tmp/setup.sh
SHELL ["conda", "run", "-n", "app", "/bin/bash", "-c"]
RUN pip install --no-cache-dir numpy==2.1.3
```

## Fix

None: take `python:3.x-slim` of the version that the image has, and what libraries the packages need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.bytes._bounds import installs_of, runs_of
from wherry.check.rules.bytes._caches import runs_scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding

_NAMES: Final = (b"conda", b"mamba", b"environment.y")


def _check(facts: Facts) -> Iterator[Finding]:
    base = facts.target.base
    root = facts.target.chain[-1]
    if base.family != "conda":
        return
    pips = [one for one in installs_of(facts.target) if one.manager == "pip" and one.brings_packages]
    if pips and not _uses_conda(facts):
        yield RULE.at(
            facts.place(root.base_span),
            f"{base.repository} for packages that pip installs",
            why="a second package manager and its packages are in the image, and nothing uses them",
            related=[facts.place(pips[0].span)],
        )


def _uses_conda(facts: Facts) -> bool:
    """It is named anywhere but in the FROM: by a command, a path, a shell, a variable."""
    data = facts.file.data
    for stage in facts.shipped:
        for instruction in stage.stage.instructions:
            text = data[instruction.span.start : instruction.span.end]
            if any(name in text for name in _NAMES):
                return True
    return any(run.script.errors or runs_scripts(run) for run in runs_of(facts.target))


RULE = Rule("G17", "conda-for-pip", Severity.INFO, _check, also=("tally/prefer-uv-over-conda",))
