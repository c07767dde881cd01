"""Apply fixes one after another, each proven before it stays.

After every fix the file is parsed and judged anew: it must mean what it meant but for what the fix declared
(`wherry.check.proof`), the finding must be gone, no other rule may have more to say, and what the Dockerfile
copies or mounts by name must still be sent. A fix that fails any of this is taken back, and it is said why.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.model import Safety, Severity
from wherry.check.proof import Replacement, objection
from wherry.dockerfile.source import decode, encode
from wherry.errors import InputError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.check.model import Edit, Finding, Fix
    from wherry.dockerfile.syntax import Dockerfile

Texts = dict[str, bytes]
"""Whole files by their path as findings name it."""

_MOST: Final = 1000
"""Fixes tried on one file; a file that offers more is nobody's to mend at once."""

_MOST_PROVEN: Final = 50_000
"""Instructions that they are proven against in all: each fix against every one of the file."""

_LINE: Final = regex(r"[^\n]*\n|[^\n]+")
_ODD: Final = regex(r'[\x00-\x1f\x7f"\\]')


class Examined(Frozen):
    """One Dockerfile and its neighbours in one state."""

    dockerfile: Dockerfile
    findings: Sequence[Finding]
    files: Mapping[str, bytes]  # every file that a fix may edit; one that is not there is empty
    sent: frozenset[str] = frozenset()  # what of the context is copied or mounted by name, and is sent
    unsent: frozenset[str] = frozenset()  # what is so named, and is not there or not sent
    sent_beside: Callable[[], frozenset[str]] = frozenset  # the same of other Dockerfiles of that context


class Mended(Frozen):
    """What came of the fixes of one Dockerfile."""

    before: Texts = msgspec.field(default_factory=dict)
    after: Texts = msgspec.field(default_factory=dict)  # only files that changed
    applied: tuple[Finding, ...] = ()
    refused: tuple[tuple[Finding, str], ...] = ()  # each with why it was taken back
    barred: Mapping[str, str] = msgspec.field(default_factory=dict)  # files that may not be written, and why
    is_complete: bool = True  # else there were more fixes than are tried at once
    path: str = ""  # the Dockerfile's


