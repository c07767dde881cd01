"""Model weights, told by their names and their first bytes.

Gives ``Weights``; a Git LFS pointer that stands where weights should be is one with ``is_pointer``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.context_walk import Entry

_MB: Final = 1_000_000
_SUFFIXES: Final = {
    # from what size on a name alone is enough to be looked at; each is what a framework's own documentation
    # saves models as (safetensors, llama.cpp, PyTorch and ExecuTorch, ONNX, Keras, TensorRT, NeMo, Paddle,
    # Caffe, Core ML, TorchServe, scikit-learn, NumPy, CatBoost, XGBoost, TensorFlow, Flax; November 2026)
    **dict.fromkeys((".safetensors", ".gguf", ".ggml", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".hdf5"), 0),
    **dict.fromkeys(
        (".keras", ".tflite", ".engine", ".trt", ".plan", ".nemo", ".pdparams", ".caffemodel"), 0
    ),
    **dict.fromkeys((".pt2", ".pte"), 0),
    **dict.fromkeys((".mlmodel", ".mar", ".pkl", ".pickle", ".joblib", ".npz", ".cbm", ".ubj"), 0),
    **dict.fromkeys((".pb", ".msgpack"), _MB),
    ".bin": 50 * _MB,
}
_ANY_FROM_BYTES: Final = 50 * _MB  # larger files are looked into, whatever their name
_POINTER: Final = regex(
    rb"version https://git-lfs\.github\.com/spec/v1\r?\n(?:[^\n]*\n)*?size (\d{1,18})\s*$"
)
_SAFETENSORS: Final = regex(rb".{5}\0\0\0\{\s*\"", re.DOTALL)
_PICKLE: Final = regex(rb"\x80[\x02-\x05]")
_PICKLED: Final = frozenset({".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".joblib", ".nemo", ".mar"})


class Weights(Frozen):
    """One file of a model."""

    path: str
    size_bytes: int
    format: str
    is_pickle: bool = False  # loading it runs whatever code is in it
    is_pointer: bool = False  # a Git LFS pointer: the weights are not here
    pointer_bytes: int = 0  # what the pointer stands for


def is_candidate(name: str, size_bytes: int) -> bool:
    """Whether a file's first bytes are worth reading.

    Args:
        name: Its last part, in lower case.
        size_bytes: Its size.

    """
    from_bytes = _SUFFIXES.get(_suffix(name))
    if from_bytes is None:
        return size_bytes >= _ANY_FROM_BYTES
    return size_bytes >= from_bytes or _may_be_pointer(size_bytes)


def look_into(entry: Entry, head: bytes) -> Weights | None:
    """What a candidate is, by its name and its first 512 bytes; None when it is no weights after all."""
    suffix = _suffix(entry.name.lower())
    pointer = _POINTER.match(head) if _may_be_pointer(entry.size_bytes) else None
    if pointer:
        return Weights(
            entry.path, entry.size_bytes, "pointer", is_pointer=True, pointer_bytes=int(pointer[1])
        )
    kind = _format(head, suffix)
    from_bytes = _SUFFIXES.get(suffix)
    if kind == "unknown" and (from_bytes is None or entry.size_bytes < from_bytes):
        return None
    is_pickle = kind in {"pickle", "torch zip"} or (kind == "unknown" and suffix in _PICKLED)
    return Weights(entry.path, entry.size_bytes, kind, is_pickle=is_pickle)


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:] if dot > 0 else ""


def _may_be_pointer(size_bytes: int) -> bool:
    return 0 < size_bytes <= 512  # noqa: PLR2004 - what the head of a file holds; a pointer has some 130 bytes


def _format(head: bytes, suffix: str) -> str:  # noqa: PLR0911 - one line for each format
    if head.startswith((b"GGUF", b"ggml", b"ggjt", b"ggla")):
        return "gguf"
    if _SAFETENSORS.match(head):
        return "safetensors"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"PK\x03\x04"):
        return {".npz": "numpy", ".keras": "keras"}.get(
            suffix, "torch zip" if suffix in _PICKLED else "unknown"
        )
    if _PICKLE.match(head):
        return "pickle"
    if suffix in {".onnx", ".safetensors", ".gguf", ".tflite", ".npz"} and not head:
        return suffix[1:].replace("npz", "numpy")  # not looked into: the name is all there is
    return "onnx" if suffix == ".onnx" else "unknown"
