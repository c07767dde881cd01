"""Wheels measured one by one: what a single distribution weighs, without what it requires.

``wheel_of(name)`` is the wheel itself; ``with_requirements(name)`` is a development tool or library with all
it requires, on an otherwise empty environment. Measured in November 2026 from the wheels on PyPI for CPython
3.11 on 64-bit x86 Linux: the file's size, and the sum of what its archive holds. `sizes` has the GPU stacks.
"""

from __future__ import annotations

from typing import Final

from wherry.check.sizes import MB, Closure

_WHEELS: Final = {
    # version, megabytes of the wheel, megabytes unpacked
    "av": ("18.1.0", 35.8, 106.1),
    "bitsandbytes": ("0.50.2", 43.1, 129.2),
    "black": ("26.10.1", 2.0, 6.0),
    "bokeh": ("3.9.2", 6.4, 25.0),
    "botocore": ("1.44.5", 16.6, 21.1),
    "catboost": ("1.2.10", 97.2, 287.7),
    "ctranslate2": ("4.8.5", 42.6, 151.3),
    "cupy-cuda12x": ("14.2.0", 136.6, 293.3),
    "duckdb": ("2.0.0", 24.4, 68.7),
    "faiss-cpu": ("1.15.1", 18.8, 66.2),
    "gradio": ("6.31.0", 31.4, 76.4),
    "jaxlib": ("0.10.2", 85.4, 357.3),
    "jupyterlab": ("4.6.6", 17.3, 42.0),
    "lightgbm": ("4.7.0", 3.5, 9.7),
    "llvmlite": ("0.50.0", 59.7, 179.3),
    "matplotlib": ("3.11.2", 9.9, 25.0),
    "mlflow": ("3.18.0", 12.6, 48.1),
    "mypy": ("2.4.1", 15.4, 50.6),
    "notebook": ("7.6.5", 5.6, 17.2),
    "numba": ("0.68.1", 3.8, 15.6),
    "numpy": ("2.4.6", 16.9, 57.4),
    "nvidia-cublas-cu12": ("12.9.3.13", 581.2, 855.7),
    "nvidia-cudnn-cu12": ("9.28.0.42", 716.5, 1163.6),
    "nvidia-nccl-cu12": ("2.32.3", 351.5, 490.6),
    "onnxruntime": ("1.31.1", 23.8, 64.5),
    "onnxruntime-gpu": ("1.31.1", 255.6, 349.7),
    "opencv-contrib-python": ("5.0.0.93", 82.1, 215.2),
    "opencv-contrib-python-headless": ("5.0.0.93", 69.5, 178.6),
    "opencv-python": ("5.0.0.93", 73.8, 196.0),
    "opencv-python-headless": ("5.0.0.93", 61.2, 159.5),
    "pandas": ("3.1.1", 12.4, 43.7),
    "pip": ("26.3", 2.0, 6.2),
    "playwright": ("1.65.2", 53.5, 167.7),
    "plotly": ("7.1.0", 9.7, 40.4),
    "polars-runtime-32": ("2.1.0", 53.9, 178.1),
    "pyarrow": ("26.0.1", 55.0, 171.3),
    "pymupdf": ("2.0", 68.9, 115.5),
    "ray": ("2.60.0", 79.3, 202.3),
    "ruff": ("0.17.5", 10.6, 25.0),
    "scikit-learn": ("1.9.1", 9.3, 31.5),
    "scipy": ("1.17.1", 35.3, 114.3),
    "spacy": ("3.8.18", 34.7, 119.9),
    "streamlit": ("1.67.0", 11.2, 32.0),
    "sympy": ("1.14.0", 6.3, 26.8),
    "tensorflow": ("2.21.0", 572.4, 1872.4),
    "tensorflow-cpu": ("2.21.0", 273.8, 1272.0),
    "tokenizers": ("0.23.3", 3.4, 11.7),
    "torch": ("2.15.0", 539.1, 1144.5),
    "torchaudio": ("2.11.0", 1.8, 8.7),
    "torchvision": ("0.29.2", 7.6, 20.0),
    "transformers": ("5.23.0", 13.3, 53.2),
    "triton": ("3.9.0", 285.8, 1042.7),
    "vllm": ("0.33.0", 336.4, 837.4),
    "wandb": ("0.31.0", 20.3, 55.9),
    "xformers": ("0.0.35", 3.3, 12.5),
    "xgboost": ("3.2.0", 131.7, 237.9),
    "xgboost-cpu": ("3.2.0", 5.6, 18.2),
}

_WITH_REQUIREMENTS: Final = {
    # distributions, megabytes of the wheels, megabytes unpacked
    "black": (7, 2.6, 8.1),
    "gradio": (52, 82.9, 245.5),
    "ipython": (17, 8.1, 26.3),
    "jupyterlab": (91, 46.8, 139.9),
    "mlflow": (87, 190.6, 638.7),
    "mypy": (6, 17.4, 55.7),
    "notebook": (92, 52.4, 157.1),
    "pandas": (4, 29.7, 101.9),
    "pre-commit": (11, 7.8, 14.6),
    "pytest": (5, 1.8, 6.7),
    "ruff": (1, 10.6, 25.0),
    "scikit-learn": (7, 62.4, 206.3),
    "spacy": (44, 80.5, 267.8),
    "streamlit": (34, 118.4, 390.3),
    "tensorboard": (13, 45.3, 131.8),
    "transformers": (31, 46.8, 163.8),
}


class Wheel(Closure):
    """One wheel alone."""

    @property
    def source(self) -> str:
        """What the figures rest on, in words."""
        return f"the wheel of {self.name} {self.version}"


class WithRequirements(Closure):
    """A distribution and all it requires; the version is the month's newest."""

    @property
    def source(self) -> str:
        """What the figures rest on, in words."""
        return f"wheels of {self.name} and all it requires, {self.version}"


def wheel_of(name: str) -> Closure | None:
    """The wheel of a distribution; None for one that was not measured.

    Args:
        name: Normalised.

    """
    measured = _WHEELS.get(name)
    if measured is None:
        return None
    version, wheel_mb, unpacked_mb = measured
    return Wheel(name, version, round(wheel_mb * MB), round(unpacked_mb * MB))


def with_requirements(name: str) -> Closure | None:
    """A distribution with all it requires; None for one that was not measured.

    Args:
        name: Normalised.

    """
    measured = _WITH_REQUIREMENTS.get(name)
    if measured is None:
        return None
    count, wheels_mb, unpacked_mb = measured
    version = f"{count} in November 2026"
    return WithRequirements(name, version, round(wheels_mb * MB), round(unpacked_mb * MB))
