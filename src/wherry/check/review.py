"""Check every Dockerfile that is asked for: read it, judge it, and mend it where that is wanted.

Here the files are read. One that no build would take does not keep the others from being checked.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from wherry.check.discover import find_dockerfiles, is_dockerfile_name
from wherry.check.engine import Judgement, judge
from wherry.check.facts import Facts
from wherry.check.facts.context_root import context_root
from wherry.check.facts.neighbours import Neighbours
from wherry.check.facts.repository import surroundings
from wherry.check.facts.texts import Reader, read_bounded
from wherry.check.fix import Examined, Mended, Texts, mend
from wherry.check.settings import CheckSettings, read_settings
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.dockerfile.stages import build_graph
from wherry.errors import InputError
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wherry.check.facts.image import BuiltImage
    from wherry.check.model import Finding, Safety
    from wherry.dockerfile.syntax import Dockerfile
    from wherry.progress import Progress

STDIN: Final = "-"
MAX_BYTES: Final = 64 << 20
"""A Dockerfile of more bytes is none."""

_MOST_BESIDE: Final = 100  # other Dockerfiles of a context that are looked at before a file beside is changed

MOST_MENDED: Final = 2000
"""Instructions of a file that is mended; each fix is proven against all of them."""


class Asked(Frozen):
    """What the command line asks for."""

    paths: tuple[Path, ...] = ()
    adjust: Callable[[CheckSettings], CheckSettings] = lambda settings: settings  # over pyproject.toml
    build_args: Mapping[str, str] = msgspec.field(default_factory=dict)
    target: str | None = None
    image: BuiltImage | None = None
    allowed: Safety | None = None  # which fixes are applied; None: none
    wanted: Callable[[Examined, Finding], bool] = lambda _state, _finding: True  # what is mended
    obstacle: Callable[[str], str | None] = lambda _: None  # why a file may not be written
    stdin: bytes | None = None  # the content of ``-``
    stdin_name: str = "Dockerfile"
    texts: Mapping[str, bytes] = msgspec.field(default_factory=dict)  # files as an editor has them
    progress: Progress | None = None  # told of long walks over build contexts


class Reviewed(Frozen):
    """What came of it, file by file."""

    judgements: tuple[Judgement, ...]
    mended: tuple[Mended, ...]
    broken: tuple[InputError, ...]
    source: Callable[[str], Source | None]
    settings: Mapping[str, CheckSettings]  # by Dockerfile
    notes: tuple[str, ...] = ()  # what of the neighbours could not be read


def review(asked: Asked) -> Reviewed:
    """Check all files.

    Raises:
        InputError: A path is not there or cannot be read, or a pyproject.toml's settings are wrong.

    """
    subjects = [Path(STDIN)] if asked.stdin is not None else find_dockerfiles(asked.paths, asked.texts)
    desk = _Desk(asked, subjects)
    judgements: list[Judgement] = []
    mended: list[Mended] = []
    broken: list[InputError] = []
    for path in subjects:
        if desk.excludes(path, path.parent):
            continue
        try:
            source = desk.read(path)
        except InputError as error:
            if path in asked.paths or asked.stdin is not None:
                raise  # it was asked for by name
            broken.append(error)
            continue
        try:
            dockerfile = parse(source)
        except InputError as error:
            broken.append(error)
            continue
        bench = desk.bench(path, dockerfile)
        if bench is None:
            continue
        try:
            judgement, fixes = desk.check(bench)
        except InputError as error:  # the target is no stage of this one
            broken.append(error)
            continue
        judgements.append(judgement)
        if fixes is not None:
            mended.append(fixes)
    return Reviewed(tuple(judgements), tuple(mended), tuple(broken), desk.source, desk.settings, desk.notes())


class _Desk:
    """What is shared by the files of one command: neighbours read once, settings found once."""

    def __init__(self, asked: Asked, subjects: Sequence[Path]) -> None:
        self._asked = asked
        self._reader = Reader(asked.progress)
        self._subjects = subjects
        self._sources: dict[str, Source] = {}
        self._by_project: dict[Path | None, CheckSettings] = {}
        self._excluded: dict[Path, Path] = {}  # each with the pyproject.toml that says so
        self.settings: dict[str, CheckSettings] = {}
        self._is_measured = asked.image is None  # or no Dockerfile is that of the image

    def notes(self) -> tuple[str, ...]:
        """What could not be read beside the Dockerfiles, and what was asked for and is not checked."""
        notes = [f"{note.path} {note.what}" for note in self._reader.notes]
        out = {path: project for path, project in self._excluded.items() if path in self._asked.paths}
        if not out and len(self._excluded) == len(self._subjects):
            out = self._excluded
        notes += [f"{path} is not checked: {project} excludes it" for path, project in out.items()]
        if not self._is_measured and self._asked.image is not None:
            name = self._asked.image.name
            notes.append(
                f"{name} was built from none of these, as its history tells: nothing of it is measured"
            )
        return tuple(notes)

    def source(self, path: str) -> Source | None:
        """The file that a finding's place names, as it was when it was judged."""
        return self._sources.get(path) or self._reader.read(Path(path))

    def excludes(self, path: Path, directory: Path) -> bool:
        """Whether the project of *directory* wants a Dockerfile left alone, readable or not.

        Raises:
            InputError: Its settings are wrong.

        """
        project = _project_of(directory) if self._asked.stdin is None else None
        if project is None or not _is_excluded(path, project, self._settings_in(project)):
            return False
        self._excluded[path] = project
        return True

    def read(self, path: Path) -> Source:
        """One Dockerfile.

        Raises:
            InputError: It cannot be read.

        """
        source = self._read(path)
        self._sources[source.name] = source
        return source

    def bench(self, path: Path, dockerfile: Dockerfile) -> _Bench | None:
        """Where one Dockerfile is judged; None for one that its project excludes.

        Raises:
            InputError: The settings that hold for it are wrong.

        """
        root = None if self._asked.stdin is not None else root_of(path, dockerfile, self._reader)
        if root is not None and self.excludes(path, root):
            return None
        settings = self._settings_in(_project_of(root or Path()))
        self.settings[dockerfile.source.name] = settings
        beside = self._beside(path, root)
        return _Bench(self._asked, dockerfile, root, settings, self._reader, beside=beside)

    def check(self, bench: _Bench) -> tuple[Judgement, Mended | None]:
        """Judge one Dockerfile, and mend it where that was asked."""
        asked = self._asked
        self._is_measured = self._is_measured or bench.is_of_image
        if asked.allowed is None:
            return bench.judged({}), None
        if bench.is_too_long:
            note = f"it has more than {MOST_MENDED:,} instructions, and is not mended"
            return _noted(bench.judged({}), note), None
        fixes = mend(bench.examine, asked.allowed, asked.wanted, asked.obstacle)
        for name, text in fixes.after.items():
            self._sources[name] = Source(name, text)
        if fixes.after:
            self._reader = self._reader.with_texts(fixes.after)  # the next Dockerfile has the same neighbours
        judgement = bench.judged(fixes.after)
        if not fixes.is_complete:
            judgement = _noted(judgement, "it offers more fixes than are tried at once: mend it again")
        return judgement, fixes

    def _beside(self, path: Path, root: Path | None) -> list[Path]:
        """Other Dockerfiles that are likely built from *root*: what fixes must not take from them."""
        if root is None or self._asked.allowed is None:
            return []
        there: list[Path] = []
        with suppress(OSError):
            there = sorted(one for one in root.iterdir() if is_dockerfile_name(one.name))
        return [one for one in dict.fromkeys([*there, *self._subjects]) if one != path][:_MOST_BESIDE]

    def _name(self, path: Path) -> str:
        return self._asked.stdin_name if str(path) == STDIN else str(path)

    def _read(self, path: Path) -> Source:
        name = self._name(path)
        data = self._asked.stdin if self._asked.stdin is not None else self._asked.texts.get(name)
        if data is None:
            try:
                data = read_bounded(path, MAX_BYTES + 1)
            except OSError as error:
                reason = (error.strerror or "it cannot be opened").lower()
                is_stream = not error.errno  # not the system's: `read_bounded` refuses what is no file
                mend = "what comes through a pipe is checked as '-'" if is_stream else ""
                raise InputError(f"cannot be read: {reason}", where=name, mend=mend) from error
        if len(data) > MAX_BYTES:
            raise InputError(f"is larger than {MAX_BYTES >> 20} MiB and no Dockerfile", where=name)
        return Source(name, data)

    def _settings_in(self, project: Path | None) -> CheckSettings:
        if project not in self._by_project:
            settings = read_settings(project) if project else CheckSettings()
            adjusted = self._asked.adjust(settings)
            adjusted.codes()  # a selector that means no rule is wrong once, not in every file
            self._by_project[project] = adjusted
        return self._by_project[project]


