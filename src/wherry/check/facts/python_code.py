"""Python code in a RUN: `python -c`, `python <<EOF`, a heredoc with a Python shebang; or a script it starts.

The code is read with `ast` and never run. Given are the downloads that well-known libraries make
(`PythonCode.downloads`) and questions about the GPU (`PythonCode.gpu_queries`).
"""

from __future__ import annotations

import ast
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.downloads import Download
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.calls import Call
    from wherry.dockerfile.source import Span

MAX_CODE_BYTES: Final = 1 << 20
_MAX_NESTING: Final = 200

_HUB: Final = frozenset(
    {"snapshot_download", "hf_hub_download", "from_pretrained", "SentenceTransformer", "CrossEncoder"}
)
_CLASSES: Final = {
    "pipeline": "huggingface",
    "load_dataset": "dataset",
    "WhisperModel": "huggingface",
    "create_model": "weights",
    "Reader": "weights",
    "YOLO": "weights",
    "TextEmbedding": "weights",
    "get_encoding": "weights",
    "urlretrieve": "http",
    "download_url_to_file": "http",
    "load_state_dict_from_url": "torch",
    "download_and_extract_archive": "http",
    "cached_path": "http",
}
_DOTTED: Final = {
    "torch.hub.load": "torch",
    "hub.load": "torch",
    "nltk.download": "nltk",
    "spacy.cli.download": "spacy",
    "stanza.download": "weights",
    "whisper.load_model": "weights",
    "gdown.download": "gdrive",
    "gdown.download_folder": "gdrive",
    "kagglehub.model_download": "kaggle",
    "kagglehub.dataset_download": "kaggle",
    "tfds.load": "dataset",
    "requests.get": "http",
    "httpx.get": "http",
    "httpx.stream": "http",
    "wget.download": "http",
    "open_clip.create_model_and_transforms": "weights",
    "open_clip.create_model": "weights",
    "clip.load": "weights",
    "easyocr.Reader": "weights",
    "timm.create_model": "weights",
    "ollama.pull": "ollama",
    "insightface.app.FaceAnalysis": "weights",
}
_NEEDS_OWNER: Final = frozenset({"create_model", "Reader"})
_GPU: Final = frozenset(
    {
        "torch.cuda.is_available",
        "torch.cuda.device_count",
        "torch.cuda.get_device_name",
        "torch.cuda.get_device_capability",
        "torch.cuda.get_device_properties",
        "torch.cuda.current_device",
        "tf.config.list_physical_devices",
        "tensorflow.config.list_physical_devices",
        "tf.test.is_gpu_available",
        "jax.devices",
        "cupy.cuda.runtime.getDeviceCount",
        "pynvml.nvmlInit",
    }
)


class CodeCall(Frozen):
    """One call in Python code: the dotted name, and the texts of its arguments that are literal."""

    name: str
    positional: tuple[str | None, ...]
    keywords: dict[str, str | bool | None]
    line: int


class PythonCode:
    """Python code that a RUN executes.

    Attributes:
        text: The code.
        call: The command that runs it.
        span: Where it stands: the argument of ``-c``, or the body of the heredoc.

    """

    def __init__(self, text: str, call: Call, span: Span) -> None:
        self.text = text
        self.call = call
        self.span = span

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree; None where it is no Python, or too long or deep to be looked at."""
        return parse_code(self.text)

    @cached_property
    def calls(self) -> tuple[CodeCall, ...]:
        """Every call of a dotted name, in the order of `ast.walk`."""
        return tuple(code_calls(self.tree)) if self.tree else ()

    @cached_property
    def downloads(self) -> tuple[Download, ...]:
        """What its calls fetch."""
        return tuple(
            Download(kind, source, self.call, self.span, bool(source), revision=revision, in_python=True)
            for kind, source, revision in downloads_of(self.calls)
        )

    @cached_property
    def gpu_queries(self) -> tuple[str, ...]:
        """Dotted names of calls that ask for a GPU, which no build has."""
        return tuple(call.name for call in self.calls if call.name in _GPU)

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """Top-level names of what it imports."""
        found: dict[str, None] = {}
        for node in ast.walk(self.tree) if self.tree else ():
            if isinstance(node, ast.Import):
                found.update(dict.fromkeys(alias.name.partition(".")[0] for alias in node.names))
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found[node.module.partition(".")[0]] = None
        return tuple(found)


def parse_code(text: str) -> ast.Module | None:
    """The syntax tree of *text*; None where it is no Python, or beyond measure."""
    if len(text) > MAX_CODE_BYTES or _nests_deeply(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their invalid escapes are not ours to tell
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _nests_deeply(text: str) -> bool:
    """Brackets beyond any code's: the parser would give up, and on some versions crash."""
    depth = 0
    for letter in text:
        if letter in "([{":
            depth += 1
            if depth > _MAX_NESTING:
                return True
        elif letter in ")]}":
            depth -= 1
    return False


def code_calls(tree: ast.Module) -> Iterator[CodeCall]:
    """Every call of a dotted name in *tree*, imports of one name resolved: ``from torch import hub``."""
    origins = _origins(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func)
        if name:
            first, dot, rest = name.partition(".")
            yield CodeCall(
                f"{origins.get(first, first)}{dot}{rest}",
                tuple(_literal(argument) for argument in node.args),
                {keyword.arg: _keyword(keyword.value) for keyword in node.keywords if keyword.arg},
                node.lineno,
            )


def downloads_of(calls: tuple[CodeCall, ...]) -> Iterator[tuple[str, str, str]]:
    """Kind, source and revision of what *calls* fetch; an empty source is one that is not literal."""
    for call in calls:
        last = call.name.rpartition(".")[2]
        kind = _DOTTED.get(call.name) or ("huggingface" if last in _HUB else None)
        if kind is None and (last not in _NEEDS_OWNER):
            kind = _CLASSES.get(last)
        if kind is None or call.keywords.get("local_files_only") is True:
            continue
        source = _source(call)
        if source is not None and source.startswith(("/", "./", "../")):
            continue  # a path, not a name on a hub
        yield kind, source or "", str(call.keywords.get("revision") or "")


def _source(call: CodeCall) -> str | None:
    names = ("repo_id", "pretrained_model_name_or_path", "model_name_or_path", "model", "path", "url", "id")
    for name in names:
        if isinstance(found := call.keywords.get(name), str):
            return found
    if call.name.rpartition(".")[2] == "pipeline":
        return call.positional[1] if len(call.positional) > 1 else None
    return call.positional[0] if call.positional else None


def _origins(tree: ast.Module) -> dict[str, str]:
    """What names stand for: ``hub`` for ``torch.hub``, ``t`` for ``torch``."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
    return found


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    elif not parts:
        return ""
    return ".".join(reversed(parts))


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _keyword(node: ast.expr) -> str | bool | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bool):
        return node.value
    return None
