"""What a credential looks like, in a value or a file, and where one stands. It is itself never shown.

Only forms that are credentials beyond doubt are known here: vendors' token prefixes, private key blocks, and
passwords inside URLs. A line that carries the words ``wherry: allow-secret`` is let through.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ALLOW_MARK: Final = b"wherry: allow-secret"

_CHUNK_BYTES: Final = 1024 * 1024
_OVERLAP_BYTES: Final = 4096  # no form matched below is longer
_BINARY_PROBE_BYTES: Final = 8192

# Tokens by their fixed beginnings: kind, beginnings, what follows.
_TOKENS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("AWS access key", ("AKIA", "ASIA"), r"[A-Z2-7]{16}\b"),
    ("Hugging Face token", ("hf_", "api_org_"), r"[A-Za-z]{34}\b"),
    ("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{36,255}\b"),
    ("GitHub token", ("github_pat_",), r"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    ("GitLab token", ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-"), r"[\w-]{20,64}"),
    ("OpenAI key", ("sk-proj-", "sk-svcacct-", "sk-admin-"), r"[\w-]{40,250}"),
    ("OpenAI key", ("sk-",), r"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b"),
    ("Anthropic key", ("sk-ant-",), r"[a-z0-9]{3,8}-[\w-]{80,250}"),
    ("Slack token", tuple(f"xox{letter}-" for letter in "abeoprs"), r"[0-9]{8,14}-[A-Za-z0-9-]{10,250}"),
    ("Slack webhook", ("hooks.slack.com/services/",), r"T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/\w{24}"),
    ("Google API key", ("AIza",), r"[\w-]{35}(?![\w-])"),
    ("NVIDIA NGC key", ("nvapi-",), r"[\w-]{60,90}"),
    ("Replicate token", ("r8_",), r"[A-Za-z0-9]{37}\b"),
    ("PyPI token", ("pypi-AgE",), r"[\w-]{50,1000}"),
    ("npm token", ("npm_",), r"[A-Za-z0-9]{36}\b"),
    ("Stripe key", ("sk_live_", "rk_live_"), r"[A-Za-z0-9]{24,99}\b"),
)
_PRIVATE_KEY: Final = (
    r"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:\\n|\\r|[\s\"'+,])+[A-Za-z0-9+/=:, -]{20}"
)
_AWS_PAIR: Final = (
    r"(?i:aws_?secret_?access_?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
)
_URL_LOGIN: Final = (
    r"://(?<=[A-Za-z0-9]://)[^\s/?#@:,\"'`<>{}$%*\\]{0,100}"
    r":(?P<password>[^\s/?#@:,\"'`<>{}$*\\]{3,200})@(?P<host>[A-Za-z0-9][A-Za-z0-9._-]{0,253})"
)


@cache
def _forms() -> tuple[tuple[str, bytes, bytes], ...]:
    """Kind, expression, and lower-case bytes without which it cannot match: those are searched for first.

    An expression begins with its fixed bytes and looks back over them: only so is it found by a fast search.
    """
    tokens = [
        (kind, rf"{re.escape(fixed)}(?<![A-Za-z0-9_]{re.escape(fixed)}){rest}", fixed.lower())
        for kind, beginnings, rest in _TOKENS
        for fixed in beginnings
    ]
    forms = [
        *tokens,
        ("private key", _PRIVATE_KEY, "private key"),
        ("AWS secret key", _AWS_PAIR, "secret"),
        ("password in a URL", _URL_LOGIN, "://"),
    ]
    return tuple((kind, form.encode(), probe.encode()) for kind, form, probe in forms)


_grammar = cache(re.compile)
"""A form is compiled when its bytes are first met: few are, and all together would cost as much as a plan."""

_PLACEHOLDER: Final = regex(
    rb"(?i)(?:.*(?:example|changeme|change-me|placeholder|password|passwd|redacted|your[-_]?|dummy|xxxx).*"
    rb"|pass|pwd|pw|secret|token|key|test|testing|user|username|root|admin|guest|postgres|mysql|redis|minio|rabbitmq"
    rb"|foo|bar|baz|abc|123|1234|x{3,}|\.{3,}|%[a-z]|%\([a-z_]+\)s)"
)
_PLACEHOLDER_HOST: Final = regex(
    rb"(?i)(?:.*\.)?(?:example(?:\.(?:com|org|net))?|localhost|invalid|test)|127\.0\.0\.1|host(?:name)?"
)

_PASSWORD_NAME: Final = regex(
    r"(?:.*_)?(?:PASSWORD|PASSWD|SECRET_ACCESS_KEY|SECRET_KEY|CLIENT_SECRET|PRIVATE_KEY)"
)
_TOKEN_NAME: Final = regex(r"(?:.*_)?(?:TOKEN|API_?KEY|ACCESS_KEY|AUTH_KEY|SECRET|CREDENTIALS?)")
_RANDOM: Final = regex(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_+=.-]{16,}")
_REFERENCE: Final = regex(r"/.*|\$.*|file:.*|[a-z][a-z0-9+]*:///.*")


class Finding(Frozen):
    """A credential's place and kind; the credential itself is nowhere kept."""

    path: Path
    line: int
    kind: str