class _Bench:
    """One Dockerfile, judged as often as its fixes need."""

    def __init__(  # noqa: PLR0913 - what a judgement rests on
        self,
        asked: Asked,
        dockerfile: Dockerfile,
        root: Path | None,
        settings: CheckSettings,
        reader: Reader,
        *,
        beside: Sequence[Path],
    ) -> None:
        self._asked = asked
        self._first = dockerfile
        self._root = root
        self._settings = settings
        self._reader = reader
        self._codes = settings.codes()
        self._beside = beside

    @property
    def is_too_long(self) -> bool:
        """Whether it has more instructions than fixes can be proven against."""
        return len(self._first.instructions) > MOST_MENDED

    @property
    def is_of_image(self) -> bool:
        """Whether the image that is measured was built from it, as far as its history tells."""
        image = self._with({}).image
        return image is not None and image.is_matched

    def judged(self, texts: Texts) -> Judgement:
        """What there is to say with *texts* in their places."""
        return judge(self._with(texts), self._codes)

    def examine(self, texts: Texts) -> Examined:
        """The file and its neighbours with *texts* in their places."""
        facts = self._with(texts)
        findings = judge(facts, self._codes).findings
        files = {facts.file.name: facts.file.data}
        for path in dict.fromkeys(edit.path for one in findings if one.fix for edit in one.fix.edits):
            source = facts.reader.read(Path(path)) if path not in files else None
            if source is not None:
                files[path] = source.data
            elif not os.path.lexists(path):
                files.setdefault(path, b"")
        files |= texts
        named = frozenset(_named(facts))
        sent = _sent(facts, named)
        return Examined(
            facts.dockerfile, findings, files, sent, named - sent, lambda: self._sent_beside(facts.reader)
        )

    def _with(self, texts: Texts) -> Facts:
        name = self._first.source.name
        dockerfile = parse(Source(name, texts[name])) if name in texts else self._first
        beside = {path: text for path, text in texts.items() if path != name}
        return self._facts(dockerfile, self._reader.with_texts(beside) if beside else self._reader)

    def _sent_beside(self, reader: Reader) -> frozenset[str]:
        """What other Dockerfiles of this context take by name and is sent, each with who takes it."""
        sent: set[str] = set()
        for path in self._beside:
            with suppress(InputError):
                source = reader.read(path)
                facts = Facts.of(source, self._root, reader=reader) if source is not None else None
                if facts is not None and root_of(path, facts.dockerfile, self._reader) == self._root:
                    sent |= {f"{one}, which {path} takes," for one in _sent(facts, _named(facts))}
        return frozenset(sent)

    def _facts(self, dockerfile: Dockerfile, reader: Reader) -> Facts:
        asked = self._asked
        return Facts(
            dockerfile,
            build_graph(dockerfile, asked.build_args, asked.target),
            context_root=self._root,
            settings=self._settings,
            built=asked.image,
            reader=reader,
        )


