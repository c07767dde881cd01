"""What installs ask for, and what is known of those packages and compilers, by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.requirement import normalised
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.installs import Install

# What is said of each name was asked of PyPI in November 2026, for CPython 3.11 and 3.12 on 64-bit x86 Linux;
# what is not on PyPI was looked up in its own repository.

_SOURCE_ALONE: Final = frozenset(
    # on PyPI without a wheel: pip compiles CUDA extensions of them
    {
        "causal-conv1d",
        "flash-attn",
        "gptqmodel",
        "grouped-gemm",
        "llama-cpp-python",
        "mamba-ssm",
        "minkowskiengine",
        "mmcv",
        "mmcv-full",
        "natten",
        "torch-cluster",
        "torch-scatter",
        "torch-sparse",
        "torch-spline-conv",
        "transformer-engine",  # of itself a wheel; its extras bring transformer-engine-torch and -jax
        "transformer-engine-jax",
        "transformer-engine-torch",
    }
)
_REPOSITORIES: Final = frozenset(
    # installed from a clone: on PyPI the name is another project's, an old release's, or no one's
    {
        "apex",
        "detectron2",
        "diff-gaussian-rasterization",
        "kaolin",
        "nvdiffrast",
        "pytorch3d",
        "simple-knn",
        "tiny-cuda-nn",
        "tinycudann",
    }
)
BUILT_WITH_NVCC: Final = _SOURCE_ALONE | _REPOSITORIES
"""What an install compiles against CUDA."""

COMPILES_AT_RUN_TIME: Final = frozenset(
    # installed without kernels: by their own documentation they call nvcc, or a C++ compiler with CUDA's
    # headers, when they are used
    {"deepspeed", "exllamav2", "flashinfer-python", "gsplat", "nerfacc", "pycuda", "tilelang"}
)

NEEDS_TORCH: Final = frozenset(
    # these require torch, themselves or through another, so that pip fetches it where nothing else asks for
    # it: from the locks that uv makes of them
    {
        *("accelerate", "bertopic", "botorch", "compel", "controlnet-aux", "demucs", "easyocr", "encodec"),
        *("facenet-pytorch", "fastai", "flagembedding", "flair", "gliner", "gpytorch", "keybert", "kornia"),
        *("lightning", "lightning-fabric", "llama-index-embeddings-huggingface", "lpips", "marker-pdf"),
        *("monai", "neuralforecast", "open-clip-torch", "openai-whisper", "optimum", "peft", "piq"),
        *("pyannote-audio", "pytorch-lightning", "pytorch-metric-learning", "rfdetr", "setfit"),
        *("segmentation-models-pytorch", "sentence-transformers", "spacy-transformers", "speechbrain"),
        *("stable-baselines3", "stanza", "surya-ocr", "timm", "torchdiffeq", "torchmetrics", "torchsde"),
        *("trl", "ultralytics", "whisperx"),
    }
)

# The newest releases of these come as wheels, and compile nothing later.
_WHEELS: Final = (
    "accelerate aiofiles aiohttp aiosqlite albumentations alembic altair annotated-types anthropic "
    "anyio asyncpg attrs av azure-storage-blob bcrypt beautifulsoup4 black boto3 botocore bottleneck "
    "cachetools catboost celery certifi cffi chainlit charset-normalizer chromadb click cloudpickle "
    "colorama contourpy cryptography ctranslate2 cycler cython datasets decord diffusers dill docker "
    "duckdb einops einx elasticsearch evaluate faiss-cpu fastapi faster-whisper fastparquet filelock "
    "fire flask flax fonttools fsspec ftfy gdown google-auth google-cloud-storage google-genai "
    "gradio grpcio gunicorn h5py hf-transfer hf-xet httpx huggingface-hub hydra-core idna imageio "
    "imgaug importlib-metadata instructor ipykernel ipython ipywidgets jinja2 jiwer joblib jsonlines "
    "jsonschema jupyter jupyterlab kaggle keras kornia lancedb langchain langchain-community "
    "langchain-core langchain-huggingface langchain-openai langgraph langsmith librosa lightgbm "
    "lightning lightning-utilities litellm llama-index-core loguru lxml markdown markupsafe "
    "matplotlib mcp ml-collections mlflow mlxtend monai more-itertools mpmath msgpack multidict "
    "nbconvert neptune networkx ninja nltk notebook numba numpy nvidia-ml-py omegaconf onnx "
    "onnxruntime onnxruntime-gpu openai opencv-contrib-python opencv-contrib-python-headless "
    "opencv-python opencv-python-headless openpyxl opentelemetry-api opentelemetry-sdk optax optuna "
    "orjson packaging pandas passlib peft pgvector pillow pip plotly polars polars-runtime-32 "
    "prometheus-client protobuf psutil psycopg psycopg-binary psycopg2-binary pyarrow pycryptodome "
    "pydantic pydantic-core pydantic-settings pygments pyjwt pymilvus pymongo pymupdf pynvml pypdf "
    "pytest python-dateutil python-docx python-dotenv python-json-logger python-multipart "
    "pytorch-lightning pytz pyyaml qdrant-client rapidfuzz ray redis regex requests rich s3fs "
    "sacrebleu safetensors scikit-image scikit-learn scipy seaborn sentence-transformers "
    "sentencepiece sentry-sdk setuptools shap six sortedcontainers soundfile spacy sqlalchemy "
    "sse-starlette starlette statsmodels streamlit structlog supervision sympy tenacity tensorboard "
    "tensorboardx tensorflow-cpu termcolor tf-keras tiktoken timm tokenizers toml torch "
    "torch-geometric torchaudio torchinfo torchmetrics torchvision tornado tqdm transformers "
    "tritonclient trl typer typing-extensions ultralytics umap-learn urllib3 uv uvicorn wandb "
    "weaviate-client websocket-client websockets werkzeug wheel xgboost xxhash yarl zarr "
)
COMES_AS_WHEELS: Final = frozenset(_WHEELS.split())

_WHEEL_LISTS: Final = regex(
    r"/cu\d{2,3}/torch\d|/torch-\d[\w.]*(?:\+|%2B)cu\d|llama-cpp-python/whl/|flashinfer\.ai/whl"
)


class Asked(Frozen):
    """One package that an install asks for.

    Attributes:
        name: Normalised; empty where it is not told.
        is_wheel: It is known to come as a wheel.
        is_source: It is known to come as source: from git.
        is_listed: Where it is looked for there are wheels of it, by CUDA and torch: maybe one that fits.

    """

    name: str
    is_wheel: bool = False
    is_source: bool = False
    is_listed: bool = False


def asked_of(install: Install) -> Iterator[Asked]:
    """The packages of a Python install: of its command line, its files, and its lock or its project.

    Of conda's those that it leaves to pip: its own are compiled already.
    """
    inputs = install.inputs
    if install.is_conda:
        listed = (entry for environment in inputs.environments for entry in environment.pip)
        yield from (Asked(one.name, _is_wheel(one.url), one.git is not None) for one in listed)
        return
    lists = " ".join((*install.values("--find-links"), *install.index_urls))
    for package in install.packages:
        is_listed = _is_listed(package.name, lists)
        is_wheel = _is_wheel(package.url) or install.has("--only-binary") or is_listed
        name = package.name or (_repository(package.url) if package.is_git else "")
        yield Asked(name, is_wheel, package.is_git, is_listed)
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


def _repository(url: str) -> str:
    """What a repository is called, which is mostly what it makes."""
    return normalised(re.split(r"[@#?]", url.rpartition("/")[2])[0].removesuffix(".git"))


def _is_listed(name: str, lists: str) -> bool:
    """Whoever makes it has wheels of it, by torch and CUDA, where the install looks."""
    return name in BUILT_WITH_NVCC and bool(_WHEEL_LISTS.search(lists))


def _is_wheel(url: str) -> bool:
    return url.partition("#")[0].endswith(".whl")
