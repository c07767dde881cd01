"""A program or an archive is downloaded, and nothing checks that it is the one that was meant.

Why: the address stays and what is behind it may not: a release is replaced, a bucket changes hands. TLS says
who sent it, not what. `ADD --checksum` and `sha256sum -c` end the build where the bytes are others.

Off by default: few projects keep checksums of everything, and weights, keys and installers that are piped to
a shell are other rules' matter.

## Bad

```dockerfile
FROM debian:bookworm-slim
ADD https://dl.min.io/client/mc/release/linux-amd64/archive/mc.tar.gz /opt/
```

## Bad: wget

```dockerfile
FROM debian:bookworm-slim
RUN wget -q https://downloads.example/ffmpeg-7.0.tar.xz && tar xf ffmpeg-7.0.tar.xz && rm ffmpeg-7.0.tar.xz
```

## Good

```dockerfile
# syntax=docker/dockerfile:1
FROM debian:bookworm-slim
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d \
    https://mirrors.edge.kernel.org/pub/linux/kernel/Historic/linux-0.01.tar.gz /
COPY SHA256SUMS ./
RUN wget -q https://downloads.example/ffmpeg-7.0.tar.xz \
 && sha256sum -c SHA256SUMS \
 && tar xf ffmpeg-7.0.tar.xz
```

```text SHA256SUMS
```

## Good: a key, a file of text

```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSL https://packages.example/key.asc -o /etc/apt/keyrings/example.asc
```

## Fix

None: the checksum stands beside the release, or in `sha256sum` of a file that was looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Span

_PROGRAM: Final = regex(
    r"\.(?:tar(?:\.\w+)?|tgz|txz|zip|deb|rpm|whl|jar|run|sh|py|bin|so|AppImage|gz|xz|7z)$", re.IGNORECASE
)


def _check(facts: Facts) -> Iterator[Finding]:
    found = [
        one
        for stage in facts.stages
        if stage.is_reachable
        for one in (*_added(stage.copies), *(one for run in stage.runs for one in _fetched(run)))
    ]
    if found:
        span, url = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield RULE.at(
            facts.place(span),
            f"{_name(url)}{more}: downloaded, and not checked",
            why="what is behind the address tomorrow is built in as well",
            related=[facts.place(other) for other, _ in found[1:]],
        )


def _added(copies: Iterable[CopyFacts]) -> Iterator[tuple[Span, str]]:
    for copy in copies:
        for url in copy.urls:
            if url.startswith("http") and not copy.checksum and _PROGRAM.search(_path(url)):
                yield copy.span, url


def _fetched(run: RunFacts) -> Iterator[tuple[Span, str]]:
    if run.verifies:
        return
    piped = {pipe.source.command.span for pipe in run.pipes}
    for download in run.downloads:
        is_program = download.kind == "http" and _PROGRAM.search(_path(download.source)) is not None
        if is_program and not download.is_weights and download.span not in piped:
            yield download.span, download.source


def _path(url: str) -> str:
    return re.split(r"[?#]", url)[0]


def _name(url: str) -> str:
    return _path(url).rpartition("/")[2]


RULE = Rule(
    "F6", "unchecked-download", Severity.INFO, _check, default=False, also=("tally/prefer-add-unpack",)
)
