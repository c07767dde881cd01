"""Bytes and seconds as people read them."""

from __future__ import annotations

from wherry.store.disk import readable_size


def size(size_bytes: int | None) -> str:
    """The size, or ``?`` for what is not known."""
    return "?" if size_bytes is None else readable_size(size_bytes)


def seconds(seconds_s: float) -> str:
    """``0.42 s``, ``12.3 s``, ``3 min 05 s``."""
    if seconds_s < 10:  # noqa: PLR2004 - three digits
        return f"{seconds_s:.2f} s"
    if seconds_s < 60:  # noqa: PLR2004 - a minute
        return f"{seconds_s:.1f} s"
    minutes, rest = divmod(round(seconds_s), 60)
    return f"{minutes} min {rest:02d} s"


def columns(rows: list[list[str]], *, right: frozenset[int] = frozenset(), indent: str = "  ") -> list[str]:
    """Rows as aligned text; the columns in *right* hold numbers."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        (
            indent
            + "  ".join(
                cell.rjust(width) if i in right else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        ).rstrip()
        for row in rows
    ]
