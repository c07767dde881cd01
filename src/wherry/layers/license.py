"""What a wheel's METADATA tells of its licence: one short line, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from email.message import Message

_LONGEST: Final = 200  # "License" held whole texts before PEP 639; a text is no name
_CLASSIFIER: Final = "License :: "
_FAMILY: Final = "License :: OSI Approved"


def license_of(metadata: Message) -> str:
    """The licence: PEP 639's expression, else the old field if it is one line, else the classifiers."""
    told = [str(metadata[field] or "").strip() for field in ("License-Expression", "License")]
    # Printable is what has no line break either.
    short = [text for text in told if text and text.isprintable() and len(text) <= _LONGEST]
    if short and short[0].upper() != "UNKNOWN":  # what old setuptools wrote where nobody said
        return short[0]
    classifiers = [str(line).strip() for line in metadata.get_all("Classifier", [])]
    names = [
        line.rpartition(" :: ")[2]
        for line in sorted(set(classifiers))
        if line.startswith(_CLASSIFIER) and line != _FAMILY and line.isprintable()
    ]
    joined = " OR ".join(names)
    return joined if len(joined) <= _LONGEST else ""