def credential_kind(value: str, name: str = "") -> str | None:
    """What kind of credential a value is, or None.

    Args:
        value: An environment variable's or label's value.
        name: The variable's name: ``DB_PASSWORD`` makes any value one, ``HF_TOKEN`` a random-looking value.

    """
    data = value.encode("utf-8", "surrogateescape")
    for kind, _ in _matches(data):
        return kind
    upper = name.upper().replace("-", "_")
    if not value or _REFERENCE.fullmatch(value):
        return None  # a path or a reference to where the secret will be mounted
    if _PASSWORD_NAME.fullmatch(upper):
        return "password"
    if _TOKEN_NAME.fullmatch(upper) and _RANDOM.fullmatch(value):
        return "token"
    return None


def refuse_secrets(files: Iterable[tuple[Path, str]]) -> None:
    """Look into every file that would enter an image.

    Args:
        files: Each file's path on this disk, and how messages name it.

    Raises:
        InputError: One of them holds a credential; the message has its place and kind, never the credential.

    """
    found = [(finding, shown) for path, shown in files for finding in scan_for_secrets(path)]
    if found:
        (first, shown), *others = found
        more = f", and {len(others)} more like it" if others else ""
        raise InputError(
            f"a file that would enter the image holds what looks like {_with_article(first.kind)}{more}",
            where=f"{shown}:{first.line}",
            mend="take it out and revoke it; if it is none, write 'wherry: allow-secret' on its line",
        )


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' or kind.startswith(('NVIDIA', 'npm')) else 'a'} {kind}"


def scan_for_secrets(path: Path) -> list[Finding]:
    """Every credential in a text file, by line. Binary files have none that a line could name.

    Reads the file as a stream, in bounded memory.

    Raises:
        InputError: The file cannot be read.

    """
    found: dict[tuple[int, str], None] = {}
    lines_before = 0
    held = b""
    try:
        with path.open("rb") as stream:
            chunk = stream.read(_CHUNK_BYTES)
            if b"\0" in chunk[:_BINARY_PROBE_BYTES]:
                return []
            while chunk:
                window = held + chunk
                chunk = stream.read(_CHUNK_BYTES)
                settled = (
                    len(window) - _OVERLAP_BYTES if chunk else len(window)
                )  # the rest is seen again, whole
                for kind, offset in _matches(window):
                    if offset < settled and not _is_allowed(window, offset):
                        found[(lines_before + window.count(b"\n", 0, offset) + 1, kind)] = None
                held = window[-_OVERLAP_BYTES:]
                lines_before += window.count(b"\n", 0, len(window) - len(held))
    except OSError as error:
        raise InputError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    return [Finding(path, line, kind) for line, kind in sorted(found)]


def find_credentials(data: bytes) -> list[tuple[str, int, int]]:
    """Kind, start and end of every credential in *data*, placeholders left out; not in order.

    Of a password in a URL it is the password that is given, not the URL.
    """
    found: list[tuple[str, int, int]] = []
    lower = data.lower()
    for kind, form, probe in _forms():
        if probe in lower:
            matches = _grammar(form).finditer(data)
            genuine = (match for match in matches if not _is_placeholder(match))
            found += [(kind, *match.span("password" if match.groupdict() else 0)) for match in genuine]
    return found


def _matches(data: bytes) -> list[tuple[str, int]]:
    """Kind and offset of every credential in *data*, placeholders left out."""
    return [(kind, start) for kind, start, _ in find_credentials(data)]


def _is_placeholder(match: re.Match[bytes]) -> bool:
    """Documentation writes ``AKIAIOSFODNN7EXAMPLE`` and ``https://user:password@host``."""
    groups = match.groupdict()
    if groups:
        return bool(_PLACEHOLDER.fullmatch(groups["password"]) or _PLACEHOLDER_HOST.fullmatch(groups["host"]))
    text = match.group()
    return b"EXAMPLE" in text or bool(re.search(rb"(?i)x{12}|(.)\1{15}", text))


def _is_allowed(data: bytes, offset: int) -> bool:
    start = data.rfind(b"\n", 0, offset) + 1
    end = data.find(b"\n", offset)
    return ALLOW_MARK in data[start : end if end >= 0 else len(data)]
