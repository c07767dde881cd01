"""What other linters say, as findings among ours: each thing once.

What a rule of ours says already, by `Rule.also`, at the same instruction, is left out of theirs; what two of
them say alike is kept of the one that knows the column.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.catalogue import all_rules
from wherry.check.engine import in_order
from wherry.check.ignores import plain_code
from wherry.check.masking import masked
from wherry.check.model import Finding, Place
from wherry.check.peers.ask import ask
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.check.engine import Judgement
    from wherry.check.peers.model import Remark, Said
    from wherry.dockerfile.source import Source
    from wherry.dockerfile.syntax import Dockerfile

_PREFERRED: Final = ("tally", "hadolint")
"""Of what two say alike, the words of the first one here are kept: tally knows columns."""

_SAME: Final = {
    "dl3000": "workdirrelativepath",
    "dl3012": "multipleinstructionsdisallowed",
    "dl3024": "duplicatestagename",
    "dl3025": "jsonargsrecommended",
    "dl3029": "fromplatformflagconstdisallowed",
    "dl3064": "secretsusedinargorenv",
    "dl4000": "maintainerdeprecated",
    "dl4003": "multipleinstructionsdisallowed",
    "dl4004": "multipleinstructionsdisallowed",
}
"""hadolint's codes for what BuildKit, and tally after it, calls otherwise."""

_ANYWHERE: Final = frozenset({"multipleinstructionsdisallowed"})
"""Said of the last such instruction by one, of the others by the other."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Judgements with what other linters add."""

    judgements: tuple[Judgement, ...]
    added: Mapping[str, int] = field(default_factory=dict)  # findings by linter


def with_peers(
    names: Sequence[str], judgements: Sequence[Judgement], source: Callable[[str], Source | None]
) -> Merged:
    """Ask the linters called *names* about the files that were judged, and add what is new.

    Args:
        names: ``hadolint``, ``tally``.
        judgements: Ours.
        source: The file of a path, as it was judged.

    Raises:
        InputError: wherry does not know a linter of that name.
        WorldError: It is not installed, fails, or does not end.

    """
    sources = {one.path: found for one in judgements if (found := source(one.path)) is not None}
    said = ask(names, list(sources.values()))
    added: Counter[str] = Counter(dict.fromkeys(said, 0))
    merged = [
        _with_peers(judgement, sources[judgement.path], said, added)
        if judgement.path in sources
        else judgement
        for judgement in judgements
    ]
    return Merged(tuple(merged), dict(added))


def _with_peers(
    judgement: Judgement, source: Source, said: Mapping[str, Said], added: Counter[str]
) -> Judgement:
    file = _File(parse(source))
    known = set(_said_by_us(judgement, file))
    fresh: list[Finding] = []
    for name in (name for name in _PREFERRED if name in said):
        remarks = [one for one in said[name].remarks if one.path == source.name]
        findings = [file.finding(one) for one in remarks if not known.intersection(file.keys(one))]
        known.update(key for one in remarks for key in file.keys(one))
        added[name] += len(findings)
        fresh += findings
    unread = [
        f"{name} could not read {source.name}: {masked(one.unread[source.name])}"
        for name, one in said.items()
        if source.name in one.unread
    ]
    return replace(
        judgement,
        findings=tuple(in_order([*judgement.findings, *fresh])),
        notes=(*judgement.notes, *unread),
    )


Key = tuple[str, int | None]
"""What is said, in BuildKit's word or the peers' code, and of which instruction; None: of the file."""


def _said_by_us(judgement: Judgement, file: _File) -> Iterator[Key]:
    """What our findings are called by others; one that a comment silences has been said too."""
    others_words = {rule.code: {_word(name) for name in rule.also} for rule in all_rules()}
    for finding in (*judgement.findings, *judgement.silenced):
        places = [one for one in (finding.place, *finding.related) if one.path == judgement.path]
        for name in others_words.get(finding.rule, ()):
            yield name, None
            for place in places:
                yield from ((name, index) for index in file.between(place.start.line, place.end.line))


def _word(code: str) -> str:
    plain = plain_code(code)
    return _SAME.get(plain, plain)


class _File:
    """One Dockerfile, by lines."""

    def __init__(self, dockerfile: Dockerfile) -> None:
        self._source = dockerfile.source
        line = self._source.line
        self._first = [line(one.span.start) for one in dockerfile.instructions]
        self._last = [line(max(one.span.start, one.span.end - 1)) for one in dockerfile.instructions]

    def between(self, first: int, last: int) -> range:
        """The instructions that have a line from *first* to *last*."""
        return range(bisect_left(self._last, first), bisect_left(self._first, last + 1))

    def keys(self, remark: Remark) -> list[Key]:
        """What a remark says, and of what."""
        word = _word(remark.code)
        if remark.line is None or word in _ANYWHERE:
            return [(word, None)]
        return [(word, index) for index in self.between(remark.line, remark.line)] or [(word, -remark.line)]

    def finding(self, remark: Remark) -> Finding:
        """A remark as a finding."""
        place = Place.of(self._source, self._span(remark))
        return Finding(remark.code, remark.severity, place, masked(remark.what), masked(remark.why))

    def _span(self, remark: Remark) -> Span:
        if remark.line is None:
            return Span(0, 0)
        start = self._offset(remark.line, remark.column)
        if remark.end is not None:
            return Span(start, max(start, self._offset(*remark.end)))
        end = self._source.line_span(remark.line).end
        return Span(start, max(start, end - self._continued(start, end)))

    def _offset(self, line: int, column: int) -> int:
        """The byte of a line and column; the end of the line, or of the file, where there is no such one."""
        span = self._source.line_span(line)
        text = self._source.text(span)
        return span.start + len(text[: column - 1].encode("utf-8", "surrogateescape"))

    def _continued(self, start: int, end: int) -> int:
        """How many bytes at the end of a line are blank or continue it."""
        line = self._source.data[start:end]
        return len(line) - len(line.rstrip(b"\\` \t"))
