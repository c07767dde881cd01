from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.layers.wheel_maker import WheelMaker, record_text
from wherry.errors import InputError, WorldError
from wherry.layers.model import Layout, OwnedFile
from wherry.layers.wheel import Placed, open_wheel, wheel_facts

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = Layout()
SITE = "opt/venv/lib/python3.11/site-packages"


def installed(maker: WheelMaker, directory: Path, layout: Layout = LAYOUT) -> dict[str, Placed]:
    made = maker.write(directory)
    with open_wheel(made.path, made.filename) as wheel:
        files = wheel.install(layout)
    assert [file.path.encode() for file in files] == sorted(file.path.encode() for file in files)
    return {file.path: file for file in files}


def record_of(files: dict[str, Placed], info: str = "demo-1.0.dist-info") -> list[list[str]]:
    content = files[f"{SITE}/{info}/RECORD"].content
    assert isinstance(content, bytes)
    return list(csv.reader(content.decode().splitlines()))


def test_each_scheme_goes_where_pip_puts_it(tmp_path: Path) -> None:
    maker = WheelMaker(
        {
            "demo/__init__.py": b"",
            "demo-1.0.data/purelib/pure.py": b"",
            "demo-1.0.data/platlib/plat.py": b"",
            "demo-1.0.data/scripts/run": b"#!python\nprint(1)\n",
            "demo-1.0.data/scripts/tool": b"\x7fELF",
            "demo-1.0.data/headers/demo.h": b"",
            "demo-1.0.data/data/share/man/demo.1": b"",
        },
        entry_points="[console_scripts]\ndemo = demo:main\n",
        executable=["demo-1.0.data/scripts/tool"],
    )
    files = installed(maker, tmp_path)
    assert set(files) == {
        "opt/venv/bin/demo",
        "opt/venv/bin/run",
        "opt/venv/bin/tool",
        "opt/venv/include/site/python3.11/demo/demo.h",
        "opt/venv/share/man/demo.1",
        f"{SITE}/demo/__init__.py",
        f"{SITE}/pure.py",
        f"{SITE}/plat.py",
        *(
            f"{SITE}/demo-1.0.dist-info/{name}"
            for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt")
        ),
    }
    assert {path for path, file in files.items() if file.mode == 0o755} == {
        "opt/venv/bin/demo",
        "opt/venv/bin/tool",
    }
    assert files["opt/venv/bin/run"].content == b"#!/opt/venv/bin/python\nprint(1)\n"
    paths = [row[0] for row in record_of(files)]
    assert paths[:3] == ["../../../bin/demo", "../../../bin/run", "../../../bin/tool"]
    assert paths == sorted(paths)
    assert "../../../include/site/python3.11/demo/demo.h" in paths


def test_facts_name_the_same_files_as_the_installed_tree(tmp_path: Path) -> None:
    maker = WheelMaker(
        {"demo/a.py": b"a", "demo-1.0.data/scripts/run": b"#!python\n", "demo-1.0.data/data/etc/x": b"x"},
        entry_points="[gui_scripts]\nwindow = demo.gui:Main.run\n",
        metadata="Name: Demo\nVersion: 1.0\nRequires-Dist: six>=1\nRequires-Python: >=3.8\n",
    )
    files = installed(maker, tmp_path)
    made = maker.write(tmp_path)
    facts = wheel_facts(made.path, made.filename)
    owned = {f"{LAYOUT.scheme_directory(file.scheme, facts.name)}/{file.path}" for file in facts.files}
    assert owned == set(files)
    assert (facts.name, facts.version, facts.display_name) == ("demo", "1.0", "Demo")
    assert (facts.requires, facts.requires_python, facts.tags) == (("six>=1",), ">=3.8", ("py3-none-any",))
    script = OwnedFile("scripts", "window", "script:demo.gui:Main.run", 0, executable=True)
    assert script in facts.files


def test_setuptools_wrappers_of_entry_points_are_passed_over(tmp_path: Path) -> None:
    scripts = ["demo", "demo.exe", "demo-script.py", "demo.pya", "other"]
    maker = WheelMaker(
        {f"demo-1.0.data/scripts/{name}": b"wrapper" for name in scripts},
        entry_points="[console_scripts]\ndemo = demo:main\n",
    )
    files = installed(maker, tmp_path)
    assert {path for path in files if path.startswith("opt/venv/bin/")} == {
        "opt/venv/bin/demo",
        "opt/venv/bin/other",
    }
    assert files["opt/venv/bin/demo"].content != b"wrapper"


def test_where_the_wheel_came_from_is_never_installed(tmp_path: Path) -> None:
    maker = WheelMaker(
        {"a.py": b""}, extra_info={"direct_url.json": b'{"url": "https://user:secret@index.example"}'}
    )
    files = installed(maker, tmp_path)
    assert not any("direct_url" in path for path in files)
    assert not any("direct_url" in row[0] for row in record_of(files))


