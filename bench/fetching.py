"""Wheels for a bench: what a lock names, from the index pip is configured with, verified by hash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

UV: Final = str(Path(sys.executable).with_name("uv"))
PLATFORMS: Final = [f"--platform=manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]


def download(lock: Path, folder: Path) -> None:
    """Have in *folder* the wheels that *lock* names for Python 3.11 on x86_64; once per text of the lock."""
    done = folder.with_suffix(".lock")
    wanted = lock.read_text()
    if done.is_file() and done.read_text() == wanted:
        return
    print(f"  fetching the wheels of {lock.parent.name}/{lock.name}, once ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = folder.with_name("pip")
    subprocess.run([UV, "venv", "--quiet", "--seed", "--clear", pip], check=True)
    command = [
        str(pip / "bin/python"),
        "-m",
        "pip",
        "download",
        "--quiet",
        "--quiet",
        "--no-deps",
        "--require-hashes",
    ]
    command += ["--only-binary=:all:", "--python-version=3.11", *PLATFORMS, "--platform=manylinux2014_x86_64"]
    subprocess.run([*command, f"--requirement={lock}", f"--dest={folder}"], check=True)
    done.write_text(wanted)
