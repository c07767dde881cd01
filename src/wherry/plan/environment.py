"""Environment variables that the locked distributions call for: writable caches, GPU access.

A container runs as a user without a home of its own making and often with a read-only root, so
every framework that writes at import or at first use is pointed at ``/tmp``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_CACHES: Final = {
    "huggingface-hub": ("HF_HOME", "/tmp/huggingface"),  # noqa: S108 - a path inside the image
    "matplotlib": ("MPLCONFIGDIR", "/tmp/matplotlib"),  # noqa: S108
    "numba": ("NUMBA_CACHE_DIR", "/tmp/numba"),  # noqa: S108
    "torch": ("TORCH_HOME", "/tmp/torch"),  # noqa: S108
    "triton": ("TRITON_CACHE_DIR", "/tmp/triton"),  # noqa: S108
    "vllm": ("VLLM_CACHE_ROOT", "/tmp/vllm"),  # noqa: S108
}
_TORCH_COMPILE: Final = ("TORCHINDUCTOR_CACHE_DIR", "/tmp/torchinductor")  # noqa: S108
_CUDA_PREFIXES: Final = ("nvidia-", "jax-cuda", "cuda-")


def brings_cuda(names: Collection[str]) -> bool:
    """Whether the wheels carry the CUDA libraries, so that the base need not."""
    return any(name.startswith(_CUDA_PREFIXES) for name in names)


def environment(names: Collection[str]) -> dict[str, str]:
    """Variables for an image that holds the distributions *names* (normalized)."""
    found = dict(value for name, value in _CACHES.items() if name in names)
    if "torch" in names:
        found.update([_TORCH_COMPILE])
    if brings_cuda(names):
        # The container toolkit mounts only what is named; VISIBLE_DEVICES is the scheduler's to say.
        found["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    return found
