"""The command is found by reading, never by importing; what is undecided is asked with the line to add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.project import programs
from wherry.project.command import Command, find_command
from wherry.project.project import read_project
from wherry.project.source import source_files

if TYPE_CHECKING:
    from pathlib import Path

FASTAPI = "from fastapi import FastAPI\n\napp = FastAPI()\n"
MAIN = "if __name__ == '__main__':\n    print()\n"
BUILT = "[build-system]\nrequires = []\n[project]\nname = 'my-app'\n"
EVERYTHING = ("uvicorn", "gunicorn", "streamlit", "gradio", "sanic", "daphne")


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in {"requirements.txt": "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def command(root: Path, files: dict[str, str], available: tuple[str, ...] = EVERYTHING) -> Command:
    write(root, files)
    return find_command(read_project(root), available)


def undecided(root: Path, files: dict[str, str], available: tuple[str, ...] = EVERYTHING) -> InputError:
    write(root, files)
    with pytest.raises(InputError) as caught:
        find_command(read_project(root), available)
    assert len(caught.value.lines()) == 3
    assert all(len(line) < 700 for line in caught.value.lines())
    return caught.value


# ---- what the table says


def test_the_tables_command_is_taken_as_it_is(tmp_path: Path) -> None:
    text = "[tool.wherry]\ncommand = 'gunicorn app:app'\nports = [9000, '53/udp']\n"
    found = command(tmp_path, {"pyproject.toml": text, "other.py": FASTAPI})
    assert found.argv == ("gunicorn", "app:app")
    assert found.place == f"{tmp_path / 'pyproject.toml'}:2"
    assert found.ports == (9000,)
    assert found.python_path == (".",)
    assert found.needs_source


@pytest.mark.parametrize(
    ("words", "needs_source"),
    [
        ("['serve']", False),
        ("['python', '-m', 'my_app.server']", False),
        ("['uvicorn', 'my_app.api:app']", False),
        ("['python', 'tools/serve.py']", True),
        ("['python', '-m', 'loose']", True),
        ("['uvicorn', 'loose:app', '--port', '80']", True),
    ],
)
def test_a_command_that_starts_a_file_beside_the_package_needs_the_source(
    tmp_path: Path,
    words: str,
    needs_source: bool,  # noqa: FBT001 - a column of the table
) -> None:
    files = {
        "pyproject.toml": f"{BUILT}[tool.wherry]\ncommand = {words}\n",
        "tools/serve.py": "",
        "loose.py": "",
    }
    found = command(tmp_path, files | {"my_app/__init__.py": "", "my_app/server.py": "", "src/x.py": ""})
    assert found.needs_source == needs_source
    assert found.python_path == ((".", "src") if needs_source else ())


# ---- scripts


def test_the_one_script_is_the_command_even_beside_an_application(tmp_path: Path) -> None:
    text = BUILT + "[project.scripts]\nserve = 'my_app.cli:main'\n"
    found = command(tmp_path, {"pyproject.toml": text, "src/my_app/api.py": FASTAPI})
    assert found.argv == ("serve",)
    assert found.place.endswith("pyproject.toml:6")
    assert not found.needs_source


def test_of_several_scripts_the_projects_namesake_is_the_command(tmp_path: Path) -> None:
    text = BUILT + "[project.scripts]\ntrain = 'my_app:train'\nmy-app = 'my_app:main'\n"
    assert command(tmp_path, {"pyproject.toml": text}).argv == ("my-app",)


def test_several_scripts_are_listed(tmp_path: Path) -> None:
    text = BUILT + "[project.scripts]\ntrain = 'my_app:train'\nserve = 'my_app:main'\n"
    error = undecided(tmp_path, {"pyproject.toml": text, "api.py": FASTAPI})
    assert "script train" in error.what
    assert "pyproject.toml:7" in error.what
    assert error.mend == 'say which below [tool.wherry]: command = ["train"]'


@pytest.mark.parametrize(
    ("files", "root"), [({}, "."), ({"src/my_app/cli.py": ""}, "src"), ({"src/my_app.py": ""}, "src")]
)
def test_a_script_that_nothing_installs_is_called_directly(
    tmp_path: Path, files: dict[str, str], root: str
) -> None:
    text = "[project]\nname = 'my-app'\n[project.scripts]\nserve = 'my_app.cli:App.run'\n"
    found = command(tmp_path, {"pyproject.toml": text, **files})
    assert found.argv == ("python", "-c", "import sys; from my_app.cli import App; sys.exit(App.run())")
    assert found.python_path == (root,)
    assert found.needs_source


# ---- packages, modules


def test_a_package_with_main_is_started_by_name(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/__main__.py": "",
        "pkg/sub/__init__.py": "",
        "pkg/sub/__main__.py": "",
    }
    found = command(tmp_path, files | {"train.py": MAIN, "pkg/api.py": FASTAPI})
    assert found.argv == ("python", "-m", "pkg")
    assert found.python_path == (".",)


def test_an_installed_package_needs_no_source(tmp_path: Path) -> None:
    files = {"pyproject.toml": BUILT, "src/my_app/__init__.py": "", "src/my_app/__main__.py": ""}
    found = command(tmp_path, files)
    assert (found.argv, found.python_path, found.needs_source) == (("python", "-m", "my_app"), (), False)


@pytest.mark.parametrize(
    ("files", "argv", "root"),
    [
        ({"serve.py": MAIN}, ("python", "serve.py"), "."),
        ({"my-server.py": MAIN}, ("python", "my-server.py"), "."),
        ({"src/server.py": MAIN}, ("python", "-m", "src.server"), "."),
        ({"src/server.py": MAIN, "src/__init__.py": ""}, ("python", "-m", "src.server"), "."),
        (
            {"src/server.py": "from src.model import x\n" + MAIN, "src/model.py": ""},
            ("python", "-m", "src.server"),
            ".",
        ),
        ({"src/server.py": "import model\n" + MAIN, "src/model.py": ""}, ("python", "-m", "server"), "src"),
        ({"src/app/server.py": MAIN, "src/app/__init__.py": ""}, ("python", "-m", "app.server"), "src"),
        ({"app/serve-it.py": MAIN}, ("python", "app/serve-it.py"), "."),
        ({"__main__.py": MAIN}, ("python", "__main__.py"), "."),
        ({"a.py": "if '__main__' == __name__:\n  pass\n"}, ("python", "a.py"), "."),
    ],
)
def test_a_module_with_a_main_guard_is_started_as_its_imports_want(
    tmp_path: Path, files: dict[str, str], argv: tuple[str, ...], root: str
) -> None:
    found = command(tmp_path, files)
    assert found.argv == argv
    assert found.python_path == (root,)
    assert found.needs_source


def test_a_guarded_module_that_another_imports_is_a_part_of_it(tmp_path: Path) -> None:
    assert command(tmp_path, {"app.py": "import model\n" + MAIN, "model.py": MAIN}).argv == (
        "python",
        "app.py",
    )


def test_modules_that_import_each_other_are_both_listed(tmp_path: Path) -> None:
    assert (
        "2 commands" in undecided(tmp_path, {"a.py": "import b\n" + MAIN, "b.py": "import a\n" + MAIN}).what
    )


# ---- applications


@pytest.mark.parametrize(
    ("text", "available", "argv"),
    [
        (FASTAPI, ("uvicorn",), "uvicorn web:app --host 0.0.0.0 --port 8000"),
        (FASTAPI, ("hypercorn",), "hypercorn web:app --bind 0.0.0.0:8000"),
        (FASTAPI, ("granian",), "granian --interface asgi --host 0.0.0.0 --port 8000 web:app"),
        (FASTAPI, ("daphne",), "daphne -b 0.0.0.0 -p 8000 web:app"),
        (FASTAPI, ("gunicorn", "uvicorn"), "uvicorn web:app --host 0.0.0.0 --port 8000"),
        (
            "import fastapi as f\napi: f.FastAPI = f.FastAPI()\n",
            ("uvicorn",),
            "uvicorn web:api --host 0.0.0.0 --port 8000",
        ),
        (
            "from starlette.applications import Starlette as S\nx = S()\n",
            ("uvicorn",),
            "uvicorn web:x --host 0.0.0.0 --port 8000",
        ),
        (
            "from litestar import Litestar\napp = Litestar([])\n",
            ("uvicorn",),
            "uvicorn web:app --host 0.0.0.0 --port 8000",
        ),
        (
            "import falcon.asgi\napp = falcon.asgi.App()\n",
            ("uvicorn",),
            "uvicorn web:app --host 0.0.0.0 --port 8000",
        ),
        (
            "from flask import Flask\napp = Flask(__name__)\n",
            ("gunicorn",),
            "gunicorn web:app --bind 0.0.0.0:8000",
        ),
        (
            "from flask import Flask\napp = Flask(__name__)\n",
            ("waitress",),
            "waitress-serve --host=0.0.0.0 --port=8000 web:app",
        ),
        (
            "from flask import Flask\napp = Flask(__name__)\n",
            ("granian",),
            "granian --interface wsgi --host 0.0.0.0 --port 8000 web:app",
        ),
        (
            "import dash\napp = dash.Dash()\nserver = app.server\n",
            ("gunicorn",),
            "gunicorn web:server --bind 0.0.0.0:8000",
        ),
        (
            "from sanic import Sanic\napp = Sanic('x')\n",
            ("sanic",),
            "sanic web:app --host 0.0.0.0 --port 8000",
        ),
        (
            "try:\n  from fastapi import FastAPI\nexcept E:\n  0\nif 1:\n  with x:\n    app = FastAPI()\n",
            ("uvicorn",),
            "uvicorn web:app --host 0.0.0.0 --port 8000",
        ),
        (
            "from fastapi import FastAPI\nadmin = FastAPI()\napp = FastAPI()\n",
            ("uvicorn",),
            "uvicorn web:app --host 0.0.0.0 --port 8000",
        ),
        (
            "from fastapi import FastAPI\ndef make():\n  x = FastAPI()\n  return x\napp = make()\n",
            ("uvicorn",),
            "uvicorn web:app --host 0.0.0.0 --port 8000",
        ),
    ],
)
def test_an_application_is_served_by_the_server_that_is_locked(
    tmp_path: Path, text: str, available: tuple[str, ...], argv: str
) -> None:
    found = command(tmp_path, {"web.py": text}, available)
    assert " ".join(found.argv) == argv
    assert found.ports == (8000,)
    assert "web.py" in found.reason


FACTORY = (
    "from flask import Flask\ndef create_app(config=None, *, debug=False):\n    return Flask(__name__)\n"
)
ASGI_FACTORY = "from fastapi import FastAPI\ndef create_app() -> FastAPI:\n    return build()\n"


@pytest.mark.parametrize(
    ("text", "available", "argv"),
    [
        (FACTORY, ("gunicorn",), "gunicorn web:create_app() --bind 0.0.0.0:8000"),
        (FACTORY, ("waitress",), "waitress-serve --host=0.0.0.0 --port=8000 --call web:create_app"),
        (ASGI_FACTORY, ("uvicorn",), "uvicorn web:create_app --factory --host 0.0.0.0 --port 8000"),
        (ASGI_FACTORY, ("hypercorn",), "hypercorn web:create_app() --bind 0.0.0.0:8000"),
        (
            ASGI_FACTORY,
            ("granian",),
            "granian --interface asgi --factory --host 0.0.0.0 --port 8000 web:create_app",
        ),
        (
            "from sanic import Sanic\ndef make():\n  return Sanic('x')\n",
            ("sanic",),
            "sanic web:make --factory --host 0.0.0.0 --port 8000",
        ),
    ],
)
def test_a_factory_is_called_by_its_server(
    tmp_path: Path, text: str, available: tuple[str, ...], argv: str
) -> None:
    assert " ".join(command(tmp_path, {"web.py": text}, available).argv) == argv


@pytest.mark.parametrize(
    "text",
    [
        "from flask import Flask\ndef create_app(config):\n    return Flask(__name__)\n",
        "from flask import Flask\ndef create_app(*, config):\n    return Flask(__name__)\n",
        "from flask import Flask\ndef create_app():\n    def inner():\n        return Flask(__name__)\n",
        "from flask import Flask\nclass A:\n    app = Flask(__name__)\n",
        "from flask import Flask\ndef f():\n    app = Flask(__name__)\n",
        "from dash import Dash\napp = Dash()\n",
        "Flask = print\napp = Flask()\n# flask\n",
        "from flask import Flask\napp = wrap(x).server\n",
    ],
)
def test_what_no_server_could_load_is_no_application(tmp_path: Path, text: str) -> None:
    assert "no command found" in undecided(tmp_path, {"web.py": text}).what


def test_daphne_cannot_call_a_factory(tmp_path: Path) -> None:
    assert "no server in the lock" in undecided(tmp_path, {"web.py": ASGI_FACTORY}, ("daphne",)).what


def test_an_application_without_a_server_says_which_to_add(tmp_path: Path) -> None:
    error = undecided(tmp_path, {"web.py": FASTAPI}, ())
    assert error.what.endswith("web.py:3 has no server in the lock: add uvicorn")
    error = undecided(tmp_path, {"web.py": "from flask import Flask\napp = Flask('x')\n"}, ("flask",))
    assert error.what.endswith("add gunicorn")


def test_an_application_without_a_server_is_started_by_its_own_main_guard(tmp_path: Path) -> None:
    assert command(tmp_path, {"web.py": FASTAPI + MAIN}, ()).argv == ("python", "web.py")


def test_the_one_configured_port_is_where_a_server_listens(tmp_path: Path) -> None:
    found = command(tmp_path, {"pyproject.toml": "[tool.wherry]\nports = [9001]\n", "web.py": FASTAPI})
    assert found.argv[-1] == "9001"
    assert found.ports == (9001,)


def test_an_application_that_another_mounts_is_a_part_of_it(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/main.py": "from .api.v1 import app as v1\n" + FASTAPI,
        "app/api/__init__.py": "from ..deep import x\n",
        "app/api/v1.py": FASTAPI,
    }
    assert command(tmp_path, files).argv[1] == "app.main:app"


def test_several_applications_are_listed_with_their_places(tmp_path: Path) -> None:
    error = undecided(tmp_path, {f"web{number}.py": FASTAPI for number in range(8)})
    assert "8 commands are possible" in error.what
    assert "web0.py:3" in error.what
    assert "and 3 more" in error.what
    assert error.mend.startswith('say which below [tool.wherry]: command = ["uvicorn", "web0:app"')


def test_an_installed_application_is_named_as_it_is_imported(tmp_path: Path) -> None:
    files = {"pyproject.toml": BUILT, "src/my_app/__init__.py": "", "src/my_app/api.py": FASTAPI}
    found = command(tmp_path, files)
    assert found.argv[1] == "my_app.api:app"
    assert (found.python_path, found.needs_source) == ((), False)


def test_an_application_beside_the_package_needs_the_source(tmp_path: Path) -> None:
    files = {"pyproject.toml": BUILT, "my_app/__init__.py": "", "web.py": FASTAPI, "tools/x.py": ""}
    found = command(tmp_path, files)
    assert (found.argv[1], found.python_path, found.needs_source) == ("web:app", (".",), True)


DJANGO = "from django.core.{0} import get_{0}_application\napplication = get_{0}_application()\n"


@pytest.mark.parametrize(
    ("available", "argv"),
    [
        (("gunicorn",), "gunicorn site1.wsgi:application --bind 0.0.0.0:8000"),
        (("gunicorn", "uvicorn"), "gunicorn site1.wsgi:application --bind 0.0.0.0:8000"),
        (("gunicorn", "daphne"), "daphne -b 0.0.0.0 -p 8000 site1.asgi:application"),
        (("uvicorn",), "uvicorn site1.asgi:application --host 0.0.0.0 --port 8000"),
    ],
)
def test_django_is_served_through_the_door_its_server_wants(
    tmp_path: Path, available: tuple[str, ...], argv: str
) -> None:
    files = {"manage.py": MAIN, "site1/__init__.py": ""}
    files |= {f"site1/{door}.py": DJANGO.format(door) for door in ("asgi", "wsgi")}
    assert " ".join(command(tmp_path, files, available).argv) == argv


# ---- interfaces


@pytest.mark.parametrize(
    "text",
    [
        "import streamlit as st\nst.title('x')\n",
        "import streamlit as st\nwith st.sidebar:\n    pass\nif x:\n    st.write('x')\n",
        "import streamlit as st\ndef page():\n    st.title('x')\npage()\n",
        "import streamlit as st\ndef page():\n    st.title('x')\n" + MAIN,
    ],
)
def test_a_streamlit_script_is_run_by_streamlit(tmp_path: Path, text: str) -> None:
    found = command(tmp_path, {"ui/app.py": text, "pages/two.py": "import streamlit as st\nst.title('x')\n"})
    expected = "streamlit run ui/app.py --server.address=0.0.0.0 --server.port=8501 --server.headless=true"
    assert " ".join(found.argv) == expected
    assert found.ports == (8501,)
    assert found.needs_source


def test_streamlits_own_default_name_is_preferred(tmp_path: Path) -> None:
    text = "import streamlit as st\nst.title('x')\n"
    assert command(tmp_path, {"a.py": text, "streamlit_app.py": text}).argv[2] == "streamlit_app.py"


def test_a_module_that_only_helps_streamlit_is_no_script(tmp_path: Path) -> None:
    text = "import streamlit as st\ndef page():\n    st.title('x')\n"
    assert "no command" in undecided(tmp_path, {"helper.py": text}).what
    assert "no command" in undecided(tmp_path, {"helper.py": "import streamlit\nf()\n"}).what


def test_a_gradio_script_listens_on_all_interfaces(tmp_path: Path) -> None:
    text = "import gradio as gr\ndemo = gr.Interface(f)\nif __name__ == '__main__':\n    demo.launch()\n"
    found = command(tmp_path, {"app.py": text})
    assert found.argv == ("python", "app.py")
    assert found.env == {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "7860"}  # noqa: S104 - in a container
    assert found.ports == (7860,)
    (tmp_path / "app.py").unlink()
    assert command(tmp_path, {"ui/app.py": text}).argv == ("python", "-m", "ui.app")


def test_gradio_that_is_never_launched_is_no_script(tmp_path: Path) -> None:
    assert "no command" in undecided(tmp_path, {"a.py": "import gradio\n"}).what


# ---- what is not looked at, and what is survived


@pytest.mark.parametrize(
    "name",
    [
        ".venv/lib/x.py",
        "env/lib/x.py",
        "tests/x.py",
        "test_x.py",
        "x_test.py",
        "node_modules/x.py",
        ".hidden/x.py",
        "docs/x.py",
        "examples/x.py",
        "setup.py",
        "conftest.py",
        "scripts/x.py",
        "x.ipynb",
    ],
)
def test_what_is_not_the_program_is_not_looked_at(tmp_path: Path, name: str) -> None:
    files = {name: MAIN, "env/pyvenv.cfg": ""}
    assert "no command found" in undecided(tmp_path, files).what


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit\n" + FASTAPI
    assert command(tmp_path, {"web.py": text}).argv[0] == "uvicorn"
    assert not (tmp_path / "ran").exists()


HOSTILE = {
    "syntax": "if x(:  # __main__\n",
    "nul": "x = 1\0 # __main__",
    "brackets": "(" * 50_000 + "# __main__",
    "unary": "x = " + "-" * 100_000 + "1 # __main__",
    "attributes": "x = a" + ".b" * 20_000 + " # __main__",
    "calls": "x = " + "f(" * 5000 + ")" * 5000 + " # __main__",
    "additions": "x = " + "+".join(["1"] * 20_000) + " # __main__",
    "blocks": "\n".join(" " * depth + "if x:" for depth in range(95)) + "\n" + " " * 95 + "pass # __main__",
    "digits": "x = " + "9" * 50_000 + " # __main__",
    "encoding": "# coding: nonsense\n__main__",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_cannot_be_read_as_python_is_passed_over(tmp_path: Path, kind: str) -> None:
    assert command(tmp_path, {"bad.py": HOSTILE[kind], "good.py": MAIN}).argv == ("python", "good.py")


def test_a_file_that_was_passed_over_is_said_where_nothing_else_is_found(tmp_path: Path) -> None:
    assert "bad.py:1: not valid Python" in undecided(tmp_path, {"bad.py": HOSTILE["syntax"]}).what


def test_warnings_of_another_project_are_its_own(tmp_path: Path) -> None:
    assert command(tmp_path, {"a.py": "x = '\\d'\nassert (1, 'x')\n" + MAIN}).argv == ("python", "a.py")


def test_large_files_and_too_many_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"big.py": "#" * (1024 * 1024 + 1) + "\n" + MAIN, "z.py": MAIN}
    assert command(tmp_path, files).argv == ("python", "z.py")
    monkeypatch.setattr(programs, "MAX_FILES", 1)
    assert "no command" in undecided(tmp_path, {"a.py": ""}).what


def test_a_file_that_vanishes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": MAIN, "b.py": MAIN})
    project = read_project(tmp_path)
    tree = source_files(project)
    (tmp_path / "b.py").unlink()
    assert find_command(project, (), tree).argv == ("python", "a.py")


def test_an_empty_project_is_told_what_a_command_looks_like(tmp_path: Path) -> None:
    error = undecided(tmp_path, {})
    assert error.mend == 'say which below [tool.wherry]: command = ["python", "-m", "your_module"]'


_statement = st.sampled_from(
    [
        "from fastapi import FastAPI",
        "import streamlit as st",
        "import gradio.blocks as g",
        "from .. import x",
        "from ...a.b import *",
        "app = FastAPI()",
        "a.b, c = d = FastAPI()",
        "app: FastAPI",
        "def f(a=1, /, *b, c=2, **d):\n    return FastAPI()",
        "async def g():\n    return FastAPI()",
        "class C:\n    app = FastAPI()",
        "match x:\n    case 1:\n        app = FastAPI()",
        "while True:\n    st.write(x)\nelse:\n    pass",
        "try:\n    app = f()\nexcept* E:\n    g.launch()\nfinally:\n    pass",
        "if __name__ == '__main__' and x:\n    pass",
        "if __name__ == '__main__':\n    app = FastAPI()",
        "(lambda: st.write(1))()",
        "x = app.server",
        "del x",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_statement, max_size=8),
    st.sampled_from(["a.py", "a/b.py", "a/__init__.py", "src/a.py", "x-y/z.py"]),
)
def test_any_source_gives_a_command_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, statements: list[str], name: str
) -> None:
    root = tmp_path_factory.mktemp("any")
    write(root, {name: "\n".join(statements)})
    try:
        assert find_command(read_project(root), EVERYTHING).argv
    except InputError as error:
        assert len(error.lines()) == 3  # noqa: PT017 - either outcome is right
