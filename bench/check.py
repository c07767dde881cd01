"""How long `wherry check` takes, and how much it says: ``make bench-check``.

150 Dockerfiles of the corpus in tests, each in a directory of its own, in one process; and the longest alone,
the program's start included. hadolint and tally, which the tests bring, run over the same files: all are
figures of one run on one machine.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parents[1] / "tests/dockerfile/corpus"
WHERRY: Final = Path(sys.executable).with_name("wherry")
FILES: Final = 150
TIMES: Final = 11
# With bytecode, as pip leaves the program.
COMPILED: Final = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
PEERS: Final = {"hadolint": ["--no-fail"], "tally": ["lint", "--slow-checks=off"]}


def main() -> None:
    """Lay the files out, run everything, print a table."""
    with tempfile.TemporaryDirectory(prefix="wherry-bench-") as folder:
        paths = laid_out(Path(folder))
        lines = [path.read_bytes().count(b"\n") for path in paths]
        print(f"{FILES} Dockerfiles of {min(lines)} to {max(lines)} lines, {os.cpu_count()} processors\n")
        whole = median([str(WHERRY), "check", folder, "--format", "json", "--output", f"{folder}/found"], 3)
        document = json.loads((Path(folder) / "found").read_bytes())
        rows = {"wherry": (whole, median([str(WHERRY), "check", str(longest(paths)), "--quiet"]))}
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        for name, options in PEERS.items():
            command = [str(WHERRY.with_name(name)), *options]
            each = median([*command, str(longest(paths))])
            rows[name] = (median([*command, *map(str, paths)], 3), each)
        start = median([str(WHERRY), "--version"])
    show(rows)
    print(f"{'--version':24}{start:10.3f} s\n{'most memory':12}{peak:10.0f} MiB")
    say(document)


def laid_out(folder: Path) -> list[Path]:
    """The corpus, as often as it takes, each file where its neighbours would stand."""
    corpus = sorted(CORPUS.glob("*.Dockerfile"))
    paths = []
    for number in range(FILES):
        original = corpus[number % len(corpus)]
        path = folder / f"{number:03}-{original.stem}" / "Dockerfile"
        path.parent.mkdir()
        shutil.copyfile(original, path)
        paths.append(path)
    return paths


def longest(paths: list[Path]) -> Path:
    """The file of the most lines."""
    return max(paths, key=lambda path: path.read_bytes().count(b"\n"))


def median(command: list[str], times: int = TIMES) -> float:
    """Seconds on the wall; the first run, which fills caches, does not count."""
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        subprocess.run(command, check=False, env=COMPILED, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def show(rows: dict[str, tuple[float, float]]) -> None:
    """The times, and those of others as multiples of ours."""
    print(f"{'medians':12}{f'{FILES} files':>12}{'one file':>12}")
    for name, (whole, one) in rows.items():
        print(f"{name:12}{whole:10.2f} s{one:10.3f} s")
    ours = rows.pop("wherry")
    for name, (whole, one) in rows.items():
        print(f"{f'{name} / wherry':20}{whole / ours[0]:6.2f}{one / ours[1]:12.2f}")


def say(document: dict[str, dict[str, int] | list[dict[str, str]]]) -> None:
    """How many findings a file has in the default set, and of which rules."""
    findings = document["findings"]
    codes = Counter(one["rule"] for one in findings if isinstance(one, dict))
    print(f"\n{codes.total() / FILES:.1f} findings per file in the default set:")
    print("  " + "  ".join(f"{code} {count}" for code, count in codes.most_common()))


if __name__ == "__main__":
    main()
