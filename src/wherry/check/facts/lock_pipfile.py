"""``Pipfile.lock``: JSON of categories of pins."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from wherry.check.facts.locks import LockedPackage
from wherry.check.facts.requirement import GitReference, normalised
from wherry.check.facts.texts import Text
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from wherry.check.facts.texts import Reader
    from wherry.dockerfile.source import Source


def pipfile_packages(source: Source, reader: Reader) -> tuple[tuple[LockedPackage, ...], str]:
    """The pins, and the Python they are for; nothing, and a note, when the file is no JSON."""
    try:
        data = json.loads(source.data)
    except (ValueError, RecursionError) as error:
        reader.note(source.name, f"is no JSON that can be read: {str(error)[:120]}")
        return (), ""
    if not isinstance(data, dict):
        return (), ""
    urls = _index_urls(data)
    found = [
        _package(source, category, name, value, urls)
        for category, pins in data.items()
        if category != "_meta" and isinstance(pins, dict)
        for name, value in pins.items()
        if isinstance(value, dict)
    ]
    meta = data.get("_meta")
    requires = meta.get("requires") if isinstance(meta, dict) else None
    python = requires.get("python_version") if isinstance(requires, dict) else None
    return tuple(found), f"=={python}.*" if isinstance(python, str) else ""


def _index_urls(data: dict[str, object]) -> dict[str, str]:
    meta = data.get("_meta")
    sources = meta.get("sources") if isinstance(meta, dict) else None
    return {
        str(one.get("name")): str(one.get("url"))
        for one in (sources if isinstance(sources, list) else [])
        if isinstance(one, dict)
    }


def _package(
    source: Source, category: str, name: str, value: dict[str, object], urls: dict[str, str]
) -> LockedPackage:
    version = str(value.get("version") or "").lstrip("=")
    git = value.get("git")
    return LockedPackage(
        name=normalised(name),
        version=version,
        text=Text(f"{name} {version}".rstrip(), source, _span(source, name)),
        index=urls.get(str(value.get("index") or "pypi"), ""),
        local=str(value.get("path") or ""),
        git=GitReference(str(git), str(value.get("ref") or ""), is_commit=bool(value.get("ref")))
        if git
        else None,
        written_groups=(category,),
    )


def _span(source: Source, name: str) -> Span:
    found = re.search(
        rb'^\s+("%s")\s*:\s*\{' % re.escape(name.encode("utf-8", "replace")), source.data, re.MULTILINE
    )
    return Span(*found.span(1)) if found else Span(0, 0)
