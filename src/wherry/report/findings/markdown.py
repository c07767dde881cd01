"""Findings as Markdown, for a comment on a pull request: the costliest first, the rest folded away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.catalogue import find_rule
from wherry.check.model import Safety
from wherry.report.amounts import seconds, size
from wherry.report.findings.text import basis_words, cost_words, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.model import Finding
    from wherry.report.findings.model import Review

_SHOWN: Final = 10
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|@~-])")


def markdown_lines(review: Review) -> Iterator[str]:
    """A heading with the total, a table of what costs most, the rest below a fold."""
    summary = review.summary()
    yield "### wherry check"
    yield ""
    for error in review.broken:
        yield f"- **not buildable**: {_words(error.what)} ({_words(error.where)})"
    findings = review.findings
    if not findings:
        yield "No findings." if not review.broken else ""
        return
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
        yield from _table(findings[_SHOWN:])
        yield ""
        yield "</details>"
    if summary.safe_fixes:
        yield ""
        yield f"`wherry check --fix` mends {summary.safe_fixes} of them."


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| rule | where | what | cost |"
    yield "|---|---|---|---|"
    for finding in findings:
        name = find_rule(finding.rule).name
        cost = cost_words(finding.cost)
        basis = basis_words(finding.cost)
        costs = f"{_words(cost)} <sub>{_words(basis)}</sub>" if basis else _words(cost)
        is_safe = finding.fix is not None and finding.fix.safety is Safety.SAFE
        mend = f"<br>fix: {_words(finding.fix.title)}{'' if is_safe else ' (unsafe)'}" if finding.fix else ""
        place = f"{finding.place.path}:{finding.place.start.line}"
        yield (
            f"| {finding.severity.value} {finding.rule} {name} | {_words(place)} "
            f"| {_words(finding.what)}<br>{_words(finding.why)}{mend} | {costs} |"
        )


def _words(text: str) -> str:
    """Text that no Markdown reader takes for markup: names in a pull request are a stranger's."""
    return _SPECIAL.sub(r"\\\1", printable(text)).replace("&", "&amp;")
