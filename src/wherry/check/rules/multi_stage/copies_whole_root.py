"""A stage takes the whole file system of another.

Why: `COPY --from=build / /` brings everything that the build stage was there to keep out: compilers, headers,
package caches, `/root`, and with them whatever secret a step left behind. It also lays one distribution's
`/lib` and `/etc` over another's, and the package database then lies about what is installed. The same is true
of `/usr`, `/lib` and `/etc` as a whole. Flattening into `FROM scratch` is another thing, and is not reported.

## Bad

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.1.3

FROM python:3.12-slim
COPY --from=build / /
CMD ["/opt/venv/bin/python", "-m", "app"]
```

## Good

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.1.3

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
CMD ["/opt/venv/bin/python", "-m", "app"]
```

## Good: flattened into an empty image

```dockerfile
FROM debian:12-slim AS rootfs
RUN rm -rf /usr/share/doc

FROM scratch
COPY --from=rootfs / /
CMD ["bash"]
```

## Fix

None: name what the stage needs, which is most often a virtual environment, a directory of wheels or a binary.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.model import Finding

_WHOLE: Final = frozenset({"/", "/usr", "/lib", "/lib64", "/etc", "/var"})


def _check(facts: Facts) -> Iterator[Finding]:
    for copy in facts.copies:
        taken = _whole_tree(copy)
        if taken and not copy.stage.base.is_scratch:
            yield RULE.at(
                facts.place(copy.span),
                f"all of {taken} of {copy.from_} is copied",
                why="what the other stage was there to keep out is in this one, and its distribution's files",
            )


def _whole_tree(copy: CopyFacts) -> str:
    """The root or a system directory that is taken whole from another stage or image; else empty."""
    if copy.from_ is None or copy.excludes:
        return ""
    taken = (posixpath.normpath(f"/{source}").replace("//", "/") for source in copy.sources)
    return next((path for path in taken if path in _WHOLE), "")


RULE = Rule("A3", "whole-root-copied", Severity.WARNING, _check, also=("DL3067",))
