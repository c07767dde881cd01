"""``make demo``: build the service in this folder, run it, and ask it about digits it has never seen.

Uses nothing but the standard library and the ``wherry`` and ``uv`` beside the interpreter that runs it. What
it makes: weights and a virtual environment for training, both here and both ignored by git, and the image
``digits`` in wherry's own store. What it starts, it ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE: Final = Path(__file__).resolve().parent
WHERRY: Final = str(Path(sys.executable).with_name("wherry"))
UV: Final = str(Path(sys.executable).with_name("uv"))
WEIGHTS: Final = HERE / "weights"
INK: Final = " .:-=+*#%@"
USUAL_PORT: Final = 8000
PATIENCE_S: Final = 60.0


def main() -> None:
    """The whole tour."""
    title("1. train: the weights stay outside the image")
    train()
    title("2. build: project and lock in, image out")
    show(WHERRY, "build", str(HERE), "--tag", "digits")
    title("3. run, and ask")
    with running() as address:
        for sample in samples():
            ask(address, sample)
    title("4. build again, nothing changed")
    show(WHERRY, "build", str(HERE), "--tag", "digits", "--quiet")


def train() -> None:
    """Make the weights, unless they are newer than what makes them."""
    weights = WEIGHTS / "digits.onnx"
    inputs = (HERE / "train.py", HERE / "requirements-train.txt")
    if weights.exists() and all(weights.stat().st_mtime > path.stat().st_mtime for path in inputs):
        print(f"  {weights.relative_to(HERE)} is there already, {weights.stat().st_size / 1000:.0f} kB")
        return
    environment = HERE / ".venv"
    python = environment / "bin/python"
    run(UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(environment))
    lock = str(HERE / "requirements-train.txt")
    run(UV, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), lock)
    print("  ", end="", flush=True)
    run(str(python), str(HERE / "train.py"), str(WEIGHTS))
    WEIGHTS.chmod(0o755)  # whatever the umask: the service is another user
    weights.chmod(0o644)


@contextmanager
def running() -> Iterator[str]:
    """The service in a container for as long as the block lasts; its address."""
    port = free_port()
    command = [WHERRY, "run", "digits", "-p", f"{port}:{port}", "-v", f"{WEIGHTS}:/weights:ro"]
    if port != USUAL_PORT:
        command += ["-e", f"PORT={port}"]
    print(f"  $ {shown(command)}")
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_healthy(address, process)
        print(f"  healthy after {time.perf_counter() - started:.1f} s")
        yield address
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    print(f"  stopped with exit code {process.returncode}")


def wait_until_healthy(address: str, process: subprocess.Popen[str]) -> None:
    """Ask ``/health`` until it says ok; give up, with what the service printed, if it ends or never does."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 - our own http address
                return
        except (OSError, HTTPException):
            time.sleep(0.05)
    if process.poll() is None:
        process.terminate()
        print(f"error: the service was not healthy within {PATIENCE_S:.0f} s", file=sys.stderr)
    output, _ = process.communicate(timeout=20)
    print(output, end="", file=sys.stderr)
    sys.exit(process.returncode or 3)


def ask(address: str, sample: dict[str, Any]) -> None:
    """Draw one digit and what the service says it is."""
    body = json.dumps({"pixels": sample["pixels"]}).encode()
    request = urllib.request.Request(f"{address}/predict", data=body)  # noqa: S310 - our own http address
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - the same
        answer = json.load(reply)
    took_ms = (time.perf_counter() - started) * 1000
    right = "right" if answer["digit"] == sample["digit"] else f"wrong, it is a {sample['digit']}"
    words = {
        3: f'{{"digit": {answer["digit"]}, "confidence": {answer["confidence"]:.3f}, ...}}',
        4: f"{right}; {took_ms:.1f} ms",
    }
    print()
    for number, row in enumerate(sample["pixels"]):
        drawn = "".join(INK[min(value * len(INK) // 17, len(INK) - 1)] * 2 for value in row)
        print(f"      {drawn}    {words.get(number, '')}".rstrip())


def samples() -> list[dict[str, Any]]:
    """Two digits that training never saw."""
    held_back: list[dict[str, Any]] = json.loads((WEIGHTS / "held-back.json").read_text())
    return held_back[:2]


def show(*command: str) -> None:
    """Run *command* for the reader's eyes and say how long it took."""
    print(f"  $ {shown(command)}", flush=True)
    started = time.perf_counter()
    run(*command)
    print(f"  took {time.perf_counter() - started:.2f} s")


def run(*command: str) -> None:
    """Run *command*; it has already said what is wrong if it fails, so end with its exit code."""
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)


def shown(command: Sequence[str]) -> str:
    """A command line as one would type it from here."""
    words = (Path(command[0]).name, *command[1:])
    return " ".join(words).replace(f"{Path.cwd()}{os.sep}", "")


def free_port() -> int:
    """The service's usual port, or where that is taken one that nothing listens on."""
    for wanted in (USUAL_PORT, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", wanted)) as server:
            port: int = server.getsockname()[1]
            return port
    return USUAL_PORT


def title(text: str) -> None:
    """A heading."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    main()
