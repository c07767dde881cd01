from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.check.facts.dockerfiles import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CASES: list[tuple[str, Mapping[str, Any]]] = [
    ("curl -fsSL https://h/a.tar.gz -o /tmp/a.tar.gz", {"kind": "http", "source": "https://h/a.tar.gz"}),
    ("curl -fsSLO https://h/m.safetensors", {"destination": "/app/m.safetensors", "is_weights": True}),
    ("curl -fsSLO https://h/asr.nemo", {"is_weights": True}),
    ("curl -fsSLO https://h/exported.pt2", {"is_weights": True}),
    ("curl -sSL https://h/x", {"destination": "", "is_weights": False}),
    ("curl -o - https://h/x", {"destination": ""}),
    ("curl --url https://h/x --output x", {"destination": "/app/x"}),
    ("wget -q https://h/dir/best.pt?dl=1", {"destination": "/app/best.pt", "is_weights": True}),
    ("wget -O /m.onnx https://h/x", {"destination": "/m.onnx"}),
    ("wget -P /models https://h/x.bin", {"destination": "/models/x.bin"}),
    (
        "wget https://huggingface.co/a/b/resolve/main/pytorch_model.bin",
        {"is_weights": True, "is_floating": True},
    ),
    ("curl -L https://github.com/x/y/releases/latest/download/z", {"is_floating": True}),
    ("curl -L https://github.com/x/y/releases/download/v1/z", {"is_floating": False}),
    ("aria2c -x 16 -d /m -o a.gguf https://h/a.gguf", {"kind": "http", "destination": "/m/a.gguf"}),
    ("git clone https://github.com/x/y.git", {"kind": "git", "destination": "/app/y", "is_floating": True}),
    ("git clone --depth 1 -b v1.2 https://github.com/x/y /src", {"revision": "v1.2", "destination": "/src"}),
    (f"git clone --revision={COMMIT} https://github.com/x/y", {"is_pinned": True}),
    ("git clone https://huggingface.co/x/y", {"kind": "huggingface", "is_weights": True}),
    ("git lfs pull", {"kind": "git-lfs", "source": "", "is_weights": True}),
    (
        "huggingface-cli download org/m --local-dir /m",
        {"kind": "huggingface", "source": "org/m", "destination": "/m"},
    ),
    (f"hf download org/m --revision {COMMIT}", {"is_pinned": True, "is_floating": False}),
    ("huggingface-cli download --repo-type dataset org/d", {"kind": "dataset", "is_weights": False}),
    ("aws s3 cp s3://b/m.pt /m/", {"kind": "s3", "source": "s3://b/m.pt", "destination": "/m/"}),
    ("aws s3 sync s3://b/models /m", {"kind": "s3"}),
    ("gsutil -m cp -r gs://b/m /m", {"kind": "gcs", "source": "gs://b/m"}),
    ("gcloud storage cp gs://b/m .", {"kind": "gcs"}),
    ("az storage blob download -n m -f m", {"kind": "azure"}),
    ("gdown --id 1abc", {"kind": "gdrive"}),
    ("gdown https://drive.google.com/uc?id=1", {"kind": "gdrive", "is_known": True}),
    ("kaggle datasets download -d a/b", {"kind": "kaggle"}),
    ("modelscope download org/m", {"kind": "modelscope", "is_weights": True}),
    ("ollama pull llama3", {"kind": "ollama", "source": "llama3"}),
    (
        "python -m spacy download en_core_web_sm",
        {"kind": "spacy", "source": "en_core_web_sm", "is_weights": True},
    ),
    ("python -m nltk.downloader -d /usr/share/nltk_data punkt", {"kind": "nltk", "source": "punkt"}),
    ("python -m nltk.downloader punkt -d /usr/share/nltk_data", {"kind": "nltk", "source": "punkt"}),
    ('git clone https://h/y "$(pwd)/y"', {"source": "https://h/y", "destination": ""}),
    ("curl -o $OUT https://h/y", {"destination": ""}),
    ("git clone -b $TAG https://h/y", {"revision": "$TAG", "is_floating": False}),
    ("curl https://h/v$V/latest/y", {"source": "https://h/v$V/latest/y", "is_known": False}),
    ("scp me@host:/m .", {"kind": "ssh", "source": "me@host:/m"}),
    ("curl -L $URL -o x", {"is_known": False}),
]


