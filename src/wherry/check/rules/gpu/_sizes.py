"""What CUDA weighs in images, as others have published it or as its wheels were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Basis, Cost
from wherry.check.sizes import MB

if TYPE_CHECKING:
    from wherry.check.facts.bases import BaseFacts

_DEVEL: Final = {
    "cuda": Cost(
        2870 * MB,
        basis=Basis.TABLE,
        source="nvidia/cuda 12.9.1 on ubi9: devel 4.17 GB, runtime 1.3 GB (llm-d pull request 606)",
    ),
    "pytorch": Cost(
        5010 * MB,
        basis=Basis.TABLE,
        source="pytorch/pytorch, compressed: devel 8.25 GB, runtime 3.24 GB (pytorch issue 116696)",
    ),
}
_LIBRARIES_MB: Final = 2010
_CUDNN_MB: Final = 490


def devel_over_runtime(base: BaseFacts) -> Cost:
    """What the devel flavour has that runtime has not."""
    return _DEVEL.get(base.family, Cost())


def libraries_of(base: BaseFacts) -> Cost:
    """The libraries of a runtime base that wheels bring too: cuBLAS and its like, cuDNN where it is there."""
    names = "cuBLAS, cuFFT, cuRAND, cuSOLVER, cuSPARSE, NVRTC, nvJitLink and NCCL"
    size_mb = _LIBRARIES_MB
    if base.has_cudnn:
        names, size_mb = names.replace(" and NCCL", ", NCCL and cuDNN"), size_mb + _CUDNN_MB
    return Cost(size_mb * MB, basis=Basis.TABLE, source=f"{names} of CUDA 13.0, unpacked from their wheels")


def one_generation() -> Cost:
    """The libraries of one CUDA as wheels bring them."""
    size_mb = _LIBRARIES_MB + _CUDNN_MB
    return Cost(
        size_mb * MB,
        basis=Basis.TABLE,
        source="the libraries of CUDA 13.0 and cuDNN, unpacked from their wheels",
    )
