from __future__ import annotations

import io
import marshal
import platform
import py_compile
import struct
import sys
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.layers.unpacking import files, members
from tests.layers.wheel_maker import WheelMaker, record_text
from wherry.errors import InputError, WorldError
from wherry.layers import bytecode, compile_worker
from wherry.layers.model import BytecodeCompiler, Layout
from wherry.layers.wheel_layer import wheel_layer
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = sys.version_info[:2]
LAYOUT = Layout(python=PYTHON)
SITE = LAYOUT.scheme_directory("site", "demo")
TAG = f"cpython-{PYTHON[0]}{PYTHON[1]}"
COMPILER = BytecodeCompiler((sys.executable,), platform.python_version())
SOURCES = {
    "demo/__init__.py": b"NAMES = {'a', 'b', 'c', 'd'}\ndef check(x):\n    return x in {'e', 'f', 'g'}\n",
    "demo/sub/mod.py": "# caf\u00e9\nclass C:\n    'doc'\n    def m(self): raise ValueError\n".encode(),
    "demo/latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    "demo/template/py2.py": b"print 'no'\n",
    "demo/nul.py": b"x = 1\0\n",
    "demo/empty.py": b"",
    "demo/warns.py": b"assert (1, 'always')\nx = '\\d'\n",
    "demo/data.txt": b"no source",
    "demo-1.0.data/scripts/tool.py": b"#!python\nprint(1)\n",
}


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_every_module_that_compiles_has_bytecode_as_the_interpreter_would_write_it(
    tmp_path: Path, store: Store
) -> None:
    layer = wheel_layer([WheelMaker(SOURCES).write(tmp_path)], LAYOUT, store, bytecode=COMPILER)
    found = files(layer, store)
    compiled = {path for path in found if path.endswith(".pyc")}
    names = ("demo/__init__", "demo/sub/mod", "demo/latin", "demo/empty", "demo/warns")
    assert compiled - {f"opt/venv/bin/__pycache__/tool.{TAG}.pyc"} == {
        f"{SITE}/{name.rpartition('/')[0]}/__pycache__/{name.rpartition('/')[2]}.{TAG}.pyc" for name in names
    }
    for name in names:
        source = tmp_path / "module.py"
        source.write_bytes(SOURCES[f"{name}.py"])
        in_image = f"/{SITE}/{name}.py"
        expected = tmp_path / "module.pyc"
        py_compile.compile(
            str(source),
            str(expected),
            in_image,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        ours = found[
            f"{SITE}/{name.rpartition('/')[0]}/__pycache__/{name.rpartition('/')[2]}.{TAG}.pyc"
        ].content
        assert ours[:16] == expected.read_bytes()[:16]
        code = marshal.loads(ours[16:])  # noqa: S302 - bytecode that we and pip compiled - our own
        assert code == marshal.loads(expected.read_bytes()[16:])  # noqa: S302 - bytecode that we and pip compiled
        assert code.co_filename == in_image


def test_bytecode_is_listed_in_record_without_a_hash_as_pip_does(tmp_path: Path, store: Store) -> None:
    layer = wheel_layer([WheelMaker(SOURCES).write(tmp_path)], LAYOUT, store, bytecode=COMPILER)
    lines = files(layer, store)[f"{SITE}/demo-1.0.dist-info/RECORD"].content.decode().splitlines()
    assert f"demo/sub/__pycache__/mod.{TAG}.pyc,," in lines
    assert lines == sorted(lines)


def test_directories_without_bytecode_have_no_cache_directory(tmp_path: Path, store: Store) -> None:
    made = [
        WheelMaker(SOURCES).write(tmp_path),
        WheelMaker({"other.py": b"x = 1"}, name="other").write(tmp_path),
    ]
    for chosen in (made[:1], made):
        names = [m.name for m in members(wheel_layer(chosen, LAYOUT, store, bytecode=COMPILER), store)]
        assert f"{SITE}/demo/sub/__pycache__" in names
        assert f"{SITE}/demo/template/__pycache__" not in names
        assert len(set(names)) == len(names)


def test_bytecode_is_the_same_in_every_run(tmp_path: Path) -> None:
    made = WheelMaker(SOURCES).write(tmp_path)
    layers = {
        wheel_layer([made], LAYOUT, Store.open(tmp_path / str(n)), bytecode=COMPILER).digest for n in range(3)
    }
    assert len(layers) == 1


def test_bytecode_of_a_path_that_another_wheel_has_already_is_left_out_with_it(
    tmp_path: Path, store: Store
) -> None:
    shared = {"ns/__init__.py": b"x = 1\n"}
    pair = [WheelMaker({**shared, f"ns/{n}.py": b""}, name=n).write(tmp_path) for n in ("one", "two")]
    names = [m.name for m in members(wheel_layer(pair, LAYOUT, store, bytecode=COMPILER), store)]
    assert names.count(f"{SITE}/ns/__pycache__/__init__.{TAG}.pyc") == 1


def test_a_wheels_own_stale_bytecode_is_replaced(tmp_path: Path, store: Store) -> None:
    stale = {**SOURCES, f"demo/sub/__pycache__/mod.{TAG}.pyc": b"stale"}
    found = files(wheel_layer([WheelMaker(stale).write(tmp_path)], LAYOUT, store, bytecode=COMPILER), store)
    assert found[f"{SITE}/demo/sub/__pycache__/mod.{TAG}.pyc"].content != b"stale"


def test_sources_larger_than_any_pipe_pass_both_ways(tmp_path: Path, store: Store) -> None:
    big = b"".join(b"x%d = %d\n" % (n, n) for n in range(60_000))
    made = WheelMaker({"a.py": big, "b.py": big, "c.py": big}).write(tmp_path)
    found = files(wheel_layer([made], LAYOUT, store, bytecode=COMPILER), store)
    assert len([path for path in found if path.endswith(".pyc")]) == 3


def test_a_module_larger_than_any_real_one_is_left_to_whoever_imports_it(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was compiled as if it were empty, and so was what a program imported.
    monkeypatch.setattr(bytecode, "MAX_SOURCE_BYTES", 5)
    made = WheelMaker({"fits.py": b"x = 1", "large.py": b"x = 10"}).write(tmp_path)
    found = files(wheel_layer([made], LAYOUT, store, bytecode=COMPILER), store)
    assert [path for path in found if path.endswith(".pyc")] == [f"{SITE}/__pycache__/fits.{TAG}.pyc"]
    assert found[f"{SITE}/large.py"].content == b"x = 10"


def test_a_wheel_without_modules_starts_no_interpreter(tmp_path: Path, store: Store) -> None:
    missing = BytecodeCompiler((str(tmp_path / "missing"),), "3.11.2")
    wheel_layer([WheelMaker({"a.txt": b""}).write(tmp_path)], LAYOUT, store, bytecode=missing)


def test_an_interpreter_that_fails_is_the_worlds_fault(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = WheelMaker(SOURCES).write(tmp_path)
    cases = {
        "cannot start": (str(tmp_path / "missing"),),
        "crashed": ("/bin/sh", "-c", "exit 1"),
        "took more than": ("/bin/sh", "-c", "sleep 60"),
    }
    for why, argv in cases.items():
        monkeypatch.setattr(bytecode, "TIME_LIMIT_S", 0.2 if why.startswith("took") else 60.0)
        with pytest.raises(WorldError, match=why) as caught:
            wheel_layer([made], LAYOUT, store, bytecode=BytecodeCompiler(argv, "3.11.2"))
        assert "bytecode = false" in caught.value.mend
        assert list(store.blobs.items()) == []


def test_an_answer_of_absurd_length_is_a_crash(tmp_path: Path, store: Store) -> None:
    liar = BytecodeCompiler(("/bin/sh", "-c", "printf '\\377\\377\\377\\377'; sleep 5"), "3.11.2")
    with pytest.raises(WorldError, match="crashed"):
        wheel_layer([WheelMaker(SOURCES).write(tmp_path)], LAYOUT, store, bytecode=liar)


def test_a_damaged_source_is_told_by_name(tmp_path: Path, store: Store) -> None:
    maker = WheelMaker({"demo/a.py": b"x = 1\n", "demo/b.py": b"y = 1\n"})
    good = {key: value for key, value in maker.members().items() if not key.endswith("/RECORD")}
    record = record_text({**good, "demo/b.py": b"y = 2\n"}, "demo-1.0.dist-info/RECORD")
    made = replace(maker, record=record).write(tmp_path)
    with pytest.raises(InputError, match=r"demo/b\.py.*RECORD"):
        wheel_layer([made], LAYOUT, store, bytecode=COMPILER)


def test_the_compiler_answers_every_request_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [b"x = 1", b"print 'no'", b""]
    requests = b"".join(struct.pack(">II", 2, len(s)) + b"/a" + s for s in sources)
    answers = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(requests)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=answers))
    with warnings.catch_warnings():
        compile_worker.main()
    answers.seek(0)
    found = []
    while length := answers.read(4):
        found.append(answers.read(struct.unpack(">I", length)[0]))
    assert [bool(bytecode) for bytecode in found] == [True, False, True]
    assert marshal.loads(found[0][16:]).co_filename == "/a"  # noqa: S302 - bytecode that we and pip compiled - our own
