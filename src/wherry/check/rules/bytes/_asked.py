"""What an install asks for by name: on its command line, in the files it reads, in the lock it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Edit, Place
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.installs import Install
    from wherry.dockerfile.source import Source

_OWN_WHEELS: Final = "the project's own wheels for each torch and CUDA"
_ONCE: Final = "a wheel built once in a stage of its own"

COMPILED: Final = {
    # distributions whose newest releases have no wheel for Linux on PyPI (asked for CPython 3.11 and 3.12 in
    # November 2026), and what there is instead
    **dict.fromkeys(("flash-attn", "causal-conv1d", "mamba-ssm", "gptqmodel", "natten"), _OWN_WHEELS),
    **dict.fromkeys(("torch-scatter", "torch-sparse", "torch-cluster", "torch-spline-conv"), _OWN_WHEELS),
    "mmcv": f"{_OWN_WHEELS}, or mmcv-lite",
    "mmcv-full": f"{_OWN_WHEELS}, or mmcv-lite",
    "llama-cpp-python": "the project's own wheels",
    "horovod": "the project's own images",
    "psycopg2": "psycopg2-binary",
    **dict.fromkeys(("dlib", "grouped-gemm", "mysqlclient", "pyaudio", "pycuda"), _ONCE),
}
FOR_MINUTES: Final = frozenset(COMPILED) - {"mysqlclient", "psycopg2", "pyaudio"}
NOT_FOR_MUSL: Final = frozenset(
    # their newest releases have wheels for glibc alone (as above); jax needs jaxlib, which has not
    {
        *("catboost", "ctranslate2", "jax", "jaxlib", "lightgbm", "llvmlite", "numba", "onnxruntime"),
        *("opencv-python", "opencv-python-headless", "scikit-learn", "sentencepiece", "tensorflow", "torch"),
        *("vllm", "xgboost"),
    }
)
"""Distributions with wheels for glibc alone."""


class Asked(Frozen):
    """One distribution that is asked for by name.

    Attributes:
        name: Normalised.
        specifier: As written.
        extras: Normalised.
        source: The file that says so.
        span: Where the name stands, with all that belongs to it.
        is_local: It comes from a file, an archive or a repository, and no index is asked.

    """

    name: str
    specifier: str
    extras: tuple[str, ...]
    source: Source
    span: Span
    is_local: bool = False

    @property
    def place(self) -> Place:
        """For a finding."""
        return Place.of(self.source, self.span)

    def renamed(self, name: str) -> Edit | None:
        """The edit that writes *name* in its place; None where the file spells it in another way."""
        text = self.source.text(self.span)
        at = text.lower().find(self.name)
        if at < 0 or not text.isascii():
            return None
        start = self.span.start + at
        return Edit(self.source.name, Span(start, start + len(self.name)), name)


def asked_by(install: Install) -> Iterator[Asked]:
    """Everything it names, itself or in requirements files; not what a lock adds."""
    file = install.run.stage.facts.file
    for package in install.packages:
        if package.name and package.is_known:
            yield Asked(
                package.name, package.specifier, package.extras, file, package.word.span, bool(package.url)
            )
    for listed in install.inputs.files:
        for entry in listed.all_entries:
            if entry.name:
                is_local = bool(entry.url or entry.path or entry.git)
                yield Asked(
                    entry.name, entry.specifier, entry.extras, entry.text.source, entry.text.span, is_local
                )
    if install.inputs.pyproject:
        for entry in install.inputs.pyproject.dependencies:
            yield Asked(entry.name, entry.specifier, entry.extras, entry.text.source, entry.text.span)
