"""What is a secret, by its name or its looks: `is_secret_name`, `find_secrets`, and all of a file: `Secret`.

    facts.secrets             every secret value in the Dockerfile: `Secret`, the value itself never kept
    is_secret_name("HF_TOKEN")     True; TOKENIZERS_PARALLELISM, MAX_TOKENS, PAD_TOKEN_ID, KEY_FILE are not
    find_secrets(text, name)  where secrets lie in a text, by form, or by the name it is the value of
    is_placeholder(value)     ``<token>``, ``changeme``, ``xxx``, ``${VAR}``: nothing to keep
    redacted(value)           at most four leading characters, and the length

Forms are those of `wherry.project.secrets` (vendors' prefixes, private keys, passwords in URLs) and a few
more; every pattern takes linear time.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen
from wherry.project.secrets import find_credentials
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.syntax import Instruction

_SHOWN: Final = 4
_SHORTEST_PASSWORD: Final = 4
_SHORTEST_TOKEN: Final = 16
_LONGEST: Final = 4096
_LEAST_BITS: Final = 3.0  # of entropy per character: hex digests have 3.5 and more, words 2.5

_WORDS: Final = regex(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|\d+")
_ALWAYS: Final = frozenset(
    {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "SECRETS", "APIKEY", "CREDENTIAL", "CREDENTIALS", "TOKEN"}
)
_AT_END: Final = frozenset({"PASS", "PW", "AUTHTOKEN", "ACCESSKEY", "SECRETKEY", "PAT", "JWT"})
_KEY_OWNERS: Final = frozenset(
    {
        *(
            "API",
            "ACCESS",
            "SECRET",
            "PRIVATE",
            "AUTH",
            "ENCRYPTION",
            "SIGNING",
            "MASTER",
            "ACCOUNT",
            "STORAGE",
        ),
        *("SUBSCRIPTION", "OPENAI", "ANTHROPIC", "COHERE", "KAGGLE", "WANDB", "HF", "HUGGINGFACE", "NGC"),
        *("REPLICATE", "PINECONE", "GROQ", "GEMINI", "MISTRAL", "SSH", "DEPLOY", "FERNET", "COMET", "TAVILY"),
        *("LANGCHAIN", "LANGSMITH", "DEEPSEEK", "TOGETHER", "FIREWORKS", "ELEVENLABS", "LICENSE"),
    }
)
_HARMLESS_ENDS: Final = frozenset(
    {
        *(
            "ID",
            "IDS",
            "FILE",
            "FILES",
            "PATH",
            "DIR",
            "NAME",
            "NAMES",
            "URL",
            "URI",
            "ENDPOINT",
            "HOST",
            "TYPE",
        ),
        *(
            "LIMIT",
            "COUNT",
            "LENGTH",
            "LEN",
            "SIZE",
            "BUDGET",
            "TTL",
            "EXPIRY",
            "EXPIRATION",
            "EXPIRE",
            "MINUTES",
        ),
        *("SECONDS", "DAYS", "HOURS", "HEADER", "PREFIX", "SUFFIX", "ENV", "VAR", "REF", "ARN", "VERSION"),
        *(
            "ALGORITHM",
            "ALGO",
            "LOCATION",
            "MODE",
            "ENABLED",
            "DISABLED",
            "REQUIRED",
            "HASH",
            "STORE",
            "MANAGER",
        ),
        *(
            "POLICY",
            "FORMAT",
            "ISSUER",
            "AUDIENCE",
            "SCOPE",
            "SCOPES",
            "PROVIDER",
            "BACKEND",
            "CLASS",
            "INDEX",
        ),
        *("RATE", "RATIO", "PROB", "DROPOUT", "DIM", "HEADS", "SHAPE", "LAYERS", "PARALLELISM", "PUBLIC"),
    }
)
_HARMLESS_WORDS: Final = frozenset(
    {
        *(
            "TOKENIZER",
            "TOKENIZERS",
            "TOKENS",
            "TOKENIZATION",
            "DISABLE",
            "DISABLED",
            "ENABLE",
            "ENABLED",
            "USE",
            "REQUIRE",
            "SKIP",
        ),
        *("ALLOW", "IGNORE", "MAX", "MIN", "NUM", "PAD", "EOS", "BOS", "UNK", "MASK", "CLS", "SEP", "IMAGE"),
        *("SPECIAL", "STOP", "START", "END", "VOCAB", "PUBLIC", "DEFAULT", "IS", "HAS", "NO", "IMPLICIT"),
    }
)
_HARMLESS_NAMES: Final = frozenset({"GOOGLE_APPLICATION_CREDENTIALS", "HF_HUB_DISABLE_IMPLICIT_TOKEN"})

_PLACEHOLDER: Final = regex(
    r"(?i:.*(?:example|changeme|change[-_]me|placeholder|redacted|your|dummy|xxxx|todo|fixme|replace|insert|sample"
    r"|fake|not[-_]?set|build[-_]?time|notasecret|not[-_]a[-_]).*"
    r"|none|null|nil|true|false|yes|no|on|off|empty|unset|undefined|default|test|testing|secret|token|password"
    r"|pass|key|foo|bar|baz|abc|n/?a|x{3,}|\*+|\.{2,}|-+|0+|1?2?3?4?5?6?7?8?9?0?|<.*|\{\{.*|%.*|\[.*\]|__.*__)",
    re.DOTALL,
)
_REFERENCE: Final = regex(r"[/~.].*|.*\$.*|[a-z][a-z0-9+.-]*://[^@]*|file:.*|[a-z]+/[\w./-]+", re.DOTALL)
_RANDOM: Final = regex(r"[A-Za-z0-9_+/=.:-]+")
_LETTERS_AND_DIGITS: Final = (regex(r"[A-Za-z]"), regex(r"\d"))
_MORE_FORMS: Final = (
    # as the rules of gitleaks and the detectors of trufflehog have them (November 2026)
    ("JSON web token", "eyJ", r"\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{20,2000}"),
    ("Groq key", "gsk_", r"\bgsk_[A-Za-z0-9]{52}\b"),
    ("Docker Hub token", "dckr_pat_", r"\bdckr_pat_[\w-]{20,60}"),
    ("Databricks token", "dapi", r"\bdapi[0-9a-f]{32}\b"),
    ("LangSmith key", "lsv2_", r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b"),
    ("Pinecone key", "pcsk_", r"\bpcsk_[A-Za-z0-9_]{50,90}\b"),
    ("Azure storage key", "AccountKey=", r"\bAccountKey=[A-Za-z0-9+/]{86}=="),
    ("SendGrid key", "SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    ("Weights & Biases key", "wandb_v1_", r"\bwandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}\b"),
    ("xAI key", "xai-", r"\bxai-[A-Za-z0-9_]{80}\b"),
    ("Perplexity key", "pplx-", r"\bpplx-[A-Za-z0-9]{48}\b"),
)


class Found(Frozen):
    """Where a secret lies in a text: characters from *start* up to *end*."""

    kind: str  # "Hugging Face token", "password in a URL", "value of WANDB_API_KEY"
    start: int
    end: int
    is_certain: bool  # by its form; else by the name it is the value of


class Secret(Frozen):
    """A secret value in the Dockerfile. The value is not kept: only what may be shown of it.

    Attributes:
        kind: ``Hugging Face token``, ``password in a URL``, ``value of WANDB_API_KEY``...
        name: Of the variable or option it is the value of; empty where it has none.
        shown: What may be shown: at most four leading characters and the length.
        span: Its bytes.
        instruction: The instruction it stands in; None in a comment between instructions.
        where: ``env``, ``arg``, ``label``, ``run``, ``copy``..., the instruction's keyword, or ``comment``.
        is_certain: It has the form of a credential; else it is taken for one because of its name.

    """

    kind: str
    name: str
    shown: str
    span: Span
    instruction: Instruction | None
    where: str
    is_certain: bool


def redacted(value: str) -> str:
    """What may be shown of a secret: its length and at most four leading characters, fewer if short."""
    shown = value[: min(_SHOWN, len(value) // 4)]
    visible = "".join(letter if letter.isprintable() else "?" for letter in shown)
    return f"{visible}... ({len(value)} characters)"


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """A variable, option or header of this name holds a secret."""
    words = [word.upper() for word in _WORDS.findall(name[:200])]
    if not words or name.upper() in _HARMLESS_NAMES:
        return False
    if words[-1] in _HARMLESS_ENDS or not _HARMLESS_WORDS.isdisjoint(words):
        return False
    if not _ALWAYS.isdisjoint(words) or words[-1] in _AT_END or "".join(words) in _AT_END:
        return True
    pairs = pairwise(words)
    return any(second in {"KEY", "KEYS"} and first in _KEY_OWNERS for first, second in pairs) or (
        words[-2:] == ["CONNECTION", "STRING"]
    )


def is_placeholder(value: str) -> bool:
    """Nothing to keep: empty, a word of documentation, a variable, all the same character."""
    text = value.strip().strip("\"'")
    if not text or "$" in text or len(set(text)) <= 2:  # noqa: PLR2004 - xxxx, x-x-x
        return True
    return _PLACEHOLDER.fullmatch(text[:_LONGEST]) is not None


def is_reference(value: str) -> bool:
    """A path or address where a secret is, not the secret."""
    return _REFERENCE.fullmatch(value[:_LONGEST]) is not None


def entropy_bits(value: str) -> float:
    """Of one character, by the letters' own frequencies."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def find_secrets(text: str, name: str = "") -> list[Found]:
    """Secrets in *text*, in order.

    Args:
        text: Anything: a value, a command, a file.
        name: What *text* is the whole value of, where it is one.

    """
    found = _by_form(text)
    if not found and name and is_value_of(text, name):
        found = [Found(f"value of {name}", 0, len(text), is_certain=False)]
    return sorted(found, key=lambda one: (one.start, one.end))


