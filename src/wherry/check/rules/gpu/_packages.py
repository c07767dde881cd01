"""What installs ask for, and what is known of those packages and compilers, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.installs import Install

BUILT_WITH_NVCC: Final = frozenset(
    # pip compiles these against CUDA: the index has a source distribution alone, or a CPU build
    {
        "apex",
        "auto-gptq",
        "autoawq",
        "autoawq-kernels",
        "causal-conv1d",
        "detectron2",
        "diff-gaussian-rasterization",
        "flash-attn",
        "grouped-gemm",
        "kaolin",
        "llama-cpp-python",
        "mamba-ssm",
        "minkowskiengine",
        "mmcv",
        "mmcv-full",
        "natten",
        "nvdiffrast",
        "pytorch3d",
        "simple-knn",
        "tinycudann",
        "torch-cluster",
        "torch-scatter",
        "torch-sparse",
        "torch-spline-conv",
        "transformer-engine",
    }
)

COMPILES_AT_RUN_TIME: Final = frozenset(
    # these call nvcc, or a C++ compiler with CUDA's headers, when they are used
    {"deepspeed", "pycuda", "flashinfer-python", "gsplat", "nerfacc", "tilelang", "exllamav2"}
)

NEEDS_TORCH: Final = frozenset(
    # these require torch, so that pip fetches it where nothing else asks for it
    {
        "accelerate",
        "bertopic",
        "easyocr",
        "fastai",
        "flair",
        "kornia",
        "lightning",
        "openai-whisper",
        "open-clip-torch",
        "peft",
        "pyannote-audio",
        "pytorch-lightning",
        "sentence-transformers",
        "spacy-transformers",
        "stable-baselines3",
        "stanza",
        "timm",
        "torchmetrics",
        "trl",
        "ultralytics",
    }
)

_WHEELS: Final = (
    # releases of these come as wheels for 64-bit x86 Linux, or are pure Python, and compile nothing later
    "accelerate aiofiles aiohttp albumentations altair anthropic anyio asyncpg av beautifulsoup4 black "
    "boto3 botocore bottleneck catboost certifi cffi chainlit charset-normalizer chromadb click "
    "cloudpickle colorama contourpy cryptography cycler cython datasets decord diffusers dill docker "
    "duckdb einops evaluate faiss-cpu fastapi fastparquet filelock flask flax fonttools fsspec ftfy "
    "gdown google-cloud-storage gradio grpcio gunicorn h5py hf-transfer hf-xet httpx huggingface-hub "
    "hydra-core idna imageio imgaug importlib-metadata ipykernel ipython jinja2 jiwer joblib jsonlines "
    "jsonschema jupyter jupyterlab kaggle keras kornia langchain langchain-community librosa lightgbm "
    "lightning lightning-utilities loguru lxml markdown matplotlib ml-collections mlflow mlxtend monai "
    "more-itertools msgpack multidict neptune nltk ninja notebook numba numpy nvidia-ml-py omegaconf "
    "onnx onnxruntime onnxruntime-gpu openai opencv-contrib-python opencv-contrib-python-headless "
    "opencv-python opencv-python-headless optax optuna orjson packaging pandas peft pillow pip plotly "
    "polars prometheus-client protobuf psutil psycopg2-binary pyarrow pycryptodome pydantic "
    "pydantic-settings pygments pymongo pynvml pytest python-dateutil python-dotenv python-multipart "
    "pytorch-lightning pytz pyyaml qdrant-client ray redis regex requests rich s3fs safetensors "
    "scikit-image scikit-learn scipy seaborn sentence-transformers sentencepiece sentry-sdk setuptools "
    "shap six sortedcontainers soundfile spacy sqlalchemy starlette statsmodels streamlit supervision "
    "sympy tensorboard tensorboardx tenacity termcolor tiktoken timm tokenizers toml torch torchaudio "
    "torchinfo torchmetrics torchvision tornado tqdm transformers trl typer typing-extensions "
    "ultralytics umap-learn urllib3 uv uvicorn wandb websockets werkzeug wheel xgboost xxhash yarl zarr "
)
COMES_AS_WHEELS: Final = frozenset(_WHEELS.split())


class Asked(Frozen):
    """One package that an install asks for.

    Attributes:
        name: Normalised; empty where it is not told.
        is_wheel: It is known to come as a wheel.
        is_source: It is known to come as source: from git.

    """

    name: str
    is_wheel: bool = False
    is_source: bool = False


def asked_of(install: Install) -> Iterator[Asked]:
    """The packages of a Python install: of its command line, its files, and its lock or its project.

    Of conda's those that it leaves to pip: its own are compiled already.
    """
    inputs = install.inputs
    if install.is_conda:
        listed = (entry for environment in inputs.environments for entry in environment.pip)
        yield from (Asked(one.name, _is_wheel(one.url), one.git is not None) for one in listed)
        return
    for package in install.packages:
        is_wheel = _is_wheel(package.url) or install.has("--only-binary")
        yield Asked(package.name, is_wheel, package.is_git)
    for file in inputs.files:
        for entry in file.all_entries:
            yield Asked(entry.name, _is_wheel(entry.url), entry.git is not None)
    if inputs.lock:
        base = install.run.stage.base
        python = base.python or base.distro_python
        for locked in inputs.lock.packages:
            if not locked.local:
                has_wheel = python is not None and locked.has_wheel_for(python) is True
                yield Asked(locked.name, has_wheel, locked.git is not None)
    elif inputs.pyproject:
        yield from (Asked(one.name, is_source=one.git is not None) for one in inputs.pyproject.dependencies)


def _is_wheel(url: str) -> bool:
    return url.partition("#")[0].endswith(".whl")
