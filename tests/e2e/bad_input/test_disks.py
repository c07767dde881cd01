"""A disk that is full, a store that may only be read: said in three lines, and nothing half-written."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.e2e.bad_input.bench import BAD_INPUT, WORLD, Bench, mounted, require_refusal
from wherry.store.store import Store

pytestmark = pytest.mark.e2e


def test_a_full_disk(bench: Bench) -> None:
    bench.add("demo", {"demo/large.bin": os.urandom(8 << 20)})
    with mounted(bench.cache, "size=4m"):
        bench.refused(WORLD, "(?i)disk")


def test_a_disk_that_is_full_before_anything_is_there(bench: Bench) -> None:
    bench.add("demo")
    with mounted(bench.cache, "size=8k,nr_inodes=12"):
        done = bench.build()
        require_refusal(done, WORLD, "(?i)disk|space|full")


def test_a_full_disk_where_the_output_goes(bench: Bench) -> None:
    bench.add("demo", {"demo/large.bin": os.urandom(8 << 20)})
    out = bench.root / "small"
    out.mkdir()
    with mounted(out, "size=1m"):
        done = bench.build("-o", f"oci-archive:{out}/app.tar")
        require_refusal(done, WORLD, "(?i)disk|space")
        assert list(out.iterdir()) == []


def test_a_store_that_may_only_be_read(bench: Bench) -> None:
    bench.add("demo")
    with mounted(bench.cache, "size=64m,mode=755"):
        Store.open(bench.cache)
        subprocess.run(["mount", "-o", "remount,ro", str(bench.cache)], check=True)
        done = bench.build("-o", f"oci:{bench.root}/out")
        lines = require_refusal(done, WORLD, "(?i)read")
        assert str(bench.cache) in done.err
        assert len(lines) == 3
        assert not (bench.root / "out").exists()


def test_a_store_that_is_a_file(bench: Bench) -> None:
    bench.add("demo")
    bench.cache.rmdir()
    bench.cache.write_text("")
    require_refusal(bench.build(), BAD_INPUT, "not a directory")
