r"""An environment is copied to a stage with another Python, another libc or another place for it.

Why: a virtual environment is links and paths. Its `python` is a link to the interpreter it was made with
(`/usr/local/bin/python3.11` of the `python` images, `/usr/bin/python3` of a distribution), its packages lie
under `lib/python3.11`, its scripts begin with `#!/opt/venv/bin/python`, and what was compiled in it was
compiled against the C library of its stage. Copied to where one of these differs it is a container that
starts with `No module named 'torch'`, `exec format error`, `no such file or directory`, or `GLIBC_2.36 not
found`.

## Bad: another Python

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.1.3

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
CMD ["/opt/venv/bin/python", "-m", "server"]
```

## Bad: another libc

```dockerfile
FROM python:3.12 AS build
RUN pip install --no-cache-dir numpy==2.1.3

FROM python:3.12-alpine
COPY --from=build /usr/local/lib/python3.12/site-packages /usr/local/lib/python3.12/site-packages
CMD ["python", "-m", "server"]
```

## Bad: another interpreter

```dockerfile
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.1.3

FROM gcr.io/distroless/python3-debian12
COPY --from=build /opt/venv /opt/venv
ENTRYPOINT ["/opt/venv/bin/python", "-m", "server"]
```

## Bad: an older C library

```dockerfile
FROM python:3.11-bookworm AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --no-binary numpy numpy==2.1.3

FROM python:3.11-slim-bullseye
COPY --from=build /opt/venv /opt/venv
CMD ["/opt/venv/bin/python", "-m", "server"]
```

## Bad: another place

```dockerfile
FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir gunicorn==23.0.0

FROM python:3.12-slim
COPY --from=build /app/.venv /venv
CMD ["/venv/bin/gunicorn", "server:app"]
```

## Good

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.1.3

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
CMD ["/opt/venv/bin/python", "-m", "server"]
```

## Good: only the packages

```dockerfile
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.1.3

FROM gcr.io/distroless/python3-debian12
COPY --from=build /opt/venv/lib/python3.11/site-packages /usr/lib/python3/dist-packages
ENTRYPOINT ["python3", "-m", "server"]
```

## Fix

None: build both stages on one Python of one distribution, `python:3.12` and `python:3.12-slim`, and keep the
environment where it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.pythons import python_of, shown
from wherry.check.model import Rule, Severity
from wherry.check.rules.multi_stage._environments import Kind, environment_of
from wherry.check.rules.multi_stage._tools import shipped_tools
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_GLIBC: Final = {
    # of each release, by packages.debian.org, packages.ubuntu.com and the release notes of RHEL and Amazon
    # Linux; bullseye to trixie by their mirror (November 2026)
    "stretch": (2, 24),
    "buster": (2, 28),
    "bullseye": (2, 31),
    "bookworm": (2, 36),
    "trixie": (2, 41),
    "ubuntu18.04": (2, 27),
    "ubuntu20.04": (2, 31),
    "ubuntu22.04": (2, 35),
    "ubuntu24.04": (2, 39),
    "ubuntu26.04": (2, 43),
    "ubi8": (2, 28),
    "ubi9": (2, 34),
    "ubi10": (2, 39),
    "rockylinux8": (2, 28),
    "rockylinux9": (2, 34),
    "rockylinux10": (2, 39),
    "almalinux8": (2, 28),
    "almalinux9": (2, 34),
    "almalinux10": (2, 39),
    "amazonlinux2": (2, 26),
    "amazonlinux2023": (2, 34),
}
_INTERPRETERS: Final = {
    # where the images of a family have theirs
    "python": "/usr/local/bin",
    "uv": "/usr/local/bin",
    **dict.fromkeys(("debian", "ubuntu", "cuda", "distroless"), "/usr/bin"),
    "pytorch": "/opt/conda/bin",
    "conda": "/opt/conda/bin",
}
_LAST_WITH_CONDA: Final = (2, 7)  # of pytorch/pytorch, as far as is known


def _check(facts: Facts) -> Iterator[Finding]:
    made_in: dict[int, frozenset[str]] = {}
    for stage in facts.stages:
        for copy in stage.copies if stage.is_reachable else ():
            kind = environment_of(copy, made_in)
            made = copy.from_stage
            fault = next(_faults(copy, kind, made), None) if kind and made else None
            if fault and made:
                yield RULE.at(
                    facts.place(copy.span),
                    fault.what,
                    why=fault.why,
                    severity=fault.severity,
                    related=[facts.place(made.start.span), facts.place(stage.start.span)],
                )


class _Fault(Frozen):
    """What is wrong, what comes of it, and how bad that is."""

    what: str
    why: str
    severity: Severity


def _faults(copy: CopyFacts, kind: Kind, made: StageFacts) -> Iterator[_Fault]:
    """The worst first."""
    used, name = copy.stage, copy.sources[0]
    bases = made.base, used.base
    pythons = python_of(made), python_of(used)
    if pythons[0] and pythons[1] and pythons[0].version != pythons[1].version:
        versions = f"{shown(pythons[0].version)} is copied to Python {shown(pythons[1].version)}"
        yield _Fault(
            f"{name} of Python {versions}", "its packages are not found, or do not load", Severity.ERROR
        )
    if _is_musl(made) is not _is_musl(used) and _has_known_libc(made) and _has_known_libc(used):
        what = f"{name} of {bases[0].distro} is copied to {bases[1].distro}"
        yield _Fault(what, "what is compiled in it needs the other C library", Severity.ERROR)
    if kind is Kind.VENV and _has_other_interpreter(made, used):
        what = f"{name} points at the interpreter of {bases[0].reference}"
        yield _Fault(what, "its python is a link to what is not there", Severity.ERROR)
    if _needs_newer_libc(made, used):
        what = f"{name} is compiled on {bases[0].distro} and copied to {bases[1].distro}"
        yield _Fault(
            what, "what is compiled there asks for a newer C library than there is", Severity.WARNING
        )
    if kind is Kind.VENV and not _stays(copy, made):
        what = f"{name} is copied to {copy.destination.rstrip('/')}"
        yield _Fault(what, "its scripts begin with the path that it was made at", Severity.WARNING)


def _is_musl(stage: StageFacts) -> bool:
    return stage.base.distro.startswith("alpine")


def _has_known_libc(stage: StageFacts) -> bool:
    return bool(stage.base.distro) and not stage.base.is_scratch


def _has_other_interpreter(made: StageFacts, used: StageFacts) -> bool:
    places = _interpreter(made), _interpreter(used)
    crosses = bool(places[0] and places[1]) and places[0] != places[1]
    brings_own = any(
        "/usr/local" in copy.destination or "python" in copy.destination for copy in used.all_copies
    )
    return crosses and python_of(made) is not None and not brings_own and used.base.family != "scratch"


def _interpreter(stage: StageFacts) -> str:
    """The directory of the Python that an environment of this stage points at; empty where it is not told."""
    base = stage.base
    if base.family == "uv" and not base.python:
        return ""  # without one: uv fetches its own
    if base.family == "pytorch":
        parts = base.version.split(".")[:2]
        release = tuple(map(int, parts)) if len(parts) > 1 else ()
        return _INTERPRETERS["pytorch"] if () < release <= _LAST_WITH_CONDA else ""
    return _INTERPRETERS.get(base.family, "")


def _needs_newer_libc(made: StageFacts, used: StageFacts) -> bool:
    """Something was compiled where the C library is newer than where it runs."""
    versions = _GLIBC.get(made.base.distro), _GLIBC.get(used.base.distro)
    if versions[0] is None or versions[1] is None or versions[0] <= versions[1]:
        return False
    is_told = any(install.is_python and install.has("--no-binary") for install in made.all_installs)
    return is_told or any(run.compiles for run in made.all_runs) or bool(list(shipped_tools(made)))


def _stays(copy: CopyFacts, made: StageFacts) -> bool:
    """It is where it was made, or says nowhere where that is."""
    source = "/" + copy.sources[0].strip("/")
    return source == copy.destination.rstrip("/") or any("--relocatable" in call.texts for call in made.calls)


RULE = Rule("A2", "foreign-environment", Severity.ERROR, _check)
