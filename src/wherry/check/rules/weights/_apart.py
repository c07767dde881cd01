"""A download in a layer of its own, which nothing else of the file touches: by ADD, or in a stage.

Only for a RUN that does nothing but fetch one thing to an absolute place, all of it said in full.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.downloads import Download
    from wherry.check.facts.runs import RunFacts

_MOST: Final = 20
_CLIENTS: Final = frozenset({"huggingface-cli", "hf"})
_PACKAGES: Final = ("huggingface-hub", "transformers")
_PLAIN: Final = regex(r"[\w./:@%+=~-]+")
_URL: Final = regex(r"https://[\w./:@%+=~?&-]+")
_TOKENS: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT")  # that its stage would not have
_NAME: Final = "weights"


def all_apart(facts: Facts, runs: Sequence[RunFacts]) -> Fix | None:
    """One fix for several RUNs: for one of any kind, for several where ADD can fetch them all."""
    if len(runs) > _MOST:
        return None
    fixes = [apart(facts, run) for run in runs]
    known = [fix for fix in fixes if fix is not None]
    if not known or len(known) < len(fixes) or (len(known) > 1 and any(fix.effect.inserts for fix in known)):
        return None
    touched = frozenset(index for fix in known for index in fix.effect.touches)
    return Fix(
        known[0].title,
        tuple(edit for fix in known for edit in fix.edits),
        Safety.UNSAFE,
        Effect(touched, known[0].effect.inserts, known[0].effect.aspects),
    )


def apart(facts: Facts, run: RunFacts) -> Fix | None:
    """The fix that gives a RUN's download a layer of its own; None where the RUN does more than that."""
    if (
        run.instruction.is_json
        or run.instruction.heredocs
        or run.script.errors
        or run.stage is not facts.target
    ):
        return None
    downloads = run.downloads
    if len(downloads) != 1 or not downloads[0].is_known or not _is_all(run, downloads[0]):
        return None
    download = downloads[0]
    target = download.destination.rstrip("/")
    if not target.startswith("/") or not _PLAIN.fullmatch(target):
        return None
    if download.kind == "http" and not run.instruction.flags:
        return _added(facts, run, download.source, target)
    if download.kind == "huggingface" and download.call.program in _CLIENTS:
        return _staged(facts, run, target)
    return None


def _is_all(run: RunFacts, download: Download) -> bool:
    """Besides it the RUN only makes the directory."""
    others = [call for call in run.calls if call is not download.call]
    return all(
        call.program == "mkdir"
        and set(call.texts) <= {"-p", download.destination, posixpath.dirname(download.destination)}
        for call in others
    )


def _added(facts: Facts, run: RunFacts, url: str, target: str) -> Fix | None:
    """``ADD --link``: BuildKit fetches, and the layer depends on nothing."""
    if not _URL.fullmatch(url):
        return None
    text = f"ADD --link --chmod=644 {url} {target}"
    return Fix(
        "let ADD fetch it, into a layer of its own",
        (Edit(facts.file.name, run.span, text),),
        Safety.UNSAFE,
        Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS, Aspect.COPIES})),
    )


def _staged(facts: Facts, run: RunFacts, target: str) -> Fix | None:
    """A stage that only downloads, and ``COPY --link`` from it."""
    client = _client(facts)
    base = facts.target.base
    names = {stage.name for stage in facts.stages}
    is_numbered = any(use.reference.isdecimal() for use in facts.graph.uses)
    if client is None or _NAME in names or is_numbered or "$" in facts.text(run.span):
        return None
    if any(name in run.env for name in _TOKENS):
        return None
    image = base.reference if base.family == "python" and base.tag else "python:3.12-slim"
    first = facts.stages[0].start
    stage = f"FROM {image} AS {_NAME}\nRUN pip install --no-cache-dir {client}\n{facts.text(run.span)}\n\n"
    copied = f"COPY --link --from={_NAME} {target} {target}"
    return Fix(
        "download in a stage of its own",
        (put_before(facts.dockerfile, first, stage), Edit(facts.file.name, run.span, copied)),
        Safety.UNSAFE,
        Effect(frozenset({run.index}), inserts=3, aspects=frozenset(Aspect) - {Aspect.FILES}),
    )


def _client(facts: Facts) -> str | None:
    """The client as the file pins it."""
    return next(
        (f"{name}=={version}" for name, version in _pinned(facts) if name in _PACKAGES and version), None
    )


def _pinned(facts: Facts) -> Iterator[tuple[str, str]]:
    for install in facts.target.all_installs:
        if install.is_python and install.action == "install":
            yield from ((package.name, package.version) for package in install.packages)
            for file in install.inputs.files:
                yield from ((entry.name, entry.pinned or "") for entry in file.all_entries)
