"""Comments that silence findings: wherry's own, and those that a team has already written for others.

wherry's: ``# wherry: ignore=C2,G1 why`` above an instruction or inside it, ``# wherry: ignore-file=C2 why``
anywhere. Theirs: hadolint's and tally's ``ignore=`` and ``global ignore=``, trivy's ``trivy:ignore:ID``, and
BuildKit's ``check=skip=`` directive; a rule lists what they call it in `Rule.also`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from wherry.check.catalogue import all_rules
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wherry.check.model import Finding, Rule
    from wherry.dockerfile.syntax import Comment, Dockerfile, Instruction

WHERRY: Final = "wherry"

_CODES: Final = r"\s*=\s*(?P<codes>[\w/.*:-]+(?:[ \t]*,[ \t]*[\w/.*:-]+)*)(?P<reason>.*)"
_FORMS: Final = {
    WHERRY: r"wherry:\s*ignore(?P<file>-file)?",
    "hadolint": r"hadolint\s+(?P<file>global\s+)?ignore",
    "tally": r"tally\s+(?P<file>global\s+)?ignore",
}
_TRIVY_ONE: Final = r"trivy:ignore:([\w*-]+)(?:\[[^\]]*\])?((?::(?:exp|ws):[\w-]+)*)"
_TRIVY_CODE: Final = r"(?:avd-)?ds-?0*(\d+)"
_EXPIRY: Final = r"exp:(\d{4}-\d\d-\d\d)"
_SKIP: Final = r"(?i:(?:^|;)\s*skip\s*=([^;]*))"
_MARK: Final = r"(?i:wherry:(?!\s*allow-secret))"
_PROBES: Final = ("wherry", "hadolint", "tally", "trivy")
_NAMESPACES: Final = frozenset({"hadolint", "buildkit", "shellcheck", "tally"})
_REASON: Final = " \t\r\n#-;:,.\N{EN DASH}\N{EM DASH}"
_REASON_KEY: Final = r"(?i:^reason\s*=)"
_ALL: Final = frozenset({"all", "*"})


class Words(NamedTuple):
    """What a comment that silences says, wherever it stands."""

    tool: str  # whose comment it is
    codes: tuple[str, ...]  # as written
    reason: str
    is_global: bool = False  # the whole file is meant


class Ignore(NamedTuple):
    """One comment that silences."""

    tool: str  # whose comment it is
    codes: tuple[str, ...]  # as written
    reason: str
    span: Span  # of the comment
    reach: Span | None  # what it covers; None: the whole file


def ignores_of(dockerfile: Dockerfile) -> tuple[Ignore, ...]:
    """The comments of a Dockerfile that silence something, in their order."""
    return tuple(_of_comments(dockerfile)) + tuple(_of_directives(dockerfile))


def misspelt(dockerfile: Dockerfile) -> list[Comment]:
    """The comments that speak to wherry and are not understood: they silence nothing."""
    return [comment for comment in dockerfile.comments if is_misspelt(comment.text)]


def is_misspelt(text: str) -> bool:
    """Whether a comment speaks to wherry and is not understood."""
    return re.match(_MARK, text) is not None and _form(WHERRY).fullmatch(text) is None


def silence(
    path: str,
    findings: Sequence[Finding],
    ignores: Sequence[Ignore],
    rules: Iterable[Rule],
    beside: Mapping[str, Sequence[Ignore]] = MappingProxyType({}),
) -> tuple[list[Finding], list[Finding], list[Ignore]]:
    """Part findings by what comments say of them.

    Args:
        path: The Dockerfile. A finding in another file is meant by a comment at its related place in it.
        findings: What the rules say of it.
        ignores: Its comments.
        rules: Those that were asked.
        beside: The comments of other files, by path: a finding in one is meant by a comment on its line.

    Returns:
        Those that stand, those that are silenced, and wherry's own comments that silenced nothing, with the
        codes that did not. Of a rule that was not asked nothing is known.

    """
    keys = {rule.code: _keys_of(rule) for rule in rules}
    index = _Index(ignores)
    others = {other: _Index(comments) for other, comments in beside.items()}
    kept: list[Finding] = []
    silenced: list[Finding] = []
    used: set[tuple[int, str]] = set()
    for finding in findings:
        places = [finding.place] if finding.place.path == path else finding.related
        spans = [place.span for place in places if place.path == path]
        named = keys.get(finding.rule, frozenset())
        by = index.find(spans, named)
        used.update(by)
        other = others.get(finding.place.path)
        begin = Span(finding.place.span.start, finding.place.span.start)
        (silenced if by or (other and other.find([begin], named)) else kept).append(finding)
    return kept, silenced, list(_unused(ignores, used, keys))


def plain_code(code: str) -> str:
    """A peer's code without namespace and fashion: ``hadolint/DL3008`` is ``dl3008``."""
    code = code.lower()
    if code.startswith(("ds", "avd-ds")) and (trivy := re.fullmatch(_TRIVY_CODE, code)):
        return f"ds{trivy[1]}"
    namespace, slash, own = code.partition("/")
    return own if slash and namespace in _NAMESPACES else code


Uses = dict[str, list[tuple[int, str]]]
"""By key: which comments name it, by number, and how they wrote it."""


