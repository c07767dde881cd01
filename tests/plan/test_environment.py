"""Variables that the locked distributions call for."""

from __future__ import annotations

from wherry.plan.environment import brings_cuda, driver_floor, environment


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


def test_the_driver_floor_is_that_of_the_major_version_of_cuda() -> None:
    assert driver_floor({"torch": "2.14.1", "nvidia-cuda-runtime": "13.0.96"}) == (
        "the wheels bring CUDA 13: its machine needs NVIDIA driver 580 or later"
    )
    assert "driver 525" in str(driver_floor({"nvidia-cuda-runtime-cu12": "12.9.1"}))


def test_wheels_without_cuda_need_no_driver() -> None:
    assert driver_floor({"numpy": "2.0"}) is None
    assert driver_floor({"nvidia-cuda-runtime": "99.0"}) is None
