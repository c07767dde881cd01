"""What a rule says: a finding, what it costs, and the edits that would mend it.

Values only. A finding points at bytes of a file and knows how its figure was come by; a fix is byte-range
edits with the effect they declare, so that `wherry.check.fix` can hold them to it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wherry.check.facts import Facts
    from wherry.dockerfile.source import Position, Source, Span


class Severity(Enum):
    """How much a finding matters, whatever it costs."""

    ERROR = "error"  # broken, leaking or unsafe
    WARNING = "warning"  # a senior engineer would ask for a change
    INFO = "info"  # a choice to know about

    @property
    def rank(self) -> int:
        """0 for what matters most."""
        return _SEVERITIES.index(self)


_SEVERITIES: Final = tuple(Severity)


class Safety(Enum):
    """Whether a fix keeps what the file means."""

    SAFE = "safe"  # what the image does is the same
    UNSAFE = "unsafe"  # likely wanted, but a person must look


class Basis(Enum):
    """What the figure of a cost rests on."""

    MEASURED = "measured"  # bytes of files that are here, or layers of the image given
    TABLE = "table"  # sizes measured elsewhere, shipped with wherry
    NONE = "none"  # no figure


class Aspect(Enum):
    """A part of what a Dockerfile means that an edit may change. What it does not declare must stay equal."""

    BASE = "base"  # what a stage is built from
    STAGES = "stages"  # which stages there are, and their names
    ENV = "env"  # ENV, ARG, SHELL and LABEL
    USER = "user"
    WORKDIR = "workdir"
    COMMANDS = "commands"  # the text of RUN
    MOUNTS = "mounts"  # the flags of RUN
    COPIES = "copies"  # what is copied, and its flags
    ORDER = "order"  # the same instructions in another order
    ENTRY = "entry"  # CMD, ENTRYPOINT, HEALTHCHECK, EXPOSE, STOPSIGNAL, VOLUME
    FILES = "files"  # a file beside the Dockerfile


class Place(Frozen):
    """A stretch of a file, as people and as programs point at it."""

    path: str  # as the user would write it
    span: Span
    start: Position
    end: Position

    @classmethod
    def of(cls, source: Source, span: Span) -> Place:
        """The stretch *span* of *source*, whose name is the path."""
        return cls(source.name, span, source.position(span.start), source.position(span.end))

    def __str__(self) -> str:
        """``file:line:column``."""
        return f"{self.path}:{self.start.line}:{self.start.column}"


class Cost(Frozen):
    """What a finding costs: bytes in the image or its cache, seconds of a build, and how that is known."""

    size_bytes: int = 0
    seconds: float = 0.0
    basis: Basis = Basis.NONE
    source: str = ""  # what the figure rests on, in words: "wheel sizes of torch 2.15.0"
    files: tuple[tuple[str, int], ...] = ()  # those measured, with their bytes: a total counts each once


class Edit(Frozen):
    """Put *text* where the bytes of *span* stand. A file that is not there yet is empty."""

    path: str
    span: Span
    text: str


class YamlValue(Frozen):
    """What a fix puts into a mapping of a YAML file, or takes out of it.

    Keys that are not there come in, a list gets longer, and a scalar takes a scalar's place.
    """

    path: str
    at: tuple[str | int, ...]  # which document, then the keys and indexes that lead to the mapping
    value: str  # as JSON; empty: the last key that leads there goes


class Effect(Frozen):
    """What a fix of a Dockerfile declares to change; everything else must stay as it was.

    Attributes:
        touches: Indexes of the instructions it edits, moves or removes; all others stay byte for byte.
        inserts: How many instructions it adds.
        aspects: What of the stage graph may differ afterwards.
        uncovers: Rules that kept quiet because of the finding, and may speak once it is mended.
        values: What of YAML files beside it may differ afterwards.

    """

    touches: frozenset[int] = frozenset()
    inserts: int = 0
    aspects: frozenset[Aspect] = frozenset()
    uncovers: frozenset[str] = frozenset()
    values: tuple[YamlValue, ...] = ()


class Fix(Frozen):
    """Edits that go together: all of them or none."""

    title: str  # an imperative: "copy requirements.txt first"
    edits: tuple[Edit, ...]
    safety: Safety
    effect: Effect = Effect()


class Finding(Frozen):
    """One thing that is wrong at one place."""

    rule: str  # the code: "C2"
    severity: Severity
    place: Place
    what: str  # one sentence about this very case, without a full stop
    why: str  # what it leads to, one sentence
    cost: Cost = Cost()
    related: tuple[Place, ...] = ()  # in the other files and lines it concerns
    fix: Fix | None = None


class Rule(Frozen, eq=False):
    """One rule, equal to itself alone: its module's docstring is its page."""

    code: str  # the theme's letter and a number: "C2"
    name: str  # "cuda-twice"
    severity: Severity
    check: Callable[[Facts], Iterable[Finding]]
    default: bool = True  # in the quiet set
    also: tuple[str, ...] = ()  # what peers call it: "DL3042", "DS-0002", "tally/...", "JSONArgsRecommended"
    options: Mapping[str, str | int | bool] = msgspec.field(
        default_factory=dict
    )  # its own settings, with defaults
    choices: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)  # of settings that have few

    def at(  # noqa: PLR0913 - one name for each part of a finding
        self,
        place: Place,
        what: str,
        *,
        why: str,
        cost: Cost | None = None,
        related: Iterable[Place] = (),
        fix: Fix | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this rule; of another severity than the rule's where the case is milder or worse."""
        return Finding(
            self.code, severity or self.severity, place, what, why, cost or Cost(), tuple(related), fix
        )
