"""What the last commits cost the build cache, as text and as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wherry.check.masking import masked
from wherry.check.sizes import INSTALLED_A_SECOND
from wherry.report.amounts import columns, seconds, size
from wherry.report.findings.excerpt import printable

if TYPE_CHECKING:
    from wherry.check.history import CacheHistory, LayerHistory
    from wherry.check.rehearsal import Rehearsal
    from wherry.dockerfile.source import Source

_WIDEST: Final = 60


def rehearsal_lines(rehearsal: Rehearsal) -> list[str]:
    """How often each layer was rebuilt, what that cost, and what the proposed order would have cost."""
    today, proposed = rehearsal.today, rehearsal.proposed
    lines = [
        f"{printable(rehearsal.source.name)}: {_heading(today)}",
        *_table(rehearsal.source, today),
    ]
    if proposed is None or rehearsal.proposed_source is None:
        return [*lines, "  no fix of wherry check changes the order"]
    saved = today.moved_bytes - proposed.moved_bytes
    return [
        *lines,
        "",
        "  in the proposed order (wherry check --unsafe-fixes --diff):",
        *(
            f"    {finding.rule}: {printable(finding.fix.title)}"
            for finding in rehearsal.fixes
            if finding.fix
        ),
        *_table(rehearsal.proposed_source, proposed),
        f"  saved: {size(max(0, saved))} and {seconds(max(0.0, today.seconds - proposed.seconds))}",
    ]


def _heading(history: CacheHistory) -> str:
    if not history.commits:
        return "no commit changed anything in its context"
    if history.commits == 1:
        verdict = "it rebuilt something" if history.building else "it rebuilt nothing"
        return f"the last commit in its context, replayed; {verdict}"
    verdict = f"{history.building} rebuilt something" if history.building else "none rebuilt anything"
    return f"the last {history.commits} commits in its context, replayed; {verdict}"


def rehearsal_json(rehearsal: Rehearsal) -> dict[str, Any]:
    """The same as plain values."""
    proposed, source = rehearsal.proposed, rehearsal.proposed_source
    return {
        "path": rehearsal.source.name,
        "commits": rehearsal.today.commits,
        "bytes_a_second": INSTALLED_A_SECOND,
        "today": _values(rehearsal.source, rehearsal.today),
        "proposed": _values(source, proposed) if proposed and source else None,
        "fixes": [finding.rule for finding in rehearsal.fixes],
    }


def _table(source: Source, history: CacheHistory) -> list[str]:
    rows = [["line", "layer", "rebuilt", "each", "in all", ""]]
    rows += [
        [
            str(source.position(layer.instruction.span.start).line),
            _shown(source, layer),
            str(layer.rebuilt),
            size(layer.size_bytes) if layer.source else "?",
            seconds(layer.seconds) if layer.source and layer.rebuilt else "",
            layer.source,
        ]
        for layer in history.layers
    ]
    total = f"  together {size(history.moved_bytes)}, {seconds(history.seconds)} without the downloads"
    return [*columns(rows, right=frozenset({0, 2, 3, 4})), total]


def _shown(source: Source, layer: LayerHistory) -> str:
    text = printable(" ".join(masked(source.text(layer.instruction.span)).split()))
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _values(source: Source, history: CacheHistory) -> dict[str, Any]:
    return {
        "building": history.building,
        "moved_bytes": history.moved_bytes,
        "seconds": history.seconds,
        "layers": [
            {
                "line": source.position(layer.instruction.span.start).line,
                "rebuilt": layer.rebuilt,
                "size_bytes": layer.size_bytes if layer.source else None,
                "seconds": layer.seconds if layer.source else None,
                "source": layer.source,
            }
            for layer in history.layers
        ],
    }
