"""What enters an image is what the program needs: no secrets, and no weights unless asked for by name."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.dockerfile.ignore import IgnoreFile
from wherry.errors import InputError
from wherry.project import source
from wherry.project.project import read_project
from wherry.project.source import SourceTree, content_digest, source_files, tree_digest

if TYPE_CHECKING:
    from collections.abc import Mapping


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def tree_of(root: Path, wherry: str = "", files: Mapping[str, str | bytes] | None = None) -> SourceTree:
    write(root, {"pyproject.toml": f"[tool.wherry]\n{wherry}\n", **(files or {})})
    return source_files(read_project(root))


def names(tree: SourceTree) -> list[str]:
    return [file.relative for file in tree.files if file.relative != "pyproject.toml"]


def reasons(tree: SourceTree) -> dict[str, tuple[str, ...]]:
    return {group.reason: group.examples for group in tree.left_out}


def test_a_plain_project_is_taken_whole_in_the_order_of_its_bytes(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": "x", "app/b.py": "y", "app/Z.py": "z", "app-1.txt": "w", "é.txt": "v"})
    tree = tree_of(tmp_path)
    assert names(tree) == ["app-1.txt", "app.py", "app/Z.py", "app/b.py", "é.txt"]
    assert tree.size_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert tree.files[0].path == tmp_path.resolve() / "app-1.txt"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".git/config", "version control"),
        ("sub/.git/config", "version control"),
        (".hg/x", "version control"),
        (".venv/x.py", "virtual environment"),
        ("envs/mine/pyvenv.cfg", "virtual environment"),
        ("conda/conda-meta/history", "virtual environment"),
        ("a/__pycache__/a.cpython-312.pyc", "caches and bytecode"),
        ("a/b.pyc", "caches and bytecode"),
        (".mypy_cache/x", "caches and bytecode"),
        (".DS_Store", "caches and bytecode"),
        ("out/oci-layout", "an image that wherry wrote"),
        (".env", "secrets by their names"),
        (".env.production", "secrets by their names"),
        (".envrc", "secrets by their names"),
        ("config/prod.env", "secrets by their names"),
        ("certs/server.pem", "secrets by their names"),
        ("certs/server.KEY", "secrets by their names"),
        ("id_rsa", "secrets by their names"),
        ("keys/id_ed25519_work", "secrets by their names"),
        (".netrc", "secrets by their names"),
        (".pypirc", "secrets by their names"),
        ("pip.conf", "secrets by their names"),
        (".ssh/config", "secrets by their names"),
        (".aws/config", "secrets by their names"),
        ("credentials.json", "secrets by their names"),
        ("client_secret_1.apps.json", "secrets by their names"),
        ("service-account-prod.json", "secrets by their names"),
        ("my-service-account.json", "secrets by their names"),
        (".streamlit/secrets.toml", "secrets by their names"),
        ("kubeconfig", "secrets by their names"),
        ("infra/terraform.tfstate", "secrets by their names"),
        ("kaggle.json", "secrets by their names"),
        ("model.safetensors", "model weights"),
        ("a/b/MODEL.PT", "model weights"),
        ("m.gguf", "model weights"),
        ("m.onnx", "model weights"),
        ("m.h5", "model weights"),
        ("explore.ipynb", "notebooks"),
        ("data/labels.txt", "data"),
        ("datasets/x", "data"),
        ("mlruns/0/meta.yaml", "data"),
        ("wandb/run/x", "data"),
        ("tests/test_a.py", "tests"),
        ("docs/index.md", "documentation"),
        ("dist/a.whl", "files for building, not for running"),
        ("node_modules/x/index.js", "files for building, not for running"),
        ("Dockerfile", "files for building, not for running"),
        ("Dockerfile.gpu", "files for building, not for running"),
        ("docker-compose.prod.yml", "files for building, not for running"),
        ("uv.lock", "files for building, not for running"),
        ("pylock.gpu.toml", "files for building, not for running"),
        ("my.egg-info/PKG-INFO", "files for building, not for running"),
        (".github/workflows/x.yml", "files for building, not for running"),
    ],
)
def test_what_no_program_needs_stays_out_without_being_told(tmp_path: Path, name: str, reason: str) -> None:
    tree = tree_of(tmp_path, files={name: "x", "app.py": "y"})
    assert names(tree) == ["app.py"]
    assert list(reasons(tree)) == [reason]
    (example,) = reasons(tree)[reason]
    assert name.startswith(example)


@pytest.mark.parametrize(
    "name",
    [
        "id_rsa.pub",
        ".streamlit/config.toml",
        "app/data/loader.py",
        "data/__init__.py",
        "build/tool.py",
        "app/tests/helper.py",
        "app/docs/page.md",
        "small.csv",
        "vocab.bin",
        "environment.py",
        "keys.py",
        "requirements.txt",
        ".well-known/security.txt",
        "runs/__init__.py",
    ],
)
def test_what_only_looks_like_it_is_taken(tmp_path: Path, name: str) -> None:
    assert names(tree_of(tmp_path, files={name: "x"})) == [name]


BIG = b"\1" * (1024 * 1024)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("table.csv", BIG, "data"),
        ("table.parquet", BIG, "data"),
        ("pytorch_model.bin", BIG, "model weights"),
        ("forest.pkl", BIG, "model weights"),
        ("weights", b"GGUF" + BIG, "model weights"),
        ("weights.dat", b'\x10\0\0\0\0\0\0\0{ "a"' + BIG, "model weights"),
        ("net", b"\x89HDF\r\n\x1a\n" + BIG, "model weights"),
        ("app.tar", b"oci-layout\0" + b"\0" * 600, "an image that wherry wrote"),
        ("app2.tar", b"blobs/sha256/" + b"\0" * 600, "an image that wherry wrote"),
    ],
)
def test_large_files_are_known_by_size_or_by_their_first_bytes(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    tree = tree_of(tmp_path, files={name: content})
    assert names(tree) == []
    assert list(reasons(tree)) == [reason]
    assert tree.left_out[0].size_bytes == len(content)


def test_a_large_file_of_no_known_kind_is_taken(tmp_path: Path) -> None:
    assert names(tree_of(tmp_path, files={"native.so": BIG, "some.tar": b"app.py\0"})) == [
        "native.so",
        "some.tar",
    ]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("['.', 'models/tiny.onnx']", ["app.py", "models/tiny.onnx"]),
        ("['app.py', 'models/*.onnx']", ["app.py", "models/tiny.onnx"]),
        ("['app.py', '**/*.onnx']", ["app.py", "models/tiny.onnx"]),
        ("['.', 'models']", ["app.py"]),
        ("['.', 'models/*']", ["app.py"]),
        ("['**']", ["app.py"]),
        ("['models']", []),
    ],
)
def test_weights_enter_only_by_name(tmp_path: Path, include: str, expected: list[str]) -> None:
    tree = tree_of(tmp_path, f"include = {include}", files={"app.py": "", "models/tiny.onnx": "w"})
    assert names(tree) == expected


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("['.', 'certs/ca.pem']", ["app.py", "certs/ca.pem"]),
        ("['.', 'certs/*.pem']", ["app.py"]),
        ("['.', 'certs']", ["app.py"]),
        ("['.', '.secrets']", ["app.py"]),
        ("['.', '.secrets/public.txt']", [".secrets/public.txt", "app.py"]),
    ],
)
def test_a_file_with_a_secrets_name_enters_only_by_its_exact_path(
    tmp_path: Path, include: str, expected: list[str]
) -> None:
    files = {"app.py": "", "certs/ca.pem": "", ".secrets/public.txt": ""}
    assert names(tree_of(tmp_path, f"include = {include}", files=files)) == expected


@pytest.mark.parametrize("name", [".git/config", ".venv/lib/a.py", "a/__pycache__/b.py", "image/oci-layout"])
def test_some_things_no_include_brings_back(tmp_path: Path, name: str) -> None:
    tree = tree_of(
        tmp_path, f"include = ['.', '{name}', '{name.split('/', maxsplit=1)[0]}']", files={name: "x"}
    )
    assert name not in names(tree)


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("['app', 'data']", ["app/a.py", "data/labels.txt", "data/more/x.txt"]),
        ("['app', 'data/labels.txt']", ["app/a.py", "data/labels.txt"]),
        ("['app', 'data/more']", ["app/a.py", "data/more/x.txt"]),
        ("['app', '*.ipynb']", ["app/a.py", "n.ipynb"]),
        ("['app']", ["app/a.py"]),
        ("['app/*.py']", ["app/a.py"]),
        ("['nothing']", []),
    ],
)
def test_include_names_what_enters(tmp_path: Path, include: str, expected: list[str]) -> None:
    files = {"app/a.py": "", "data/labels.txt": "", "data/more/x.txt": "", "n.ipynb": "", "other/b.py": ""}
    assert names(tree_of(tmp_path, f"include = {include}", files=files)) == expected


def test_exclude_wins_over_include_and_its_directories_are_never_entered(tmp_path: Path) -> None:
    files = {"app/a.py": "", "app/big/b.py": "", "app/c.txt": ""}
    tree = tree_of(
        tmp_path, "include = ['app', 'app/big/b.py']\nexclude = ['app/big', '**/*.txt']", files=files
    )
    assert names(tree) == ["app/a.py"]
    assert reasons(tree)["exclude in pyproject.toml"] == ("app/c.txt", "app/big/")


def test_the_dockerignore_is_obeyed_with_its_exceptions(tmp_path: Path) -> None:
    files = {".dockerignore": "*\n!app\napp/**/*.log\n", "app/a.py": "", "app/x/b.log": "", "other/b.py": ""}
    tree = tree_of(tmp_path, files=files)
    assert names(tree) == ["app/a.py"]
    assert "other/" in reasons(tree)[".dockerignore"]


def test_include_names_a_file_that_dockerignore_leaves_out(tmp_path: Path) -> None:
    files = {
        ".dockerignore": "config\n*.txt\n",
        "config/prod.toml": "",
        "config/x.toml": "",
        "a.txt": "",
        "b.txt": "",
    }
    tree = tree_of(tmp_path, "include = ['.', 'config/prod.toml', 'a.txt']", files=files)
    assert names(tree) == ["a.txt", "config/prod.toml"]


def test_a_wrong_pattern_is_answered_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        tree_of(tmp_path, "exclude = ['[']")
    assert caught.value.where == f"{tmp_path / 'pyproject.toml'}:2"
    with pytest.raises(InputError) as caught:
        tree_of(tmp_path, files={".dockerignore": "a\n[\n"})
    assert caught.value.where == f"{tmp_path / '.dockerignore'}:2"


def test_executable_files_stay_executable_and_no_other_bit_matters(tmp_path: Path) -> None:
    write(tmp_path, {"run.sh": "#!/bin/sh\n", "a.py": ""})
    (tmp_path / "run.sh").chmod(0o700)
    (tmp_path / "a.py").chmod(0o666)
    found = {file.relative: file.executable for file in tree_of(tmp_path).files}
    assert found == {"a.py": False, "pyproject.toml": False, "run.sh": True}


def test_a_link_inside_the_tree_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path, {"app/a.py": "", "shared/x.py": ""})
    (tmp_path / "app/x.py").symlink_to("../shared/x.py")
    (tmp_path / "app/absolute.py").symlink_to(tmp_path.resolve() / "shared/x.py")
    (tmp_path / "all").symlink_to("shared")
    (tmp_path / "through.py").symlink_to("all/x.py")
    (tmp_path / "root").symlink_to(".")
    links = {file.relative: file.link for file in tree_of(tmp_path).files if file.link}
    assert links == {
        "all": "shared",
        "app/absolute.py": "../shared/x.py",
        "app/x.py": "../shared/x.py",
        "root": ".",
        "through.py": "shared/x.py",
    }


def test_links_to_nothing_and_loops_of_links_stay_out(tmp_path: Path) -> None:
    write(tmp_path, {"app/a.py": "", ".env": "SECRET"})
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "settings").symlink_to(".env")
    (tmp_path / "app/.#a.py").symlink_to("user@host.123")
    tree = tree_of(tmp_path)
    assert names(tree) == ["app/a.py"]
    group = next(group for group in tree.left_out if group.reason == "link to nothing in the image")
    assert group.count == 4


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.txt", "/nowhere/at/all"])
def test_a_link_out_of_the_project_is_an_error_that_names_it(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.txt").write_text("")
    write(tmp_path / "p", {"app.py": ""})
    (tmp_path / "p/leak").symlink_to(target)
    with pytest.raises(InputError, match="leads out of the project") as caught:
        tree_of(tmp_path / "p")
    assert caught.value.where == str(tmp_path / "p/leak")


def test_a_link_out_of_the_project_may_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"p/app.py": "", "venv/pyvenv.cfg": "", "elsewhere/x": ""})
    for name, target in {
        ".venv": "../venv",
        "env": "../venv",
        "leak": "../elsewhere",
        "node_modules": "../elsewhere",
    }.items():
        (tmp_path / "p" / name).symlink_to(target)
    assert names(tree_of(tmp_path / "p", "exclude = ['leak']")) == ["app.py"]


def test_pipes_and_sockets_are_not_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    finally:
        os.chdir(here)
    tree = tree_of(tmp_path, files={"app.py": ""})
    assert names(tree) == ["app.py"]
    assert reasons(tree)["not a regular file"]


def test_a_name_that_is_not_utf8_is_an_error_that_can_be_printed(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py"))).write_text("")
    with pytest.raises(InputError, match="not UTF-8") as caught:
        tree_of(tmp_path)
    assert "caf" in "\n".join(caught.value.lines()).encode().decode()


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_FILES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        tree_of(tmp_path, files={f"{number}.txt": "" for number in range(5)})


def test_a_directory_that_vanishes_is_an_error(tmp_path: Path) -> None:
    project = read_project(write(tmp_path / "p", {"requirements.txt": ""}))
    (tmp_path / "p/requirements.txt").unlink()
    (tmp_path / "p").rmdir()
    with pytest.raises(InputError, match="cannot read the directory"):
        source_files(project)


def test_the_summary_counts_and_gives_a_few_examples(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, files={f"{number}.ipynb": "12" for number in range(9)})
    (group,) = tree.left_out
    assert (group.count, group.size_bytes, len(group.examples)) == (9, 18, 3)


def digest(root: Path) -> str:
    return tree_digest(source_files(read_project(root)).files)


def test_equal_trees_have_equal_digests_wherever_they_lie(tmp_path: Path) -> None:
    for name, mode in (("a", 0o600), ("b", 0o644)):
        root = write(tmp_path / name, {"requirements.txt": "", "app/x.py": "1", "y.py": "2"})
        (root / "y.py").chmod(mode)
        (root / "link").symlink_to("y.py")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize("change", ["content", "name", "mode", "link", "link to another"])
def test_any_change_that_shows_changes_the_digest(tmp_path: Path, change: str) -> None:
    root = write(tmp_path, {"requirements.txt": "", "x.py": "1", "y.py": "1"})
    before = digest(root)
    if change == "content":
        (root / "x.py").write_text("2")
    elif change == "name":
        (root / "x.py").rename(root / "z.py")
    elif change == "mode":
        (root / "x.py").chmod(0o755)
    elif change == "link":
        (root / "x.py").unlink()
        (root / "x.py").symlink_to("y.py")
    else:
        (root / "l").symlink_to("x.py")
        before = digest(root)
        (root / "l").unlink()
        (root / "l").symlink_to("y.py")
    assert digest(root) != before


def test_known_digests_are_not_read_again(tmp_path: Path) -> None:
    files = source_files(read_project(write(tmp_path, {"requirements.txt": "", "x.py": "1"}))).files
    known = {file.relative: content_digest(file) for file in files}
    (tmp_path / "x.py").unlink()
    assert tree_digest(files, known)
    with pytest.raises(InputError, match="cannot read the file"):
        tree_digest(files)


def test_a_stamp_changes_with_the_content(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "", "x.py": "1"})
    before = {file.relative: file.stamp for file in source_files(read_project(tmp_path)).files}
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").replace(tmp_path / "x.py")
    after = {file.relative: file.stamp for file in source_files(read_project(tmp_path)).files}
    assert before["x.py"] != after["x.py"]
    assert before["requirements.txt"] == after["requirements.txt"]


_part = st.sampled_from(["a", "b", "data", "x.py", "m.onnx", ".env"])
_paths = st.lists(st.lists(_part, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8)
_lines = st.lists(
    st.sampled_from(["a", "b", "*", "**/x.py", "!a", "!a/b", "data/*", "!**/x.py", "a/*/b"]), max_size=4
)


@settings(max_examples=150, deadline=None)
@given(paths=_paths, lines=_lines)
def test_pruning_never_changes_what_dockerignore_says(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], lines: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name in paths:
        path = root / "in" / name  # not at the top, so that only .dockerignore judges most names
        if not path.exists() and not any(parent.is_file() for parent in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    prefixed = [line.replace("!", "!in/") if line.startswith("!") else f"in/{line}" for line in lines]
    write(root, {"requirements.txt": "", ".dockerignore": "\n".join(prefixed)})
    project = read_project(root)
    ignore = IgnoreFile.parse("\n".join(prefixed))
    everything = {path.relative_to(root).as_posix() for path in (root / "in").rglob("*") if path.is_file()}
    expected = {
        name for name in everything if not ignore.matches(name) and not name.endswith((".onnx", ".env"))
    }
    assert {file.relative for file in source_files(project).files} - {"requirements.txt"} == expected
