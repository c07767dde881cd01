"""Comments that silence findings: wherry's own, and those that a team has already written for others.

wherry's: ``# wherry: ignore=C2,G1 why`` above an instruction or inside it, ``# wherry: ignore-file=C2 why``
anywhere. Theirs: hadolint's and tally's ``ignore=`` and ``global ignore=``, trivy's ``trivy:ignore:ID``, and
BuildKit's ``check=skip=`` directive; a rule lists what they call it in `Rule.also`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wherry.check.model import Finding, Rule
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.syntax import Comment, Dockerfile, Instruction

WHERRY: Final = "wherry"

_CODES: Final = r"(?P<codes>[\w/.:-]+(?:[ \t]*,[ \t]*[\w/.:-]+)*)"
_FORMS: Final = (
    (WHERRY, re.compile(rf"\s*wherry:\s*ignore(?P<file>-file)?=\s*{_CODES}(?P<reason>.*)", re.DOTALL)),
    (
        "hadolint",
        re.compile(rf"\s*hadolint\s+(?P<file>global\s+)?ignore=\s*{_CODES}(?P<reason>.*)", re.DOTALL),
    ),
    ("tally", re.compile(rf"\s*tally\s+(?P<file>global\s+)?ignore=\s*{_CODES}(?P<reason>.*)", re.DOTALL)),
    ("trivy", re.compile(r"\s*trivy:ignore:(?P<codes>[\w-]+)(?P<file>)(?P<reason>.*)", re.DOTALL)),
)
_SKIP: Final = re.compile(r"(?:^|;)\s*skip=([^;]*)")
_TRIVY: Final = re.compile(r"(?:AVD-)?DS-?0*(\d+)", re.IGNORECASE)
_NAMESPACES: Final = frozenset({"hadolint", "buildkit", "shellcheck", "tally"})
_REASON: Final = " \t\r\n#-;:,"
_REASON_KEY: Final = re.compile(r"^reason=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment that silences."""

    tool: str  # whose comment it is
    codes: tuple[str, ...]  # as written
    reason: str
    span: Span  # of the comment
    reach: Span | None  # what it covers; None: the whole file

    def silences(self, finding: Finding, rule: Rule) -> bool:
        """Whether *finding*, of *rule*, is meant."""
        covered = self.reach is None or (
            self.reach.start <= finding.place.span.start <= finding.place.span.end <= self.reach.end
        )
        return covered and any(_names(code, rule, self.tool) for code in self.codes)


def ignores_of(dockerfile: Dockerfile) -> tuple[Ignore, ...]:
    """The comments of a Dockerfile that silence something, in their order."""
    return tuple(_of_comments(dockerfile)) + tuple(_of_directives(dockerfile))


def silence(
    findings: Sequence[Finding], ignores: Sequence[Ignore], rules: Iterable[Rule]
) -> tuple[list[Finding], list[Finding], list[Ignore]]:
    """Part findings by what comments say of them.

    Returns:
        Those that stand, those that are silenced, and wherry's own comments that silenced nothing.

    """
    by_code = {rule.code: rule for rule in rules}
    kept: list[Finding] = []
    silenced: list[Finding] = []
    used: set[int] = set()
    for finding in findings:
        rule = by_code.get(finding.rule)
        by = [n for n, ignore in enumerate(ignores) if rule and ignore.silences(finding, rule)]
        used.update(by)
        (silenced if by else kept).append(finding)
    unused = [ignore for n, ignore in enumerate(ignores) if n not in used and ignore.tool == WHERRY]
    return kept, silenced, unused


def _of_comments(dockerfile: Dockerfile) -> Iterator[Ignore]:
    instructions = dockerfile.instructions
    at = 0
    for comment in dockerfile.comments:
        found = _read(comment)
        if not found:
            continue
        tool, match = found
        while at < len(instructions) and instructions[at].span.end <= comment.span.start:
            at += 1
        reach = None if match["file"] else _reach(comment, instructions[at : at + 1])
        codes = tuple(code.strip() for code in match["codes"].split(","))
        yield Ignore(tool, codes, _reason(match["reason"]), comment.span, reach)


def _read(comment: Comment) -> tuple[str, re.Match[str]] | None:
    for tool, form in _FORMS:
        match = form.fullmatch(comment.text)
        if match:
            return tool, match
    return None


def _reach(comment: Comment, following: Sequence[Instruction]) -> Span:
    """The instruction that the comment stands in or above; itself, at the end of the file."""
    return following[0].span if following else comment.span


def _reason(text: str) -> str:
    return _REASON_KEY.sub("", text.strip(_REASON)).strip(_REASON)


def _of_directives(dockerfile: Dockerfile) -> Iterator[Ignore]:
    for directive in dockerfile.directives:
        skip = _SKIP.search(directive.value) if directive.name == "check" else None
        if skip:
            codes = tuple(code.strip() for code in skip[1].split(",") if code.strip())
            yield Ignore("buildkit", codes, "", directive.span, None)


def _names(code: str, rule: Rule, tool: str) -> bool:
    """Whether *code*, in a comment of *tool*, means *rule*."""
    if tool == WHERRY:
        return code.upper() == rule.code or code.lower() in {rule.name, "all"}
    if tool == "buildkit" and code.lower() == "all":
        return any(not _is_foreign(name) for name in rule.also)
    wanted = plain_code(code)
    return any(plain_code(name) == wanted for name in rule.also)


def _is_foreign(name: str) -> bool:
    """Whether a peer's name is not BuildKit's, whose names are words: ``JSONArgsRecommended``."""
    return "/" in name or "-" in name or any(character.isdigit() for character in name)


def plain_code(code: str) -> str:
    """A peer's code without namespace and fashion: ``hadolint/DL3008`` is ``dl3008``."""
    trivy = _TRIVY.fullmatch(code)
    if trivy:
        return f"ds{trivy[1]}"
    namespace, slash, own = code.lower().partition("/")
    return own if slash and namespace in _NAMESPACES else code.lower()
