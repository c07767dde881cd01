"""What of a build context is what: secrets, weights, notebooks, datasets, experiments, caches, tests.

Gives ``Kinds``, reached as ``context.kinds``. Only what would be sent is listed, sorted by path. A directory
that is one thing (a virtual environment, ``mlruns``) is one ``Found`` with its bytes and files.

    kinds.secrets       Found.what says of which kind: "environment file", "private key", ...
                        Names decide; *.pem, *.json, .npmrc, pip.conf and .git/config are also read, and only
                        listed when a credential stands in them. A certificate or an .env.example is none.
    kinds.weights       Weights: format ("safetensors", "gguf", "pickle", "torch zip", "onnx", "hdf5",
                        "tflite", "numpy", "keras", "unknown", "pointer"), is_pickle, is_pointer (a Git LFS
                        pointer; pointer_bytes is what it stands for). From suffixes and first bytes.
    kinds.notebooks     *.ipynb; ``has_outputs(found)`` looks inside, up to 4 MB
    kinds.datasets      .csv .parquet .tar .zip ... of more than 10 MB, and data/ datasets/ without code
    kinds.experiments   mlruns, wandb, lightning_logs, runs, outputs, checkpoints
    kinds.caches        __pycache__, .pytest_cache, node_modules, .venv and all with pyvenv.cfg, ...
    kinds.repository    .git, .hg, .svn
    kinds.tests         tests/ and test/
    kinds.is_complete   False when more was there than is looked at: 200,000 paths, the heads of 1,000 files

What lies in a cache, a virtual environment or ``.git`` is not listed again; what lies in ``data`` or
``mlruns`` is, when it is a secret, weights or a notebook.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.facts.context_walk import Kind
from wherry.check.facts.texts import read_bounded
from wherry.check.facts.weight_files import Weights, is_candidate, look_into
from wherry.frozen import Frozen, Record
from wherry.regex import regex

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.context import Context
    from wherry.check.facts.context_walk import Entry

_MB: Final = 1_000_000
_DATASET_FROM_BYTES: Final = 10 * _MB
_NOTEBOOK_BYTES: Final = 4 * _MB
_SECRET_BYTES: Final = 64 * 1024
_HEAD_BYTES: Final = 512
_MOST_LOOKS: Final = 1000  # files of which the first bytes are read

_CACHES: Final = {
    "__pycache__": "Python bytecode",
    ".pytest_cache": "pytest's cache",
    ".mypy_cache": "mypy's cache",
    ".ruff_cache": "ruff's cache",
    ".hypothesis": "hypothesis' examples",
    ".tox": "tox environments",
    ".nox": "nox environments",
    ".venv": "virtual environment",
    ".conda": "conda environment",
    ".pixi": "pixi environment",
    "node_modules": "Node packages",
    ".ipynb_checkpoints": "notebook checkpoints",
    ".cache": "cache",
    ".dvc": "DVC's cache",
    ".terraform": "Terraform's providers",
    ".eggs": "build requirements",
    "__pypackages__": "Python packages",
}
_REPOSITORIES: Final = {".git": "Git history", ".hg": "Mercurial history", ".svn": "Subversion history"}
_EXPERIMENTS: Final = {
    "mlruns": "MLflow runs",
    "mlartifacts": "MLflow artifacts",
    "wandb": "W&B runs",
    "lightning_logs": "Lightning logs",
    "tb_logs": "TensorBoard logs",
}
_EXPERIMENTS_WITHOUT_CODE: Final = {
    "runs": "training runs",
    "outputs": "training outputs",
    "checkpoints": "training checkpoints",
    "multirun": "Hydra runs",
}
_DATA_WITHOUT_CODE: Final = {"data": "data", "dataset": "data", "datasets": "data"}
_TESTS: Final = {"tests": "tests", "test": "tests"}
_DATASETS: Final = regex(
    r".*\.(?:csv|tsv|parquet|arrow|feather|jsonl|ndjson|tfrecords?|npy|avro|orc|lmdb|mdb|tar|tgz|tar\.\w+|zip|7z|zst"
    r"|gz|bz2|xz|rar|h5ad|mat|sqlite3?|db|wav|flac|mp4|avi|mov|mkv)"
)
_SECRETS: Final = {
    **dict.fromkeys((".env", ".envrc"), "environment file"),
    **dict.fromkeys((".netrc", "_netrc", ".git-credentials", ".pgpass", ".my.cnf"), "stored logins"),
    **dict.fromkeys(
        (".pypirc", ".s3cfg", ".boto", ".htpasswd", ".vault-token", ".dockercfg"), "stored logins"
    ),
    **dict.fromkeys(("kaggle.json", ".kaggle.json"), "Kaggle key"),
    **dict.fromkeys(("terraform.tfstate", "terraform.tfstate.backup"), "Terraform state"),
    **dict.fromkeys(("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"), "private key"),
    **dict.fromkeys(("kubeconfig", "application_default_credentials.json"), "cloud credentials"),
    **dict.fromkeys(("secrets.toml", "secrets.yaml", "secrets.yml", "secrets.json"), "secrets file"),
}
_SECRET_PATHS: Final = {
    ".aws/credentials": "cloud credentials",
    ".kube/config": "cloud credentials",
    ".docker/config.json": "registry logins",
    ".huggingface/token": "Hugging Face token",
    "huggingface/token": "Hugging Face token",
    ".config/gcloud/credentials.db": "cloud credentials",
}
_EXAMPLE: Final = regex(r"(?i).*(?:example|sample|template|dist|default|test|ci)")
_ENVIRONMENT: Final = regex(r"(?:\.env\.(?P<kind>[\w.-]+)|[\w-]+\.env)")

# Names that prove nothing: such a file is a secret when this stands in it.
_LOOKED_INTO: Final = (
    (regex(r".*\.(?:pem|key|ppk)"), regex(rb"PRIVATE KEY|PuTTY-User-Key-File"), "private key"),
    (regex(r".*\.(?:p12|pfx|jks|keystore|kdbx)"), regex(rb""), "key store"),
    (
        regex(r".*(?:service[-_]?account|credentials?|client[-_]secrets?|gcp|key).*\.json"),
        regex(rb'"private_key"|"client_secret"|"refresh_token"|"aws_secret_access_key"'),
        "cloud credentials",
    ),
    (
        regex(r"\.npmrc|\.yarnrc(?:\.yml)?"),
        regex(rb"(?i)_auth(?:token)?\s*=\s*[^$\s]"),
        "registry token",
    ),
    (regex(r"pip\.(?:conf|ini)|config"), regex(rb"://[^/\s:@$]*:[^/\s@$]+@"), "password in a URL"),
    (
        regex(r".*\.tfvars"),
        regex(rb"(?i)(?:secret|password|token)\w*\s*="),
        "Terraform variables",
    ),
)


class Found(Frozen):
    """One file, or one directory with all below it."""

    path: str
    size_bytes: int
    what: str
    files: int = 1
    is_directory: bool = False


class Kinds(Record):
    """What is sent, by what it is; the module says what stands where."""

    root: Path
    secrets: list[Found] = msgspec.field(default_factory=list)
    weights: list[Weights] = msgspec.field(default_factory=list)
    notebooks: list[Found] = msgspec.field(default_factory=list)
    datasets: list[Found] = msgspec.field(default_factory=list)
    experiments: list[Found] = msgspec.field(default_factory=list)
    caches: list[Found] = msgspec.field(default_factory=list)
    repository: list[Found] = msgspec.field(default_factory=list)
    tests: list[Found] = msgspec.field(default_factory=list)
    is_complete: bool = True

    def has_outputs(self, notebook: Found) -> bool:
        """Whether results are stored inside a notebook, as far as its first 4 MB tell."""
        content = _head(self.root / notebook.path, _NOTEBOOK_BYTES)
        return re.search(rb'"outputs"\s*:\s*\[\s*[^\]\s]', content) is not None


def sort_out(context: Context) -> Kinds:
    """One pass over what is sent; heads of a bounded number of files are read."""
    return _Sorter(context).sort_out()


class _Sorter:
    """What is known while a context is sorted out."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.kinds = Kinds(context.root, is_complete=context.is_complete)
        self.looks = _MOST_LOOKS
        paths = [entry.path for entry in context.entries]
        self.environments = {path.rpartition("/")[0] for path in paths if path.endswith("/pyvenv.cfg")}
        self.packages = {path.rpartition("/")[0] for path in paths if path.endswith(".py")}

    def sort_out(self) -> Kinds:
        """Every entry, what lies below a directory right behind it."""
        closed = ""  # the directory that is one thing, and whose contents are not listed again
        for entry in sorted(self.context.entries, key=lambda entry: entry.path.replace("/", "\0")):
            if closed and entry.path.startswith(closed):
                if entry.path == f"{closed}config" and closed.endswith(".git/"):
                    self.take_secret(entry)
                continue
            closed = ""
            if entry.kind is Kind.DIRECTORY:
                closed = f"{entry.path}/" if self.take_directory(entry) else ""
            elif entry.kind is Kind.FILE:
                self.take_file(entry)
        return self.kinds

    def take_directory(self, entry: Entry) -> bool:
        """List a directory that is one thing. Returns whether what is below it is not to be listed again."""
        name = entry.name.lower()
        if entry.path in self.environments or name in _CACHES:
            self.list_whole(entry, self.kinds.caches, _CACHES.get(name, "virtual environment"))
            return True
        if name in _REPOSITORIES:
            self.list_whole(entry, self.kinds.repository, _REPOSITORIES[name])
            return True
        has_code = entry.path in self.packages  # directly inside: it is a package, whatever its name
        if name in _EXPERIMENTS or (name in _EXPERIMENTS_WITHOUT_CODE and not has_code):
            what = _EXPERIMENTS.get(name) or _EXPERIMENTS_WITHOUT_CODE[name]
            self.list_whole(entry, self.kinds.experiments, what)
        elif name in _DATA_WITHOUT_CODE and not has_code:
            self.list_whole(entry, self.kinds.datasets, _DATA_WITHOUT_CODE[name])
        elif name in _TESTS:
            self.list_whole(entry, self.kinds.tests, _TESTS[name])
        return False

    def list_whole(self, entry: Entry, listed: list[Found], what: str) -> None:
        """List a directory with its bytes, unless one above it is listed."""
        if not _is_inside(entry, listed):
            below = self.context.below(entry.path)
            files = sum(one.kind is Kind.FILE for one in below)
            size_bytes = sum(one.size_bytes for one in below)
            listed.append(Found(entry.path, size_bytes, what, files, is_directory=True))

    def take_file(self, entry: Entry) -> None:
        """List a file by what it is."""
        name = entry.name.lower()
        if name.endswith(".ipynb"):
            self.kinds.notebooks.append(Found(entry.path, entry.size_bytes, "notebook"))
            return
        if is_candidate(name, entry.size_bytes):
            weights = look_into(entry, self.head(entry, _HEAD_BYTES))
            if weights:
                self.kinds.weights.append(weights)
                return
        if entry.size_bytes <= _DATASET_FROM_BYTES or not _DATASETS.fullmatch(name):
            self.take_secret(entry)
        elif not _is_inside(entry, self.kinds.datasets):
            self.kinds.datasets.append(Found(entry.path, entry.size_bytes, "data"))

    def take_secret(self, entry: Entry) -> None:
        """List a file that is secret by its name, or by its name and what stands in it."""
        name = entry.name.lower()
        what = _secret_by_name(name, entry.path)
        if what:
            self.kinds.secrets.append(Found(entry.path, entry.size_bytes, what))
            return
        for names, proof, kind in _LOOKED_INTO:
            if names.fullmatch(name) and not _EXAMPLE.fullmatch(name):
                if proof.search(self.head(entry, _SECRET_BYTES)):
                    self.kinds.secrets.append(Found(entry.path, entry.size_bytes, kind))
                return

    def head(self, entry: Entry, limit_bytes: int) -> bytes:
        """A file's first bytes; nothing once enough files were read."""
        if self.looks <= 0:
            self.kinds.is_complete = False
            return b""
        self.looks -= 1
        return _head(self.kinds.root / entry.path, limit_bytes)


def _is_inside(entry: Entry, listed: list[Found]) -> bool:
    """Whether a listed directory already counts it: what is below one follows it at once."""
    last = listed[-1] if listed else None
    return last is not None and last.is_directory and entry.path.startswith(f"{last.path}/")


def _secret_by_name(name: str, path: str) -> str:
    if name in _SECRETS:
        return _SECRETS[name]
    last_two = "/".join(path.rsplit("/", 2)[-2:])
    if last_two in _SECRET_PATHS:
        return _SECRET_PATHS[last_two]
    environment = _ENVIRONMENT.fullmatch(name)
    return "environment file" if environment and not _EXAMPLE.fullmatch(name) else ""


def _head(path: Path, limit_bytes: int) -> bytes:
    try:
        return read_bounded(path, limit_bytes)
    except (OSError, ValueError):
        return b""
