"""How `wherry check` shows what it found: coloured on a terminal, in a form for programs, or as a diff."""

from __future__ import annotations

import json
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final

import click

from wherry.dockerfile.source import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from wherry.check.fix import Mended
    from wherry.report.findings.model import Review

FORMATS: Final = ("text", "json", "sarif", "github", "gitlab", "junit", "markdown")

_COLOURS: Final[dict[str, dict[str, Any]]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "info": {"fg": "cyan"},
    "place": {"bold": True},
    "quiet": {"dim": True},
    "mark": {"bold": True},
    "good": {"fg": "green"},
}


def show(review: Review, form: str, output: Path | None, *, quiet: bool) -> None:
    """Print the findings, or write them to a file."""
    if form == "text" and output is None:
        _print_text(review, quiet=quiet)
    else:
        put(f"{_document(review, form)}\n", output)
        if output is not None and str(output) != "-" and not quiet:
            from wherry.report.findings.text import totals_lines

            for line in totals_lines(review):
                click.echo("".join(text for text, _ in line), err=True)
            click.echo(f"written to {output}", err=True)


def put(text: str, output: Path | None) -> None:
    """Print what is for programs, byte by byte as files had it, or write it to a file."""
    data = encode(text)
    if output is None or str(output) == "-":
        click.echo(data, nl=False)
        return
    from wherry.store.whole import whole_file

    with whole_file(output) as sink:
        sink.write(data)


def print_diff(mended: Iterable[Mended], output: Path | None) -> int:
    """Unified diffs of what fixes would change; how many files they would change."""
    from wherry.check.fix import unified

    changes = [(path, one.before[path], after) for one in mended for path, after in one.after.items()]
    put("".join(unified(path, before, after) for path, before, after in changes), output)
    return len(changes)


def print_page(name: str) -> int:
    """One rule's page."""
    from wherry.check.catalogue import find_rule, page_of, theme_of

    rule = find_rule(name)
    when = "asked by default" if rule.default else "asked when selected"
    click.echo(
        f"# {rule.code} {rule.name}\n\n{theme_of(rule)}, {rule.severity.value}, {when}\n\n{page_of(rule)}"
    )
    return 0


def print_rules() -> int:
    """All rules, a line each."""
    from wherry.check.catalogue import all_rules, page_of, theme_of
    from wherry.report.amounts import columns

    rows = [["rule", "name", "theme", "severity", "", "what is wrong"]]
    rows += [
        [
            rule.code,
            rule.name,
            theme_of(rule),
            rule.severity.value,
            "" if rule.default else "off",
            page_of(rule).partition("\n")[0],
        ]
        for rule in all_rules()
    ]
    click.echo("\n".join(columns(rows, indent="")))
    return 0


def _print_text(review: Review, *, quiet: bool) -> None:
    from wherry.report.findings.text import broken_lines, summary_lines, text_lines

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has not all characters
    for line in (*broken_lines(review), *summary_lines(review)) if quiet else text_lines(review):
        click.echo("".join(click.style(text, **_COLOURS.get(style, {})) for text, style in line))


def _document(review: Review, form: str) -> str:
    """The findings in one form, without colours."""
    values = _VALUES.get(form)
    if values is not None:
        return json.dumps(values(review), indent=2)
    return "\n".join(_LINES[form](review))


def _json(review: Review) -> object:
    from wherry.report.findings.json import findings_json

    return findings_json(review)


def _sarif(review: Review) -> object:
    from wherry.report.findings.sarif import sarif

    return sarif(review)


def _gitlab(review: Review) -> object:
    from wherry.report.findings.gitlab import gitlab

    return gitlab(review)


def _github(review: Review) -> Iterable[str]:
    from wherry.report.findings.github import github_lines

    return github_lines(review)


def _junit(review: Review) -> Iterable[str]:
    from wherry.report.findings.junit import junit_lines

    return junit_lines(review)


def _markdown(review: Review) -> Iterable[str]:
    from wherry.report.findings.markdown import markdown_lines

    return markdown_lines(review)


def _text(review: Review) -> Iterable[str]:
    from wherry.report.findings.text import text_lines

    return ("".join(text for text, _ in line) for line in text_lines(review))


_VALUES: Final[dict[str, Callable[[Review], object]]] = {"json": _json, "sarif": _sarif, "gitlab": _gitlab}
_LINES: Final[dict[str, Callable[[Review], Iterable[str]]]] = {
    "github": _github,
    "junit": _junit,
    "markdown": _markdown,
    "text": _text,
}
