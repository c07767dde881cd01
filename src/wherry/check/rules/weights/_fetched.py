"""Models and data that a RUN fetches: by a command, by Python code in it, or by a script it starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.downloads import WEIGHT_SUFFIXES
from wherry.check.facts.python_code import downloads_of
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.downloads import Download
    from wherry.check.facts.runs import RunFacts
    from wherry.dockerfile.source import Span

_DATA: Final = frozenset({"dataset", "kaggle"})
_STORES: Final = frozenset({"s3", "gcs", "azure", "gdrive", "dvc", "ssh", "oci", "wandb", "http"})
_MODEL_WORDS: Final = regex(r"(?i)(?:^|[^a-z])(?:models?|weights|checkpoints?|ckpts?)(?:$|[^a-z])")
_DATA_WORDS: Final = regex(r"(?i)(?:^|[^a-z])(?:datasets?|train\d*|images|labels|annotations)(?:$|[^a-z])")
_ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".parquet", ".csv", ".tar.zst", ".h5ad", ".tfrecord")
_SMALL: Final = regex(r"Tokenizer|Config|Processor|FeatureExtractor|get_encoding|nltk|tiktoken")
_SMALL_SPACY: Final = regex(r"_(?:sm|md)$")
_COMMIT: Final = regex(r"[0-9a-f]{40}")
_HUBS: Final = frozenset({"huggingface", "git-lfs", "modelscope", "torch"})
_CACHES: Final = {
    # where libraries keep what they fetch, below the home
    "huggingface": ".cache/huggingface",
    "torch": ".cache/torch",
    "modelscope": ".cache/modelscope",
    "ollama": ".ollama",
}


class Fetched(Frozen):
    """One thing that is fetched.

    Attributes:
        kind: As of a `Download`.
        source: The model, the URL, the bucket; empty where it is not told.
        revision: What is asked for; empty for whatever is newest.
        span: Of the Dockerfile.
        destination: Where it is put; empty where that is not told.
        is_data: A dataset, not a model.
        is_small: A tokenizer, a configuration, a small language model: some megabytes.
        runs_code: ``trust_remote_code``: code of the repository is run.
        script: The file that does it; empty where the Dockerfile does.

    """

    kind: str
    source: str
    revision: str
    span: Span
    destination: str = ""
    is_data: bool = False
    is_small: bool = False
    runs_code: bool = False
    script: str = ""

    @property
    def name(self) -> str:
        """As one would call it."""
        if self.kind == "git-lfs" and not self.source:
            return "what Git LFS holds"
        if self.kind == "gdrive" and self.destination:
            return self.destination.rpartition("/")[2]
        plain = re.split(r"[?#]", self.source)[0].rstrip("/")
        named = plain.rpartition("/")[2] if "://" in plain and self.kind != "huggingface" else plain
        what = "data" if self.is_data else "a model"
        return named or (f"{what} by {self.script}" if self.script else what)

    @property
    def is_from_hub(self) -> bool:
        """It comes from a hub, where a name means what is newest."""
        return self.kind in _HUBS

    @property
    def is_pinned(self) -> bool:
        """A whole commit is named."""
        return _COMMIT.fullmatch(self.revision) is not None


def fetched_by(run: RunFacts) -> list[Fetched]:
    """The models and data that a RUN fetches and that stay in its layer."""
    found = [*_by_commands(run), *_by_code(run), *_by_scripts(run)]
    return [one for one in found if not _is_cached(run, one)]


def is_loose(fetched: Fetched) -> bool:
    """It comes from a hub, and no commit of it is named."""
    if not fetched.is_from_hub or fetched.is_pinned or not fetched.source:
        return False
    return "$" not in fetched.revision and (fetched.runs_code or not fetched.is_small)


def fetched_by_add(copy: CopyFacts) -> list[Fetched]:
    """The models that an ADD fetches."""
    return [
        Fetched("http", url, "", copy.span, copy.target_of(url))
        for url in copy.urls
        if url.partition("?")[0].lower().endswith(WEIGHT_SUFFIXES)
    ]


def _by_commands(run: RunFacts) -> Iterator[Fetched]:
    for download in run.downloads:
        if download.in_python:
            continue
        is_data = _is_data(download)
        if is_data or _is_model(download):
            source = download.source if download.is_known else ""
            if _is_removed(run, download):
                continue
            is_small = download.kind == "nltk" or (
                download.kind == "spacy" and bool(_SMALL_SPACY.search(source))
            )
            yield Fetched(
                download.kind,
                source,
                download.revision,
                download.span,
                download.destination,
                is_data=is_data,
                is_small=is_small,
            )


def _is_model(download: Download) -> bool:
    if download.is_weights or download.destination.lower().endswith(WEIGHT_SUFFIXES):
        return True
    return (
        download.kind in _STORES - {"http"}
        and not _path(download).endswith(_ARCHIVES)
        and bool(_MODEL_WORDS.search(_path(download)))
    )


def _is_data(download: Download) -> bool:
    if download.kind in _DATA:
        return True
    path = _path(download)
    return (
        download.kind in _STORES
        and not path.lower().endswith(WEIGHT_SUFFIXES)
        and bool(_DATA_WORDS.search(path))
        and (download.kind != "http" or path.lower().endswith(_ARCHIVES))
    )


def _path(download: Download) -> str:
    return re.split(r"[?#]", download.source.partition("://")[2] or download.source)[0]


def _is_removed(run: RunFacts, download: Download) -> bool:
    """What is fetched is deleted again by the same RUN."""
    return bool(download.destination) and run.removes(
        download.destination, after=download.call.command.span.end
    )


def _by_code(run: RunFacts) -> Iterator[Fetched]:
    for code in run.python:
        for call in code.calls:
            for kind, source, revision in downloads_of((call,)):
                if kind == "http" and not source.lower().endswith(WEIGHT_SUFFIXES):
                    continue
                yield Fetched(
                    kind,
                    source,
                    revision,
                    code.span,
                    is_data=kind in _DATA,
                    is_small=bool(_SMALL.search(call.name)) or kind == "nltk",
                    runs_code=call.keywords.get("trust_remote_code") is True or kind == "torch",
                )


def _by_scripts(run: RunFacts) -> Iterator[Fetched]:
    for call, script in run.scripts:
        for one in script.downloads:
            if one.kind == "http" and not one.source.lower().endswith(WEIGHT_SUFFIXES):
                continue
            yield Fetched(
                one.kind,
                one.source,
                one.revision,
                call.command.span,
                is_data=one.kind in _DATA,
                is_small=bool(_SMALL.search(one.text.value)) or one.kind == "nltk",
                runs_code="trust_remote_code=True" in one.text.value,
                script=script.path,
            )


def _is_cached(run: RunFacts, fetched: Fetched) -> bool:
    """It lands in a cache mount, which is no part of the image."""
    place = _CACHES.get(fetched.kind)
    return place is not None and run.mount("cache", f"{run.home.rstrip('/')}/{place}") is not None
