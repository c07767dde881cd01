"""Variables that the locked distributions call for."""

from __future__ import annotations

from wherry.plan.environment import brings_cuda, environment


def test_a_service_without_frameworks_needs_no_variables() -> None:
    assert environment(["starlette", "uvicorn"]) == {}


def test_caches_of_the_locked_frameworks_are_writable_for_any_user() -> None:
    found = environment(["torch", "huggingface-hub", "triton"])
    assert found["HF_HOME"].startswith("/tmp/")
    assert set(found) == {"HF_HOME", "TORCH_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"}


def test_wheels_that_bring_cuda_ask_for_the_driver_but_never_for_devices() -> None:
    found = environment(["torch", "nvidia-cudnn-cu13"])
    assert found["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert "NVIDIA_VISIBLE_DEVICES" not in found
    assert not brings_cuda(["torch", "numpy"])
