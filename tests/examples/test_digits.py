from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "examples/digits"

pytestmark = [pytest.mark.index, pytest.mark.xdist_group("digits")]


def environment(folder: Path, *locks: str) -> Path:
    """A virtual environment with what the example's locks pin; its interpreter."""
    uv = require_program("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin/python"
    requirements = [f"--requirement={EXAMPLE / lock}" for lock in locks]
    install = [uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
    subprocess.run([*install, *requirements], check=True)
    return python


@dataclass(frozen=True)
class Service:
    address: str

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(f"{self.address}{path}", data=body)  # noqa: S310 - our own http address
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - the same
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def predict(self, value: object) -> tuple[int, dict[str, Any]]:
        return self.ask("/predict", json.dumps(value).encode())


def started(python: Path, weights: Path) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PORT": str(port),
        "DIGITS_WEIGHTS": str(weights),
    }
    process = subprocess.Popen([python, "-m", "digits"], cwd=EXAMPLE, env=environ)
    try:
        for _ in range(300):
            assert process.poll() is None, "the service ended by itself"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Service(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    python = environment(folder / "venv", "requirements-train.txt")
    for run in ("weights", "again"):
        subprocess.run([python, EXAMPLE / "train.py", folder / run], check=True, stdout=subprocess.DEVNULL)
    return folder / "weights"


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("production") / "venv", "requirements.txt")


@pytest.fixture(scope="module")
def service(production: Path, weights: Path) -> Iterator[Service]:
    yield from started(production, weights / "digits.onnx")


def test_training_twice_gives_the_same_weights(weights: Path) -> None:
    again = weights.with_name("again")
    assert (weights / "digits.onnx").read_bytes() == (again / "digits.onnx").read_bytes()


def test_the_service_reads_digits_it_has_never_seen(service: Service, weights: Path) -> None:
    held_back = json.loads((weights / "held-back.json").read_text())
    right = 0
    for sample in held_back:
        status, answer = service.predict({"pixels": sample["pixels"]})
        assert status == 200
        assert answer["confidence"] == max(answer["probabilities"])
        right += answer["digit"] == sample["digit"]
    assert right >= 0.9 * len(held_back)


def test_health_says_ok_once_the_weights_are_there(service: Service) -> None:
    assert service.ask("/health") == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"pixels": [[1, 2]]},
        {"pixels": [["a"] * 8] * 8},
        {"pixels": [[17] * 8] * 8},
        {"pixels": [[-1] * 8] * 8},
    ],
)
def test_what_is_no_picture_is_refused_with_a_reason(service: Service, value: object) -> None:
    status, answer = service.predict(value)
    assert status == 422
    assert "pixels must be" in answer["error"]


@pytest.mark.parametrize(("body", "expected"), [(b"\xff", 400), (b"[" * 9000, 400), (b" " * 20_000, 413)])
def test_what_is_no_json_or_too_much_is_refused(service: Service, body: bytes, expected: int) -> None:
    assert service.ask("/predict", body)[0] == expected


def test_without_weights_it_starts_and_says_what_to_mount(production: Path, tmp_path: Path) -> None:
    for bare in started(production, tmp_path / "digits.onnx"):
        for status, answer in (bare.ask("/health"), bare.predict({"pixels": [[0] * 8] * 8})):
            assert status == 503
            assert f"-v ./weights:{tmp_path}:ro" in answer["error"]


def test_weights_mounted_later_are_found(production: Path, weights: Path, tmp_path: Path) -> None:
    late = tmp_path / "digits.onnx"
    for bare in started(production, late):
        assert bare.ask("/health")[0] == 503
        late.write_bytes((weights / "digits.onnx").read_bytes())
        assert bare.ask("/health")[0] == 200
