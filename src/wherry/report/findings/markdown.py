"""Findings as Markdown, for a comment on a pull request: the costliest first, the rest folded away.

Names and texts in a pull request are a stranger's: nothing of them becomes markup, a link or a mention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.catalogue import title_of
from wherry.check.model import Safety
from wherry.regex import regex
from wherry.report.amounts import seconds, size
from wherry.report.findings.excerpt import printable
from wherry.report.findings.text import basis_words, cost_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.model import Finding
    from wherry.report.findings.model import Review

_SHOWN: Final = 10
_MOST: Final = 100  # a comment on GitHub holds 65,536 characters
_LONGEST: Final = 500  # of one text

_SPECIAL: Final = regex(r"([\\`*_\[\]<>|~])")
_LINK: Final = regex(r"(?<=[@#])(?=\w)|(?=://)|(?<=[Ww]{3})(?=\.)")
"""Where GitHub and GitLab make a link or a mention of plain text, escaped or not."""
_NOTHING: Final = "\u200b"  # takes no room, and keeps apart what stands on both sides
_DOLLAR: Final = "<span>$</span>"  # else two of them make a formula on GitHub
_TICKS: Final = regex("`+")


def markdown_lines(review: Review) -> Iterator[str]:
    """A heading with the total, a table of what costs most, the rest below a fold."""
    yield "### wherry check"
    yield ""
    for error in review.broken:
        mend = f"; {_words(error.mend)}" if error.mend else ""
        yield f"- **cannot be built**: {_words(error.what)}, at {_code(error.where)}{mend}"
    if review.broken:
        yield ""
    findings = review.findings
    if findings:
        yield from _findings(findings, review)
    elif not review.broken:
        yield "No findings."


def _findings(findings: Sequence[Finding], review: Review) -> Iterator[str]:
    summary = review.summary()
    costs = [size(summary.size_bytes)] if summary.size_bytes else []
    costs += [f"{seconds(summary.seconds)} a build"] if summary.seconds else []
    together = f", together **{' and '.join(costs)}**" if costs else ""
    yield f"{len(findings)} {'finding' if len(findings) == 1 else 'findings'}{together}"
    yield ""
    yield from _table(findings[:_SHOWN])
    if findings[_SHOWN:]:
        yield ""
        yield f"<details><summary>{len(findings) - _SHOWN} more</summary>"
        yield ""
        yield from _table(findings[_SHOWN:_MOST])
        if findings[_MOST:]:
            yield ""
            yield f"{len(findings) - _MOST} are not shown here."
        yield ""
        yield "</details>"
    if summary.safe_fixes:
        yield ""
        yield f"`wherry check --fix` mends {summary.safe_fixes} of them."


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| rule | where | what | cost |"
    yield "|---|---|---|---|"
    for finding in findings:
        place = f"{finding.place.path}:{finding.place.start.line}"
        rule = f"{finding.severity.value} {_words(title_of(finding.rule))}"
        yield f"| {rule} | {_code(place)} | {'<br>'.join(_what(finding))} | {_cost(finding)} |"


def _what(finding: Finding) -> Iterator[str]:
    yield f"**{_words(finding.what)}**"
    if finding.why:
        yield _words(finding.why)
    if finding.fix:
        is_safe = finding.fix.safety is Safety.SAFE
        yield f"fix: {_words(finding.fix.title)}{'' if is_safe else ' (unsafe)'}"


def _cost(finding: Finding) -> str:
    basis = basis_words(finding.cost)
    return _words(cost_words(finding.cost)) + (f" <sub>{_words(basis)}</sub>" if basis else "")


def _words(text: str) -> str:
    """Text that no reader of Markdown takes for more."""
    shown = _LINK.sub(_NOTHING, _cut(printable(text)))
    return _SPECIAL.sub(r"\\\1", shown.replace("&", "&amp;")).replace("$", _DOLLAR)


def _code(text: str) -> str:
    """Text as code, in a cell of a table: it ends where the text does, whatever ticks are in it."""
    shown = _cut(printable(text)).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    blank = " " if len(ticks) > 1 else ""
    return f"{ticks}{blank}{shown}{blank}{ticks}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
