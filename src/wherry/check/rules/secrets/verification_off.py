"""A check of who is spoken to, or of what came, is switched off.

Why: without TLS verification or signatures, whoever sits between the build and the server decides what is
installed, and it runs as root. A proxy with a certificate of its own is trusted by adding that certificate.

## Bad

```dockerfile
FROM python:3.12-slim
RUN curl -fsSLk https://models.example/install.tar.gz -o /tmp/install.tar.gz
```

## Fixed

```dockerfile
FROM python:3.12-slim
RUN curl -fsSL https://models.example/install.tar.gz -o /tmp/install.tar.gz
```

## Bad: pip and git

```dockerfile
FROM python:3.12-slim
ENV GIT_SSL_NO_VERIFY=1
RUN pip install --no-cache-dir --trusted-host pypi.corp.example acme-models==1.4.0
```

## Bad: packages

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --allow-unauthenticated nginx
```

## Good

```dockerfile
FROM python:3.12-slim
COPY corp-ca.crt /usr/local/share/ca-certificates/
RUN update-ca-certificates && curl -fsSL https://models.example/install.tar.gz -o /tmp/install.tar.gz
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
```

```text corp-ca.crt
```

## Fix

Unsafe, for the options of curl and wget: they are taken out, and the download fails where the server's
certificate is not trusted. None for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call, Value
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_OPTIONS: Final = {
    "curl": frozenset({"-k", "--insecure", "--proxy-insecure"}),
    "wget": frozenset({"--no-check-certificate"}),
    "apt-get": frozenset({"--allow-unauthenticated", "--force-yes"}),
    "apt": frozenset({"--allow-unauthenticated", "--force-yes"}),
    "dnf": frozenset({"--nogpgcheck"}),
    "yum": frozenset({"--nogpgcheck"}),
    "microdnf": frozenset({"--nogpgcheck"}),
    "zypper": frozenset({"--no-gpg-checks", "--allow-unsigned-rpm"}),
    "apk": frozenset({"--allow-untrusted"}),
}
_PIPS: Final = regex(r"pip[\d.]*|python[\d.]*|uv")
_PIP_OPTIONS: Final = frozenset({"--trusted-host", "--allow-insecure-host"})
_SWITCHES: Final = {
    "PYTHONHTTPSVERIFY": {"0"},
    "GIT_SSL_NO_VERIFY": {"1", "true"},
    "NODE_TLS_REJECT_UNAUTHORIZED": {"0"},
    "CURL_SSL_NO_VERIFY": {"1", "true"},
    "CONDA_SSL_VERIFY": {"false", "0"},
    "HF_HUB_DISABLE_SSL_VERIFY": {"1", "true"},
}
_BUNDLED: Final = regex(r"-[a-jl-zA-Z#]*k[a-zA-Z#]*")


def _check(facts: Facts) -> Iterator[Finding]:
    for variable in facts.variables:
        if variable.kind == "env" and variable.value.lower() in _SWITCHES.get(variable.name, ()):
            yield RULE.at(
                facts.place(variable.span),
                f"{variable.name} switches the check of certificates off, in every container too",
                why="whoever sits between decides what is fetched",
            )
        elif variable.kind == "env" and variable.name == "PIP_TRUSTED_HOST":
            yield RULE.at(
                facts.place(variable.span),
                "PIP_TRUSTED_HOST switches the check of certificates off for that index",
                why="whoever sits between decides what is installed",
            )
    for run in facts.runs:
        for call in run.calls:
            yield from _of_call(facts, run, call)


def _of_call(facts: Facts, run: RunFacts, call: Call) -> Iterator[Finding]:
    options = _OPTIONS.get(call.program, _PIP_OPTIONS if _PIPS.fullmatch(call.program) else frozenset())
    for value in call.arguments:
        name = value.text.partition("=")[0]
        is_bundled = call.program == "curl" and _BUNDLED.fullmatch(value.text) is not None
        if name in options or is_bundled:
            yield RULE.at(
                facts.place(value.span),
                f"{call.program} {'-k' if is_bundled else name} does not check what it fetches",
                why="whoever sits between decides what the build runs as root",
                fix=_fix(facts, run, call, value),
            )
            return


def _fix(facts: Facts, run: RunFacts, call: Call, value: Value) -> Fix | None:
    if call.program not in {"curl", "wget"} or not value.is_whole_word:
        return None
    span, text = value.span, value.text
    data = facts.file.data
    if text.startswith("--") or text == "-k":
        if data[span.end : span.end + 1] != b" ":
            return None
        edit = Edit(facts.file.name, Span(span.start, span.end + 1), "")
    else:
        edit = Edit(facts.file.name, span, text.replace("k", ""))
    return Fix(
        "check the certificate",
        (edit,),
        Safety.UNSAFE,
        Effect(frozenset({run.instruction.index}), aspects=frozenset({Aspect.COMMANDS})),
    )


RULE = Rule(
    "E9",
    "verification-off",
    Severity.ERROR,
    _check,
    also=tuple(f"CKV2_DOCKER_{number}" for number in range(1, 18)),
)