def _noted(judgement: Judgement, note: str) -> Judgement:
    return replace(judgement, notes=(*judgement.notes, f"{judgement.path}: {note}"))


def _named(facts: Facts) -> Iterator[str]:
    """What the Dockerfile takes of its context by name or by a pattern: to copy it, or to mount it."""
    for copy in facts.copies:
        if copy.from_ is None:
            yield from (source for source in copy.sources if source.strip("./"))
    for run in facts.runs:
        for mount in run.mounts:
            if mount.type == "bind" and not mount.from_ and mount.source.strip("./"):
                yield mount.source


def _sent(facts: Facts, named: Iterable[str]) -> frozenset[str]:
    """What of *named* is there, and is sent."""
    context = facts.context
    if context is None:
        return frozenset()
    return frozenset(name for name in named if context.has(name) or not context.sent_by([name]).missing)


def root_of(path: Path, dockerfile: Dockerfile, reader: Reader) -> Path:
    """The directory it is built from: what compose says, else where most of what it copies lies."""
    return context_root(path, _copied(dockerfile), Neighbours(path, reader).all_compose)


def _copied(dockerfile: Dockerfile) -> list[str]:
    """What COPY and ADD name of the context."""
    copies = (
        one for one in dockerfile.instructions if one.keyword in {"copy", "add"} and not one.flag("from")
    )
    return [source for one in copies for source in one.values[:-1] if "://" not in source]


def _project_of(directory: Path) -> Path | None:
    """The pyproject.toml that holds for *directory*: its own, or the nearest above in the repository."""
    there = (one / "pyproject.toml" for one in surroundings(directory))
    return next((one for one in there if one.is_file()), None)


def _is_excluded(path: Path, project: Path, settings: CheckSettings) -> bool:
    """Whether a pattern, which starts at the directory of the pyproject.toml *project*, means the file.

    Raises:
        InputError: One of them is no pattern.

    """
    if not settings.exclude:
        return False
    from wherry.dockerfile.ignore import IgnoreFile  # noqa: PLC0415 - few projects exclude
    from wherry.dockerfile.pattern import PatternError  # noqa: PLC0415 - the same

    try:
        patterns = IgnoreFile.of_patterns(settings.exclude)
    except PatternError as error:
        raise InputError(
            f"exclude in [tool.wherry.check]: {error}",
            where=str(project),
            mend="patterns are those of .dockerignore",
        ) from None
    return patterns.matches(os.path.relpath(path, project.parent))


def narrowed(
    settings: CheckSettings, select: Iterable[str], extend: Iterable[str], ignore: Iterable[str]
) -> CheckSettings:
    """*settings* with what the command line says over them."""
    chosen = tuple(select) or settings.select
    return replace(settings, select=(*chosen, *extend), ignore=(*settings.ignore, *ignore))