def test_a_wheels_own_installer_file_gives_way_to_ours(tmp_path: Path) -> None:
    files = installed(WheelMaker({"a.py": b""}, extra_info={"INSTALLER": b"someone\n"}), tmp_path)
    assert files[f"{SITE}/demo-1.0.dist-info/INSTALLER"].content == b"wherry\n"


def test_unhashed_signatures_are_allowed_and_installed(tmp_path: Path) -> None:
    maker = WheelMaker({"a.py": b""}, extra_info={"RECORD.jws": b"{}"})
    members = {k: v for k, v in maker.members().items() if not k.endswith(("RECORD", "RECORD.jws"))}
    maker = replace(maker, record=record_text(members, "demo-1.0.dist-info/RECORD"))
    files = installed(maker, tmp_path)
    assert ["demo-1.0.dist-info/RECORD.jws", "", ""] in record_of(files)


GOOD = WheelMaker({"demo/__init__.py": b"x = 1\n"})
INFO = "demo-1.0.dist-info"


@pytest.mark.parametrize(
    ("maker", "why"),
    [
        (replace(GOOD, record=""), "no RECORD"),
        (replace(GOOD, record="demo/__init__.py,,\n"), "RECORD has no hash for it"),
        (replace(GOOD, record=f"{INFO}/METADATA,sha256=eA,\n"), "RECORD has no hash for it"),
        (replace(GOOD, record="a,b\n"), "line 1 of RECORD"),
        (replace(GOOD, hash_name="md5"), "PEP 427 wants sha256"),
        (
            replace(GOOD, record=record_text(GOOD.files, "x").replace(",6\n", ",7\n")),
            "size is not the one in RECORD",
        ),
        (replace(GOOD, dist_info="other-1.0.dist-info"), "is not that of demo"),
        (replace(GOOD, extra_info={"../x-1.dist-info/METADATA": b""}), "leads out"),
        (replace(GOOD, files={"x-1.0.dist-info/METADATA": b""}), "2 .dist-info directories"),
        (replace(GOOD, wheel_version="2.0"), "Wheel-Version is '2.0'"),
        (replace(GOOD, wheel_version=""), "Wheel-Version"),
        (replace(GOOD, metadata="Metadata-Version: 2.1\n\n"), "METADATA is of"),
        (replace(GOOD, metadata="Name: ../../x\n"), "METADATA is of"),
        (replace(GOOD, files={"demo-1.0.data/nowhere/x": b""}), "no scheme"),
        (replace(GOOD, files={"x.data": b""}), "no scheme"),
        (replace(GOOD, entry_points="[console_scripts]\nx = y\n"), "names no callable"),
        (replace(GOOD, entry_points="[console_scripts]\nx\n"), "no entry point"),
        (replace(GOOD, files={"demo-1.0.data/purelib/a": b"", "a/b": b""}), "a file and a directory"),
        (replace(GOOD, files={"/".join(["d" * 253] * 16): b""}), "installed path is longer"),
    ],
)
def test_a_wheel_that_is_wrong_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, maker: WheelMaker, why: str
) -> None:
    made = maker.write(tmp_path)
    with pytest.raises(InputError, match=why) as caught, open_wheel(made.path, made.filename) as wheel:
        wheel.install(LAYOUT)
    assert made.filename in caught.value.what
    assert len(caught.value.lines()) <= 3


def test_names_that_are_not_wheels_are_refused(tmp_path: Path) -> None:
    made = GOOD.write(tmp_path)
    for name in ("demo.whl", "demo-1.0-py3.whl", "demo-1.0-py3-none-any.zip"):
        with pytest.raises(InputError, match=r"."):
            wheel_facts(made.path, name)
    with pytest.raises(InputError, match="is not that of other"):
        wheel_facts(made.path, "other-1.0-py3-none-any.whl")
    with pytest.raises(WorldError, match="cannot read"):
        wheel_facts(tmp_path / "none.whl", made.filename)


def test_metadata_in_an_old_encoding_is_borne_and_record_in_one_is_not(tmp_path: Path) -> None:
    facts_of = replace(GOOD, metadata="Name: demo\nVersion: 1.0\nAuthor: J\u00f6rg\n")
    made = facts_of.write(tmp_path)
    assert wheel_facts(made.path, made.filename).name == "demo"
    broken = made.path.read_bytes()
    made.path.write_bytes(broken)
    latin = replace(GOOD, extra_info={"entry_points.txt": b"[console_scripts]\n\xf6 = a:b\n"}).write(tmp_path)
    with pytest.raises(InputError, match="not UTF-8"):
        wheel_facts(latin.path, latin.filename)
