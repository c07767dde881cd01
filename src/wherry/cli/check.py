"""``wherry check``: what is wrong with Dockerfiles and their neighbours, what it costs, and the mend."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherry.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wherry.check.facts.image import BuiltImage
    from wherry.check.fix import Mended
    from wherry.check.model import Severity
    from wherry.check.review import Asked, Reviewed
    from wherry.check.settings import CheckSettings
    from wherry.report.findings.model import Review

FORMATS: Final = ("text", "json", "sarif", "github", "gitlab", "junit", "markdown")
_COLOURS: Final[dict[str, dict[str, object]]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "info": {"fg": "cyan"},
    "place": {"bold": True},
    "quiet": {"dim": True},
    "mark": {"bold": True},
    "good": {"fg": "green"},
}


def _pairs(_context: click.Context, _option: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        pairs[name] = text
    return pairs


def _words(_context: click.Context, _option: click.Parameter, values: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--fix", is_flag=True, help="Apply the fixes that keep what the image does.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply those too that a person must look at.")
@click.option("--diff", is_flag=True, help="Print what the fixes would change; write nothing.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the findings to a file.",
)
@click.option("--select", multiple=True, callback=_words, help="Rules: codes, names, themes, all, default.")
@click.option("--extend-select", multiple=True, callback=_words, help="Rules beside those selected.")
@click.option("--ignore", multiple=True, callback=_words, help="Rules that are not asked.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    help="The mildest finding that makes the exit code 1.  [default: warning]",
)
@click.option("--target", help="The stage that is built; the last one without.")
@click.option("--build-arg", multiple=True, callback=_pairs, help="NAME=VALUE of an ARG. Repeatable.")
@click.option("--image", help="The image that was built from it: its layers are measured.")
@click.option("--explain", metavar="RULE", help="Print a rule's page.")
@click.option("--rules", is_flag=True, help="List the rules.")
@click.option("--stdin-name", default="Dockerfile", help="What '-' is called in findings.")
@options.quiet
def command(
    *,
    paths: tuple[Path, ...],
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    form: str,
    output: Path | None,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    target: str | None,
    build_arg: Mapping[str, str],
    image: str | None,
    explain: str | None,
    rules: bool,
    stdin_name: str,
    quiet: bool,
) -> int:
    """Check Dockerfiles, and what stands beside them, for what costs bytes, minutes and safety.

    PATHS are files, directories (every Dockerfile, Containerfile and *.Dockerfile below them), or '-'.
    """
    if explain is not None:
        return _explain(explain)
    if rules:
        return _list_rules()

    from wherry.check.model import Safety
    from wherry.check.review import Asked, review

    wants_fixes = fix or unsafe_fixes or diff
    allowed = Safety.UNSAFE if unsafe_fixes else Safety.SAFE
    reads_stdin = [str(path) for path in paths] == ["-"]

    def adjust(settings: CheckSettings) -> CheckSettings:
        return _adjusted(settings, select, extend_select, ignore, fail_on)

    asked = Asked(
        paths or (Path(),),
        adjust=adjust,
        build_args=build_arg,
        target=target,
        image=_opened(image),
        allowed=allowed if wants_fixes else None,
        stdin=sys.stdin.buffer.read() if reads_stdin else None,
        stdin_name=stdin_name,
    )
    reviewed = review(asked)
    if wants_fixes and reads_stdin and not diff:
        return _print_mended(asked, reviewed)
    if wants_fixes and not diff:
        _write(reviewed.mended)
    if diff:
        return _print_diff(reviewed.mended)
    shown = _review_of(reviewed)
    _print(shown, form, output, quiet=quiet)
    return _exit_code(reviewed)


def _adjusted(
    settings: CheckSettings,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
) -> CheckSettings:
    from dataclasses import replace

    from wherry.check.model import Severity
    from wherry.check.review import narrowed

    settings = narrowed(settings, select, extend_select, ignore)
    if fail_on is None:
        return settings
    return replace(settings, fail_on=None if fail_on == "never" else Severity(fail_on))


def _opened(image: str | None) -> BuiltImage | None:
    if image is None:
        return None
    from wherry.check.facts.image import open_built

    return open_built(image)


def _review_of(reviewed: Reviewed) -> Review:
    from wherry.report.findings.model import Review

    return Review(reviewed.judgements, reviewed.source, reviewed.broken, reviewed.mended)


def _print(shown: Review, form: str, output: Path | None, *, quiet: bool) -> None:
    if output is None:
        if form == "text":
            _print_text(shown, quiet=quiet)
        else:
            click.echo(_document(shown, form))
        return
    from wherry.store.whole import whole_file

    with whole_file(output) as sink:
        sink.write(f"{_document(shown, form)}\n".encode("utf-8", "surrogateescape"))


def _print_text(shown: Review, *, quiet: bool) -> None:
    from wherry.report.findings.text import summary_lines, text_lines

    for line in summary_lines(shown) if quiet else text_lines(shown):
        pieces = (click.style(text, **_COLOURS.get(style, {})) for text, style in line)  # type: ignore[arg-type]
        click.echo("".join(pieces))


def _document(shown: Review, form: str) -> str:
    """The findings in one of the forms that are not coloured."""
    import json

    if form == "json":
        from wherry.report.findings.json import findings_json

        return json.dumps(findings_json(shown), indent=2)
    if form == "sarif":
        from wherry.report.findings.sarif import sarif

        return json.dumps(sarif(shown), indent=2)
    if form == "gitlab":
        from wherry.report.findings.gitlab import gitlab

        return json.dumps(gitlab(shown), indent=2)
    return "\n".join(_document_lines(shown, form))


def _document_lines(shown: Review, form: str) -> Iterable[str]:
    if form == "github":
        from wherry.report.findings.github import github_lines

        return github_lines(shown)
    if form == "junit":
        from wherry.report.findings.junit import junit_lines

        return junit_lines(shown)
    if form == "markdown":
        from wherry.report.findings.markdown import markdown_lines

        return markdown_lines(shown)
    from wherry.report.findings.text import text_lines

    return ("".join(text for text, _ in line) for line in text_lines(shown))


def _write(mended: Iterable[Mended]) -> None:
    from wherry.check.fix import write_files

    for one in mended:
        write_files(one.after)


def _print_mended(asked: Asked, reviewed: Reviewed) -> int:
    """What came in on standard input, mended; the findings go nowhere, as with formatters."""
    if reviewed.broken:
        raise reviewed.broken[0]
    text = (
        reviewed.mended[0].after.get(asked.stdin_name, asked.stdin or b"") if reviewed.mended else asked.stdin
    )
    click.echo(text, nl=False)
    return 0


def _print_diff(mended: Iterable[Mended]) -> int:
    """Unified diffs of what fixes would change; 1 where there is any."""
    from wherry.check.fix import unified

    differs = False
    for one in mended:
        for path, after in one.after.items():
            differs = True
            click.echo(unified(path, one.before[path], after), nl=False)
    return int(differs)


def _exit_code(reviewed: Reviewed) -> int:
    """2 where a file is broken, 1 where a finding is at least as serious as the gate, 0 else."""
    if reviewed.broken:
        return 2
    gates: dict[str, Severity | None] = {path: one.fail_on for path, one in reviewed.settings.items()}
    for judgement in reviewed.judgements:
        gate = gates.get(judgement.path)
        if gate and any(finding.severity.rank <= gate.rank for finding in judgement.findings):
            return 1
    return 0


def _explain(name: str) -> int:
    from wherry.check.catalogue import find_rule, page_of, theme_of

    rule = find_rule(name)
    when = "asked by default" if rule.default else "asked when selected"
    click.echo(
        f"# {rule.code} {rule.name}\n\n{theme_of(rule)}, {rule.severity.value}, {when}\n\n{page_of(rule)}"
    )
    return 0


def _list_rules() -> int:
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
