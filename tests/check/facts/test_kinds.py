"""What of a context is what, by names, sizes and first bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.check.facts.trees import plant
from wherry.check.facts.context import Context

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.kinds import Found, Kinds

MB = 1_000_000
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n"


def kinds_of(root: Path, files: dict[str, str | bytes | int]) -> Kinds:
    return Context(plant(root, files)).kinds


def paths(found: list[Found]) -> list[str]:
    return [one.path for one in found]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "A=1"),
        ("deploy/.env.production", "A=1"),
        ("prod.env", "A=1"),
        (".netrc", "machine x"),
        ("kaggle.json", "{}"),
        (".aws/credentials", "[default]"),
        ("ssh/id_rsa", "x"),
        ("tls/server.pem", KEY),
        ("tls/server.key", KEY),
        ("store.p12", "x"),
        ("service-account.json", '{"private_key": "x"}'),
        ("terraform.tfstate", "{}"),
        (".npmrc", "//registry/:_authToken=abc"),
        ("pip.conf", "index-url = https://bob:hunter22@host/simple"),
        ("secrets.yaml", "a: b"),
        ("prod.tfvars", 'db_password = "x"'),
    ],
)
def test_secrets_are_found_by_name_and_content(tmp_path: Path, name: str, content: str) -> None:
    assert paths(kinds_of(tmp_path, {name: content}).secrets) == [name]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env.example", "A=1"),
        (".env.sample", "A=1"),
        ("ca.pem", "-----BEGIN CERTIFICATE-----"),
        ("tokenizer_key.json", "{}"),
        (".npmrc", "//registry/:_authToken=${NPM_TOKEN}"),
        ("pip.conf", "index-url = https://pypi.org/simple"),
        (".venv/lib/certifi/key.pem", KEY),
        ("id_rsa.pub", "ssh-rsa"),
    ],
)
def test_examples_certificates_and_variables_are_no_secrets(tmp_path: Path, name: str, content: str) -> None:
    assert kinds_of(tmp_path, {name: content}).secrets == []


def test_a_password_in_git_config_is_a_secret_and_history_is_one_thing(tmp_path: Path) -> None:
    config = "[remote]\nurl = https://oauth2:glpat-abc@host/x.git\n"
    kinds = kinds_of(tmp_path, {".git/config": config, ".git/objects/ab/cd": 10, ".git/x.pem": KEY})
    assert paths(kinds.secrets) == [".git/config"]
    assert [(one.path, one.files, one.is_directory) for one in kinds.repository] == [(".git", 3, True)]


@pytest.mark.parametrize(
    ("name", "content", "form", "is_pickle"),
    [
        ("m.safetensors", b"\x40\0\0\0\0\0\0\0" + b'{"__metadata__"' + b" " * 600, "safetensors", False),
        ("m.gguf", b"GGUF" + b"\0" * 600, "gguf", False),
        ("m.pt", b"PK\x03\x04" + b"\0" * 600, "torch zip", True),
        ("m.ckpt", b"\x80\x02" + b"\0" * 600, "pickle", True),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 600, "hdf5", False),
        ("m.tflite", b"\0\0\0\0TFL3" + b"\0" * 600, "tflite", False),
        ("m.onnx", b"\x08\x07" + b"\0" * 600, "onnx", False),
        ("m.npz", b"PK\x03\x04" + b"\0" * 600, "numpy", False),
        ("m.engine", b"ftrt" + b"\0" * 600, "unknown", False),
        ("m.joblib", b"abcd" + b"\0" * 600, "unknown", True),
    ],
)
def test_weights_say_their_format(
    tmp_path: Path, name: str, content: bytes, form: str, *, is_pickle: bool
) -> None:
    (found,) = kinds_of(tmp_path, {name: content}).weights
    assert (found.path, found.format, found.is_pickle) == (name, form, is_pickle)


def test_large_files_of_any_name_are_looked_into(tmp_path: Path) -> None:
    kinds = kinds_of(tmp_path, {"blob": 51 * MB, "small.bin": 5 * MB, "pytorch_model.bin": 51 * MB})
    assert [one.path for one in kinds.weights] == ["pytorch_model.bin"]
    with (tmp_path / "blob").open("r+b") as stream:
        stream.write(b"GGUF")
    assert [one.path for one in Context(tmp_path).kinds.weights] == ["blob", "pytorch_model.bin"]


def test_a_pointer_says_what_it_stands_for(tmp_path: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123456789\n"
    (found,) = kinds_of(tmp_path, {"m.safetensors": text}).weights
    assert (found.is_pointer, found.pointer_bytes, found.format) == (True, 123456789, "pointer")


def test_a_pointer_counts_for_small_names_too(tmp_path: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 5\n"
    assert [one.is_pointer for one in kinds_of(tmp_path, {"model.bin": text}).weights] == [True]


def test_data_is_counted_once(tmp_path: Path) -> None:
    kinds = kinds_of(
        tmp_path,
        {
            "data/x.csv": 20 * MB,
            "data/raw/data/y.csv": 1,
            "big.parquet": 11 * MB,
            "small.csv": 5,
            "datasets/a.py": 1,
        },
    )
    assert [(one.path, one.size_bytes) for one in kinds.datasets] == [
        ("big.parquet", 11 * MB),
        ("data", 20 * MB + 1),
    ]


def test_experiments_caches_and_tests_are_directories(tmp_path: Path) -> None:
    kinds = kinds_of(
        tmp_path,
        {
            "mlruns/0/m": 3,
            "outputs/x": 1,
            "runs/a.py": 1,
            "pkg/__pycache__/a.pyc": 4,
            "env/pyvenv.cfg": 1,
            "env/lib/torch.pt": 100,
            "tests/test_a.py": 1,
            "node_modules/a/b": 1,
        },
    )
    assert paths(kinds.experiments) == ["mlruns", "outputs"]
    assert paths(kinds.caches) == ["env", "node_modules", "pkg/__pycache__"]
    assert paths(kinds.tests) == ["tests"]
    assert kinds.weights == []


def test_notebooks_know_whether_results_are_in_them(tmp_path: Path) -> None:
    with_results: dict[str, object] = {"cells": [{"outputs": [{"text": "x"}]}]}
    without: dict[str, object] = {"cells": [{"outputs": []}]}
    kinds = kinds_of(tmp_path, {"a.ipynb": json.dumps(with_results), "b.ipynb": json.dumps(without)})
    assert [kinds.has_outputs(one) for one in kinds.notebooks] == [True, False]


def test_what_went_away_in_between_is_not_an_error(tmp_path: Path) -> None:
    context = Context(plant(tmp_path, {"a.ipynb": "{}", "x.pem": KEY}))
    assert context.entries
    (tmp_path / "a.ipynb").unlink()
    (tmp_path / "x.pem").unlink()
    assert not context.kinds.has_outputs(context.kinds.notebooks[0])
    assert context.kinds.secrets == []


def test_directories_of_one_kind_in_one_another_are_listed_once(tmp_path: Path) -> None:
    kinds = kinds_of(tmp_path, {"data/data/x": 1, "tests/tests/y": 2, "runs/runs/z": 3, "mlruns/runs/w": 4})
    assert paths(kinds.datasets) == ["data"]
    assert paths(kinds.tests) == ["tests"]
    assert paths(kinds.experiments) == ["mlruns", "runs"]


def test_only_so_many_files_are_looked_into(tmp_path: Path) -> None:
    kinds = kinds_of(tmp_path, {f"{number:04}.pem": KEY for number in range(1100)})
    assert len(kinds.secrets) == 1000
    assert not kinds.is_complete
