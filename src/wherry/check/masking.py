"""Text that is shown to people, with what looks like a secret made unreadable.

Excerpts and the words of other linters repeat lines of a file as they stand. Of a secret on such a line at
most four characters are left; the others become asterisks, so that columns stay true.
"""

from __future__ import annotations

import re
from typing import Final

from wherry.check.facts.secrets import find_secrets, is_placeholder, is_reference, is_secret_name
from wherry.regex import regex

_SHOWN: Final = 4
_MASK: Final = "*"

_END_OF_KEY: Final = regex(r"-----END [A-Z ]{2,40}-----")
_VALUE: Final = r"(?:\"(?P<double>[^\"\n]{1,4096})|'(?P<single>[^'\n]{1,4096})|(?P<bare>[^\s\"';&|]{1,4096}))"
_NAME: Final = r"(?P<name>[A-Za-z_][\w.-]{0,80})"
_ASSIGNED: Final = regex(rf"{_NAME}[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}}{_VALUE}")
_IN_LIST: Final = (
    r"(?:\"(?P<double>[^\"\n]{1,4096})|'(?P<single>[^'\n]{1,4096})|(?P<bare>[^\s\"',\]}]{1,4096}))"
)
_LISTED: Final = regex(rf"(?<!\w)--?{_NAME}[\"']?[ \t]{{0,3}},[ \t]{{0,3}}{_IN_LIST}")
_PAIRED: Final = regex(  # as Kubernetes lists variables
    rf"name[\"']?:[ \t]{{0,3}}[\"']?{_NAME}[\"']?[ \t]{{0,3}}(?:,|\r?\n)[ \t]{{0,80}}"
    rf"[\"']?value[\"']?:[ \t]{{0,3}}{_IN_LIST}"
)
# A host that documentation uses may stand for a real one: no harm in a mask too many.
_ADDRESS: Final = regex(r"://[^\s/?#@:\"'`<>{}]{0,100}:(?P<password>[^\s/?#@\"'`<>{}$]{3,200})@")
# As curl takes it. An owner and a group are often the same, or numbers; an address follows pip's --user.
_USER: Final = regex(
    r"(?<!\S)(?:-u|-U|--user|--proxy-user)[ =]?[\"']?(?P<user>[^\s:\"'$]{1,100}):"
    r"(?!(?P=user)(?![^\s\"']))(?!\d+(?![^\s\"']))(?!//)(?P<password>[^\s\"'$]{3,200})"
)
_LOGIN: Final = regex(
    r"\b(?:login|sshpass|mysql\w{0,10})\b[^\n;&|]{0,100}?\s-p[ =]?[\"']?(?P<password>[^\s\"'$;&|]{3,200})"
)
_SPACED: Final = regex(
    rf"(?:--|^[ \t]{{0,20}}(?i:ENV|ARG|LABEL)[ \t]{{1,20}}){_NAME}[ \t]{{1,20}}{_VALUE}",
    re.MULTILINE,
)


def masked(text: str) -> str:
    """*text*, of the same length, with asterisks for all but the first characters of each secret."""
    pieces: list[str] = []
    at = 0
    for start, end in _stretches(text):
        shown = start + min(_SHOWN, (end - start) // 4)
        if end > at:
            pieces += [text[at : max(at, shown)], _blank(text[max(at, shown) : end])]
            at = end
    return "".join([*pieces, text[at:]])


def _stretches(text: str) -> list[tuple[int, int]]:
    """Where secrets lie, in order; they may overlap."""
    found = []
    for one in find_secrets(text):
        end = one.end
        if "PRIVATE KEY" in text[one.start : one.end]:  # its form is that of the first line
            closing = _END_OF_KEY.search(text, one.end)
            end = closing.start() if closing else len(text)
        found.append((one.start, end))
    for form in (_ASSIGNED, _SPACED, _LISTED, _PAIRED):
        for match in form.finditer(text):
            group = match.lastgroup or "bare"
            value = match[group]
            if is_secret_name(match["name"]) and not is_placeholder(value) and not is_reference(value):
                found.append(match.span(group))
    found += [match.span("password") for form in (_ADDRESS, _USER, _LOGIN) for match in form.finditer(text)]
    return sorted(found)


def _blank(text: str) -> str:
    """Asterisks, and the ends of lines."""
    return re.sub(r"[^\r\n]", _MASK, text)