@pytest.mark.parametrize(("command", "expected"), CASES, ids=[command for command, _ in CASES])
def test_what_a_command_fetches_is_told(command: str, expected: Mapping[str, Any]) -> None:
    found = run_of(command, "WORKDIR /app").downloads
    if command.startswith(("gdown --id", "az ", "kaggle")):
        assert [one.kind for one in found] in ([expected["kind"]], [])
        return
    assert {name: getattr(found[0], name) for name in expected} == dict(expected)
    assert found[0].span == found[0].call.command.span


@pytest.mark.parametrize(
    "command",
    [
        "curl -X POST -d @a https://h/x",
        "curl --version",
        "wget --help",
        "git checkout main",
        "git clone",
        "git lfs install",
        "huggingface-cli whoami",
        "aws s3 cp /m s3://b/m",
        "aws configure list",
        "gsutil cp /m gs://b",
        "ollama serve",
        "python -m spacy info",
        "python -m http.server 80",
        "rsync -a /a /b",
        "kaggle --version",
    ],
)
def test_what_fetches_nothing_is_no_download(command: str) -> None:
    assert run_of(command).downloads == ()


def test_several_urls_are_several_downloads() -> None:
    found = run_of("wget https://h/a https://h/b").downloads
    assert [one.source for one in found] == ["https://h/a", "https://h/b"]


def test_a_url_in_a_variable_is_known_with_it() -> None:
    (found,) = run_of("curl -O https://h/v$V/a.zip", "ARG V=1.2").downloads
    assert (found.source, found.is_known) == ("https://h/v1.2/a.zip", True)


@pytest.mark.parametrize(
    ("commands", "revision"),
    [
        (f"git clone https://h/y && cd y && git checkout {COMMIT}", COMMIT),
        (f"git clone https://h/y && git -C y reset --hard {COMMIT}", COMMIT),
        (
            f"git clone https://h/y; cd y; git fetch --depth 1 origin {COMMIT} && git checkout FETCH_HEAD",
            COMMIT,
        ),
        ("git clone https://h/y && cd y && git checkout v1.2", "v1.2"),
        ("git clone https://h/y && cd y && git checkout .", ""),
        ("git clone https://h/y && git status", ""),
        (f"git checkout {COMMIT} && git clone https://h/y", ""),
    ],
)
def test_a_clone_is_of_the_revision_that_is_checked_out(commands: str, revision: str) -> None:
    (found,) = run_of(commands).downloads
    assert found.revision == revision
    assert found.is_pinned == (revision == COMMIT)


def test_a_checkout_is_of_the_clone_before_it() -> None:
    first, second = run_of(
        f"git clone https://h/a && git clone https://h/b && git -C b checkout {COMMIT}"
    ).downloads
    assert (first.revision, second.revision) == ("", COMMIT)


@pytest.mark.parametrize(
    ("command", "is_one"),
    [
        ("totalseg_download_weights -t total", True),
        ("./install_models.py --load en", True),
        ("/opt/fetch-checkpoints.sh", True),
        ("nnUNet_install_pretrained_model_from_zip /tmp/a.zip", True),
        ("download_data.sh", False),
        ("install_modules", False),
        ("model-server --download", False),
    ],
)
def test_a_program_that_is_called_for_it_fetches_a_model(command: str, is_one: bool) -> None:  # noqa: FBT001 - a case
    found = run_of(command).downloads
    assert [one.kind for one in found] == (["weights"] if is_one else [])