class _Index:
    """Comments by what they name and where: a file may have a hundred thousand of either."""

    def __init__(self, ignores: Sequence[Ignore]) -> None:
        self._everywhere: Uses = {}
        by_reach: dict[Span, Uses] = {}
        for number, ignore in enumerate(ignores):
            uses = self._everywhere if ignore.reach is None else by_reach.setdefault(ignore.reach, {})
            for code in ignore.codes:
                uses.setdefault(_key(code, ignore.tool), []).append((number, code))
        self._reaches = sorted(by_reach)  # they never overlap
        self._near = [by_reach[reach] for reach in self._reaches]

    def find(self, spans: Iterable[Span], keys: frozenset[str]) -> list[tuple[int, str]]:
        """The comments that mean a finding at *spans* whose rule has *keys*."""
        uses = [self._everywhere]
        for span in spans:
            at = bisect_right(self._reaches, span.start, key=itemgetter(0)) - 1
            if at >= 0 and span.end <= self._reaches[at].end:
                uses.append(self._near[at])
        return [use for key in keys for one in uses for use in one.get(key, ())]


def _unused(
    ignores: Sequence[Ignore], used: set[tuple[int, str]], keys: dict[str, frozenset[str]]
) -> Iterator[Ignore]:
    asked = frozenset().union(*keys.values())
    known = frozenset().union(*(_keys_of(rule) for rule in all_rules()))
    for number, ignore in enumerate(ignores):
        if ignore.tool != WHERRY:
            continue
        codes = [code for code in ignore.codes if (number, code) not in used]
        idle = tuple(code for code in codes if _key(code, WHERRY) in asked or _key(code, WHERRY) not in known)
        if idle:
            yield ignore._replace(codes=idle)


def _keys_of(rule: Rule) -> frozenset[str]:
    """All that a rule is called in comments."""
    keys = {f"wherry:{word}" for word in (rule.code.lower(), rule.name, "all")}
    keys |= {plain_code(name) for name in rule.also}
    if rule.also:
        keys.add("tally:all")
    if any(not _is_foreign(name) for name in rule.also):
        keys.add("buildkit:all")
    return frozenset(keys)


def _key(code: str, tool: str) -> str:
    """What a code in a comment of *tool* means."""
    word = code.rstrip(".:-")
    if tool == WHERRY or (tool in {"tally", "buildkit"} and word.lower() in _ALL):
        return f"{tool}:{'all' if word.lower() in _ALL else word.lower()}"
    return plain_code(word)


def _is_foreign(name: str) -> bool:
    """Whether a peer's name is not BuildKit's, whose names are words: ``JSONArgsRecommended``."""
    return "/" in name or "-" in name or any(character.isdigit() for character in name)


def _of_comments(dockerfile: Dockerfile) -> Iterator[Ignore]:
    instructions = dockerfile.instructions
    at = 0
    for comment in dockerfile.comments:
        words = read_comment(comment.text)
        if words is None:
            continue
        while at < len(instructions) and instructions[at].span.end <= comment.span.start:
            at += 1
        # What trivy says of a whole file it lets be silenced at its head.
        is_global = words.is_global or (words.tool == "trivy" and at == 0)
        reach = None if is_global else _reach(comment, instructions[at : at + 1])
        yield Ignore(words.tool, words.codes, words.reason, comment.span, reach)


@cache
def _form(tool: str) -> re.Pattern[str]:
    """How *tool* writes its comments; most files have none, and need not wait for it."""
    return re.compile(_FORMS[tool] + _CODES, re.IGNORECASE | re.DOTALL)


def read_comment(text: str) -> Words | None:
    """What the text of a comment says; None where it speaks to none of the tools."""
    text = text.strip()
    if not text.lower().startswith(_PROBES):
        return None
    for tool in _FORMS:
        match = _form(tool).fullmatch(text)
        if match:
            codes = tuple(code.strip() for code in match["codes"].split(","))
            return Words(tool, codes, _reason(match["reason"]), bool(match["file"]))
    trivy = [match for match in re.finditer(_TRIVY_ONE, text) if not _is_over(match[2])]
    if not trivy:
        return None
    return Words("trivy", tuple(match[1] for match in trivy), _reason(re.sub(_TRIVY_ONE, "", text)))


def _is_over(conditions: str) -> bool:
    """Whether the day has come until which something was to be ignored."""
    from datetime import UTC, datetime  # noqa: PLC0415 - few comments name a day

    until = re.search(_EXPIRY, conditions)
    return until is not None and until[1] < datetime.now(UTC).date().isoformat()


def _reach(comment: Comment, following: Sequence[Instruction]) -> Span:
    """The instruction that the comment stands in or above; itself, at the end of the file."""
    return following[0].span if following else comment.span


def _reason(text: str) -> str:
    return re.sub(_REASON_KEY, "", text.strip(_REASON)).strip(_REASON)


def _of_directives(dockerfile: Dockerfile) -> Iterator[Ignore]:
    for directive in dockerfile.directives:
        skip = re.search(_SKIP, directive.value) if directive.name == "check" else None
        if skip:
            codes = tuple(code.strip() for code in skip[1].split(",") if code.strip())
            yield Ignore("buildkit", codes, "", directive.span, None)
