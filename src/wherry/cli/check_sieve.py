"""What a check shows: with what other linters say, without what is known or has not changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from wherry.check.changed import Changes
    from wherry.check.engine import Judgement
    from wherry.check.fix import Examined
    from wherry.check.model import Finding
    from wherry.check.review import Asked, Reviewed
    from wherry.report.findings.model import Review


class Sieve:
    """What ``--with``, ``--baseline`` and ``--since`` ask for.

    Args:
        peers: Linters whose findings are merged.
        baseline: A file of findings that are known.
        since: A revision; what stands on lines that have not changed since is left out.

    """

    def __init__(self, peers: tuple[str, ...], baseline: Path | None, since: str | None) -> None:
        self._peers = peers
        self._baseline = baseline
        self._since = since

    def wanted(self, asked: Asked) -> Callable[[Examined, Finding], bool]:
        """Which findings are mended: those that would be shown, and what their mends bring to light.

        Asked before anything is written, it fails where `sift` would when that were too late.

        Raises:
            WherryError: A linter is not there, the baseline cannot be read, the revision is none; or as
                `review` does.

        """
        if self._peers:
            from wherry.check.peers.ask import programs_of

            programs_of(self._peers)
        if self._baseline is None and self._since is None:
            return asked.wanted
        from msgspec.structs import replace

        from wherry.check.review import review
        from wherry.check.shown import only_shown

        reviewed = review(replace(asked, allowed=None))
        shown = Sieve((), self._baseline, self._since).sift(reviewed)
        return only_shown(reviewed.judgements, shown.judgements, reviewed.source)

    def merged(self, reviewed: Reviewed) -> tuple[tuple[Judgement, ...], Mapping[str, int]]:
        """The judgements with what other linters add, and how much each of them does.

        Raises:
            WherryError: A linter is not there, fails, or does not end.

        """
        if not self._peers:
            return reviewed.judgements, {}
        from wherry.check.peers.merge import with_peers

        merged = with_peers(self._peers, reviewed.judgements, reviewed.source)
        return merged.judgements, merged.added

    def sift(self, reviewed: Reviewed) -> Review:
        """What is shown of *reviewed*.

        Raises:
            WherryError: As `wanted` and `merged` do.

        """
        from wherry.report.findings.model import Review

        judgements, added = self.merged(reviewed)
        notes = [*reviewed.notes]
        known = elsewhere = 0
        if self._baseline is not None:
            from wherry.check.baseline import sift

            sifted = sift(
                self._baseline, judgements, reviewed.source, lambda path: reviewed.settings[path].codes()
            )
            judgements, known = sifted.judgements, sifted.known
            notes += sifted.notes(self._baseline)
        if self._since is not None:
            judgements, elsewhere = _changes(self._since, judgements).keep(judgements)
        return Review(
            judgements,
            reviewed.source,
            reviewed.broken,
            reviewed.mended,
            baseline=known,
            elsewhere=elsewhere,
            notes=tuple(notes),
            peers=added,
        )


def _changes(revision: str, judgements: Iterable[Judgement]) -> Changes:
    """What changed in the Dockerfiles and in the files that findings point into."""
    from wherry.check.changed import changed_since

    paths: list[str] = []
    for judgement in judgements:
        paths.append(judgement.path)  # that no revision is called so is said where nothing is found, too
        for finding in judgement.findings:
            paths += [place.path for place in (finding.place, *finding.related)]
    return changed_since(revision, paths)
