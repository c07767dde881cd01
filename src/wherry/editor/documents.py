"""Documents as an editor has them, judged: on disk with all that stands beside them, or alone like ``-``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pygls.uris import from_fs_path, to_fs_path

from wherry.check.discover import is_dockerfile_name
from wherry.check.review import STDIN, Asked, review
from wherry.dockerfile.source import Source
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.workspace import TextDocument

    from wherry.check.fix import Examined
    from wherry.check.ignores import Ignore
    from wherry.check.model import Finding, Safety
    from wherry.check.review import Reviewed
    from wherry.errors import InputError

_LANGUAGES: Final = ("docker", "containerfile")


class Judged(Frozen):
    """A document, and what there is to say of it."""

    source: Source
    findings: tuple[Finding, ...]
    unused_ignores: tuple[Ignore, ...]
    broken: tuple[InputError, ...]
    beside: Callable[[str], Source | None]  # the file that a place names


def is_dockerfile(document: TextDocument) -> bool:
    """Whether a document is one, by its language or its name: editors may send what stands beside it too."""
    language = (document.language_id or "").lower()
    return any(word in language for word in _LANGUAGES) or is_dockerfile_name(Path(document.path).name)


def source_of(document: TextDocument) -> Source:
    """The text that the editor has, under the document's path; under its URI where it is no file."""
    path = to_fs_path(document.uri)
    return Source(str(Path(path)) if path else document.uri, bytes_of(document))


def bytes_of(document: TextDocument) -> bytes:
    """The text as it would be saved; half a letter, which JSON can hold, is none."""
    return document.source.encode("utf-8", "replace")


def judged(source: Source) -> Judged:
    """Judge a document.

    Raises:
        InputError: The settings are wrong, or a file went away.

    """
    reviewed = _reviewed(source)
    found = (finding for one in reviewed.judgements for finding in one.findings)
    own = tuple(finding for finding in found if finding.place.path == source.name)
    unused = tuple(ignore for one in reviewed.judgements for ignore in one.unused_ignores)
    return Judged(source, own, unused, reviewed.broken, reviewed.source)


def mended(source: Source, safety: Safety, rule: str | None = None) -> dict[str, tuple[bytes, bytes]]:
    """What proven fixes make of the document and of files beside it: by path, before and after.

    Raises:
        InputError: The settings are wrong, or a file went away.

    """
    reviewed = _reviewed(source, safety, rule)
    return {path: (one.before[path], text) for one in reviewed.mended for path, text in one.after.items()}


def uri_of(path: str) -> str:
    """The URI of a file on disk."""
    return from_fs_path(str(Path(path).absolute())) or path


def _reviewed(source: Source, allowed: Safety | None = None, rule: str | None = None) -> Reviewed:
    def wanted(_: Examined, finding: Finding) -> bool:
        return rule in {None, finding.rule}

    if "://" in source.name or not Path(source.name).is_absolute():  # untitled, or on no disk of ours
        alone = Asked(
            (Path(STDIN),), stdin=source.data, stdin_name=source.name, allowed=allowed, wanted=wanted
        )
        return review(alone)
    texts = {source.name: source.data}
    return review(Asked((Path(source.name),), texts=texts, allowed=allowed, wanted=wanted))