def _by_form(text: str) -> list[Found]:
    data = text.encode("utf-8", "surrogateescape")
    found = [
        Found(kind, *_characters(text, data, start, end), is_certain=True)
        for kind, start, end in find_credentials(data)
        if not _is_users_name(data, start, end)
    ]
    for kind, probe, form in _MORE_FORMS:
        if probe in text:
            found += [Found(kind, *match.span(), is_certain=True) for match in re.finditer(form, text)]
    return found


def _is_users_name(data: bytes, start: int, end: int) -> bool:
    """A password that says the user's name again, ``airflow:airflow@``, as databases of examples have it."""
    again = data[start:end]
    before = data[max(start - len(again) - 2, 0) : start]
    return before.endswith((b"/" + again + b":",))


def _characters(text: str, data: bytes, start: int, end: int) -> tuple[int, int]:
    if len(text) == len(data):
        return start, end
    first = len(data[:start].decode("utf-8", "surrogateescape"))
    return first, first + len(data[start:end].decode("utf-8", "surrogateescape"))


def is_value_of(value: str, name: str) -> bool:
    """Whether the value of a secret's name is one: no placeholder, no path, and random where a token."""
    if not is_secret_name(name) or is_placeholder(value) or is_reference(value) or len(value) > _LONGEST:
        return False
    words = {word.upper() for word in _WORDS.findall(name[:200])}
    if words & {"PASSWORD", "PASSWD", "PASS", "PW", "PASSPHRASE"}:
        return len(value) >= _SHORTEST_PASSWORD and " " not in value
    return is_random(value)


def is_random(value: str) -> bool:
    """Letters and digits in no order that words have, as tokens are: long enough, and of high entropy."""
    if len(value) < _SHORTEST_TOKEN or not _RANDOM.fullmatch(value):
        return False
    return all(kind.search(value) for kind in _LETTERS_AND_DIGITS) and entropy_bits(value) >= _LEAST_BITS
