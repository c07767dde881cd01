"""``wherry check``: what is wrong with Dockerfiles and their neighbours, what it costs, and the mend."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherry.cli import check_output, options
from wherry.cli.check_arguments import Commits, NamedPath, pairs, refuse_together, words
from wherry.cli.check_sieve import Sieve
from wherry.cli.console import JSON_VERSION, show_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wherry.check.facts.image import BuiltImage
    from wherry.check.review import Asked, Reviewed
    from wherry.check.settings import CheckSettings
    from wherry.errors import WherryError
    from wherry.report.findings.model import Review


@click.command()
@click.argument("paths", nargs=-1, type=NamedPath(allow_dash=True))
@click.option("--fix", is_flag=True, help="Apply the fixes that keep what the image does.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply those too that a person must look at.")
@click.option("--diff", is_flag=True, help="Print what the fixes would change; write nothing.")
@click.option(
    "--format",
    "form",
    type=click.Choice(check_output.FORMATS),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@click.option("-o", "--output", type=NamedPath(dir_okay=False), help="Write what is printed to a file.")
@click.option("--select", multiple=True, callback=words, help="Rules: codes, names, themes, all, default.")
@click.option("--extend-select", multiple=True, callback=words, help="Rules beside those selected.")
@click.option("--ignore", multiple=True, callback=words, help="Rules that are not asked.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    help="The mildest finding that makes the exit code 1.  [default: warning]",
)
@click.option(
    "--since", metavar="REV", help="Show and mend only what stands on lines that changed since a revision."
)
@click.option(
    "--baseline",
    type=NamedPath(dir_okay=False),
    help="A file of findings that are known: neither shown nor mended.",
)
@click.option(
    "--write-baseline",
    type=NamedPath(dir_okay=False),
    help="Write all findings there are to such a file.",
)
@click.option("--with", "peers", multiple=True, callback=words, help="hadolint, tally: merge their findings.")
@click.option("--target", help="The stage that is built; the last one without.")
@click.option("--build-arg", multiple=True, callback=pairs, help="NAME=VALUE of an ARG. Repeatable.")
@click.option(
    "--image",
    help="The image that was built from it, whose layers are measured: one of the store, oci:DIR, "
    "oci-archive:FILE or docker-archive:FILE.",
)
@click.option(
    "--cache-history",
    is_flag=False,
    flag_value=100,
    type=Commits(min=1),
    metavar="[COMMITS]",
    help="Replay the last commits: what each layer's rebuilds cost, and would have cost.  [default: 100]",
)
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
    since: str | None,
    baseline: Path | None,
    write_baseline: Path | None,
    peers: tuple[str, ...],
    target: str | None,
    build_arg: Mapping[str, str],
    image: str | None,
    cache_history: int | None,
    explain: str | None,
    rules: bool,
    stdin_name: str,
    quiet: bool,
) -> int:
    """Check Dockerfiles, and what stands beside them, for what costs bytes, minutes and safety.

    PATHS are files, directories (every Dockerfile, Containerfile and *.Dockerfile below them), or '-'.
    """
    if explain is not None or rules:
        return check_output.print_rules() if explain is None else check_output.print_page(explain)

    from msgspec.structs import replace

    from wherry.check.model import Safety
    from wherry.check.review import MAX_BYTES, Asked, review
    from wherry.cli.check_progress import LateProgress

    def adjust(settings: CheckSettings) -> CheckSettings:
        return _adjusted(settings, select, extend_select, ignore, fail_on)

    refuse_together(click.get_current_context(), paths)
    wants_fixes = fix or unsafe_fixes or diff
    reads_stdin = paths == (Path("-"),)
    writes = wants_fixes and not (diff or reads_stdin)
    with show_progress(quiet=quiet) as progress:
        asked = Asked(
            paths or (Path(),),
            adjust=adjust,
            build_args=build_arg,
            target=target,
            image=_opened(image),
            allowed=(Safety.UNSAFE if unsafe_fixes else Safety.SAFE) if wants_fixes else None,
            obstacle=_obstacle if writes else lambda _: None,
            stdin=_standard_input(MAX_BYTES + 1) if reads_stdin else None,
            stdin_name=stdin_name,
            progress=LateProgress(progress),
        )
        if cache_history is not None:
            return _print_history(asked, cache_history, form, output)
        sieve = Sieve(peers, baseline, since)
        reviewed = review(replace(asked, wanted=sieve.wanted(asked)) if wants_fixes else asked)
    if diff:
        return _print_diff(reviewed, output)
    if wants_fixes and reads_stdin:
        return _print_mended(asked, reviewed)
    failures: tuple[WherryError, ...] = ()
    if writes:
        from wherry.check.writing import write_mended

        reviewed, failures = write_mended(asked, reviewed)
    if write_baseline is not None:
        code = _write_baseline(write_baseline, reviewed, sieve)
    else:
        shown = sieve.sift(reviewed)
        check_output.show(shown, form, output, quiet=quiet)
        code = _exit_code(shown, reviewed)
    return _told(failures, code)


def _told(failures: Iterable[WherryError], code: int) -> int:
    """Say what went wrong with some files; the exit code, which is theirs where there are any."""
    for error in failures:
        click.echo("\n".join(error.lines()), err=True)
        code = max(code, error.exit_code)
    return code


def _obstacle(path: str) -> str | None:
    from wherry.check.writing import obstacle

    return obstacle(path)


def _standard_input(limit_bytes: int) -> bytes:
    """What comes in on standard input; nothing where it is closed."""
    return sys.stdin.buffer.read(limit_bytes) if sys.stdin is not None else b""


def _adjusted(
    settings: CheckSettings,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
) -> CheckSettings:
    from msgspec.structs import replace

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


def _write_baseline(path: Path, reviewed: Reviewed, sieve: Sieve) -> int:
    from wherry.check.baseline import write_baseline

    if reviewed.broken:
        raise reviewed.broken[0]
    count = write_baseline(path, sieve.merged(reviewed)[0], reviewed.source)
    click.echo(f"{path} knows {count} finding{'' if count == 1 else 's'}", err=True)
    return 0


def _print_diff(reviewed: Reviewed, output: Path | None) -> int:
    """What fixes would change, and of the files that are broken why; 1 where there is any change."""
    changes = check_output.print_diff(reviewed.mended, output)
    return _told(reviewed.broken, int(changes > 0))


def _print_mended(asked: Asked, reviewed: Reviewed) -> int:
    """What came in on standard input, mended; the findings go nowhere, as with formatters."""
    if reviewed.broken:
        raise reviewed.broken[0]
    texts = [one.after[asked.stdin_name] for one in reviewed.mended if asked.stdin_name in one.after]
    click.echo(texts[0] if texts else asked.stdin, nl=False)
    return 0


def _print_history(asked: Asked, commits: int, form: str, output: Path | None) -> int:
    from wherry.check.rehearsal import rehearse
    from wherry.report.findings.excerpt import printable
    from wherry.report.findings.json import error_json, well_formed
    from wherry.report.findings.rehearsals import rehearsal_json, rehearsal_lines

    if form not in {"text", "json"}:
        raise click.UsageError("--cache-history is printed as text or json")
    rehearsed = rehearse(asked, commits)
    if form == "json":
        values = {
            "version": JSON_VERSION,
            "rehearsals": [rehearsal_json(one) for one in rehearsed.rehearsals],
            "errors": [error_json(error) for error in rehearsed.broken],
            "notes": list(rehearsed.notes),
        }
        check_output.put(f"{json.dumps(well_formed(values), indent=2)}\n", output)
    else:
        texts = ("\n".join(rehearsal_lines(one)) for one in rehearsed.rehearsals)
        check_output.put("".join(f"{text}\n" for text in "\n\n".join(texts).splitlines()), output)
    for note in rehearsed.notes:
        click.echo(f"note: {printable(note)}", err=True)
    return _told(rehearsed.broken, 0)


def _exit_code(shown: Review, reviewed: Reviewed) -> int:
    """2 where a file is broken, 1 where a finding is at least as serious as the gate, 0 else."""
    if reviewed.broken:
        return 2
    for judgement in shown.judgements:
        gate = reviewed.settings[judgement.path].fail_on
        if gate and any(finding.severity.rank <= gate.rank for finding in judgement.findings):
            return 1
    return 0