def mend(
    examine: Callable[[Texts], Examined],
    allowed: Safety,
    wanted: Callable[[Examined, Finding], bool] = lambda _state, _finding: True,
    obstacle: Callable[[str], str | None] = lambda _: None,
) -> Mended:
    """Apply what may be applied.

    Args:
        examine: Judges the Dockerfile with some files' contents replaced.
        allowed: SAFE applies safe fixes only, UNSAFE all.
        wanted: Whether a finding of one state is to be mended; all without.
        obstacle: Why a file may not be written, in words; fixes that would change it are refused.

    Raises:
        InputError: The file does not parse as it is.

    """
    state = examine({})
    before: Texts = {}
    texts: Texts = {}
    applied: list[Finding] = []
    refused: dict[Finding, str] = {}  # in the state that the files are in now
    barred: dict[str, str] = {}
    is_complete = False
    for _ in range(min(_MOST, max(1, _MOST_PROVEN // len(state.dockerfile.instructions)))):
        offered = (one for one in state.findings if wanted(state, one))
        finding = next((one for one in offered if _may(one, allowed) and one not in refused), None)
        if finding is None or finding.fix is None:
            is_complete = True
            break
        outcome = _attempt(examine, state, texts, finding, finding.fix)
        if isinstance(outcome, str):
            refused[finding] = outcome
            continue
        closed = {edit.path: why for edit in finding.fix.edits if (why := obstacle(edit.path))}
        if closed:
            barred |= closed
            refused[finding] = min(closed.values())
            continue
        for edit in finding.fix.edits:
            before.setdefault(edit.path, state.files[edit.path])
        texts, state = outcome
        applied.append(finding)
        refused = {}  # what was in the way may be gone
    changed = {path: text for path, text in texts.items() if text != before[path]}
    was = {path: before[path] for path in changed}
    name = state.dockerfile.source.name
    return Mended(was, changed, tuple(applied), tuple(refused.items()), barred, is_complete, name)


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """*data* with all *edits* made; new lines end as the file's lines do.

    Raises:
        InputError: Edits overlap or lie outside.

    """
    pieces: list[bytes] = []
    at = 0
    for span, text in replacements(data, edits):
        pieces += [data[at : span.start], text]
        at = span.end
    return b"".join([*pieces, data[at:]])


def replacements(data: bytes, edits: Sequence[Edit]) -> list[Replacement]:
    """What *edits* put where, in order.

    Raises:
        InputError: Edits overlap or lie outside.

    """
    newline = b"\r\n" if b"\r\n" in data[: data.find(b"\n") + 1] else b"\n"
    found: list[Replacement] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        if not at <= edit.span.start <= edit.span.end <= len(data):
            raise InputError("the edits of the fix overlap or lie outside the file", where=edit.path)
        found.append(Replacement(edit.span, _with_newlines(edit.text, newline)))
        at = edit.span.end
    return found


def unified(path: str, before: bytes, after: bytes) -> str:
    """What changed, as ``diff -u`` and ``git apply`` have it, but for secrets: they are masked."""
    import difflib  # noqa: PLC0415 - only with --diff

    from wherry.check.masking import masked  # noqa: PLC0415 - the same

    relative = os.path.relpath(path)
    name = path.lstrip("/") if relative.startswith("../") else relative
    old, new = (_LINE.findall(decode(text)) for text in (before, after))
    lines = difflib.unified_diff(
        old, new, _quoted(f"a/{name}") if before else "/dev/null", _quoted(f"b/{name}")
    )
    ended = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return masked("".join(ended))


def _quoted(name: str) -> str:
    """A file's name as git has it in a diff: quoted as C does it where it holds what would end the line."""
    if not _ODD.search(name):
        return name
    text = _ODD.sub(lambda odd: f"\\{ord(odd[0]):03o}", name)
    return f'"{text}"'


def _may(finding: Finding, allowed: Safety) -> bool:
    return finding.fix is not None and (allowed is Safety.UNSAFE or finding.fix.safety is Safety.SAFE)


def _attempt(
    examine: Callable[[Texts], Examined], state: Examined, texts: Texts, finding: Finding, fix: Fix
) -> tuple[Texts, Examined] | str:
    """The state after the fix, or why it does not stay."""
    by_path: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_path.setdefault(edit.path, []).append(edit)
    attempted = dict(texts)
    try:
        for path, edits in by_path.items():
            if path not in state.files:
                return f"{path} has not been read"
            attempted[path] = edited(state.files[path], edits)
        after = examine(attempted)
    except InputError as error:
        return f"the file would no longer be right: {error.what}"
    return _objection(state, after, finding, fix) or (attempted, after)


def _objection(before: Examined, after: Examined, finding: Finding, fix: Fix) -> str | None:
    if before.dockerfile.source.data != after.dockerfile.source.data:
        source = before.dockerfile.source
        own = [edit for edit in fix.edits if edit.path == source.name]
        changes = replacements(source.data, own)
        found = objection(before.dockerfile, after.dockerfile, fix.effect, changes)
        if found:
            return found
    if fix.effect.values:
        found = _yaml_objection(before, after, fix)
        if found:
            return found
    lost = before.sent & after.unsent
    if lost:
        return f"{min(lost)}, which the Dockerfile takes, would no longer be sent"
    if any(edit.path != before.dockerfile.source.name for edit in fix.edits):
        lost = before.sent_beside() - after.sent_beside()
        if lost:
            return f"{min(lost)} would no longer be sent"
    was, now = (Counter(one.rule for one in state.findings) for state in (before, after))
    if now[finding.rule] >= was[finding.rule]:
        return "the finding would still be there"
    serious = {one.rule for one in after.findings if one.severity is not Severity.INFO}
    worse = sorted(rule for rule in serious - fix.effect.uncovers if now[rule] > was[rule])
    return f"rule {worse[0]} would have more to say" if worse else None


def _yaml_objection(before: Examined, after: Examined, fix: Fix) -> str | None:
    """Whether YAML files would say anything else than what was declared."""
    from wherry.check.yaml_proof import yaml_objection  # noqa: PLC0415 - YAML, and few fixes change it

    for path in dict.fromkeys(value.path for value in fix.effect.values):
        declared = [value for value in fix.effect.values if value.path == path]
        found = yaml_objection(before.files[path], after.files[path], declared)
        if found:
            return f"{path}: {found}"
    return None


def _with_newlines(text: str, newline: bytes) -> bytes:
    return encode(text).replace(b"\r\n", b"\n").replace(b"\n", newline)
