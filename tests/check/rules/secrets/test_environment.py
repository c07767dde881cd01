"""Indexes, variables and environments in odd forms: a line, a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.verdicts import found

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "FROM python:3.12-slim\n"
CORP = "https://pypi.corp.example/simple"


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (f"pip install --extra-index-url {CORP} a", 1),
        (f"PIP_EXTRA_INDEX_URL={CORP} pip install a", 1),
        (f"pip install -i {CORP} --extra-index-url https://pypi.org/simple a", 1),
        (f"pip install -i {CORP} --extra-index-url https://wheels.corp.example/simple a", 0),
        ("pip install --extra-index-url $INDEX a", 0),
        ("pip install --extra-index-url https://bot:$TOKEN@pypi.corp.example/simple a", 1),
        ("pip install --extra-index-url https://pypi.nvidia.com tensorrt", 0),
        (f"pip install --no-index --extra-index-url {CORP} a", 0),
        (f"pip download --extra-index-url {CORP} a", 1),
        (f"uv pip install --extra-index-url {CORP} a", 0),
        (f"uv pip install --index-strategy unsafe-best-match --extra-index-url {CORP} a", 1),
    ],
)
def test_a_private_index_beside_a_public_one_is_told_of(line: str, count: int, tmp_path: Path) -> None:
    assert len(found("E10", tmp_path, f"{PYTHON}RUN {line}\n")) == count


def test_a_login_in_an_index_is_not_shown(tmp_path: Path) -> None:
    text = f"{PYTHON}RUN pip install --extra-index-url https://bot:hunter2@pypi.corp.example/simple a\n"
    (finding,) = found("E10", tmp_path, text)
    assert "hunter2" not in finding.what + finding.why


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("RUN . /opt/venv/bin/activate\n", 1),
        ("RUN source activate app && echo done\n", 1),
        ("RUN . /opt/venv/bin/activate && pip check\n", 0),
        ("RUN conda activate app && pip check\n", 1),
        ('RUN eval "$(conda shell.bash hook)" && conda activate app && pip check\n', 0),
        ("ENV BASH_ENV=/root/.bashrc\nRUN conda activate app && pip check\n", 0),
        ("RUN bash -lc 'conda activate app && pip check'\n", 0),
        ("RUN echo 'conda activate app' >> ~/.bashrc\n", 0),
        ("RUN pip install --break-system-packages a\n", 1),
        ("ENV PIP_BREAK_SYSTEM_PACKAGES=1\nRUN pip install --break-system-packages a\n", 1),
        ("ENV PIP_BREAK_SYSTEM_PACKAGES=0\n", 0),
    ],
)
def test_an_environment_that_does_not_last_is_told_of(text: str, count: int, tmp_path: Path) -> None:
    assert len(found("E11", tmp_path, PYTHON + text)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ARG V=1\nFROM a:1\nRUN echo $V ${V} ${V%.*}\n", 1),
        ("ARG V=1\nFROM a:1\nRUN echo ${V:-2}\n", 0),
        ("ARG V=1\nFROM a:1\nRUN V=2; echo $V\n", 0),
        ("ARG V=1\nFROM a:1\nRUN for V in a b; do echo $V; done\n", 0),
        ("ARG V=1\nFROM a:1\nRUN echo '$V' \\$V $VERSION\n", 0),
        ("ARG V=1\nFROM a:1 AS b\nARG V\nFROM b\nRUN echo $V\n", 0),
        ("ARG V=1\nFROM a:1 AS b\nRUN echo $V\nFROM a:2\n", 0),
        ("ARG PYTHON_VERSION=3.12\nFROM python:$PYTHON_VERSION\nRUN echo $PYTHON_VERSION\n", 0),
        ("FROM a:1\nENV A=1 B=$A\n", 1),
        ("FROM a:1\nENV A=0\nENV A=1 B=$A\n", 0),
        ("FROM a:1\nENV PATH=/a:$PATH B=$PATH\n", 0),
        ("FROM a:1\nENV A=1 B='$A'\n", 0),
        ("FROM a:1\nENV A b c\n", 1),
        ("FROM a:1\nENV A = b\n", 1),
        ("FROM a:1\nENV A='x y'\n", 0),
    ],
)
def test_a_variable_that_is_empty_where_it_is_used_is_told_of(text: str, count: int, tmp_path: Path) -> None:
    assert len(found("E12", tmp_path, text)) == count


@pytest.mark.parametrize("value", ['"a" b', "a\\ b", "a=b", "'a'", "a \\\n b"])
def test_a_value_that_might_become_another_is_not_rewritten(value: str, tmp_path: Path) -> None:
    (finding,) = found("E12", tmp_path, f"FROM a:1\nENV A {value}\n")
    assert finding.fix is None


def test_uv_of_another_stage_compiles_for_the_image_as_well(tmp_path: Path) -> None:
    text = (
        "FROM python:3.12 AS build\nWORKDIR /app\nRUN uv sync --locked\n"
        "FROM python:3.12-slim\nENV PYTHONDONTWRITEBYTECODE=1\nCOPY --from=build /app /app\nCMD ['x']\n"
    )
    (finding,) = found("E13", tmp_path, text)
    assert "told to leave them so" in finding.what


def test_who_compiles_by_hand_is_left_alone(tmp_path: Path) -> None:
    text = f"{PYTHON}RUN uv sync --locked && python -m compileall .venv\nCMD x\n"
    assert not found("E13", tmp_path, text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("CMD python train.py\n", 1),
        ('ENTRYPOINT ["python3"]\nCMD ["train.py"]\n', 1),
        ('CMD ["python", "-u", "train.py"]\n', 0),
        ('CMD ["nginx"]\n', 0),
        ("ENV PYTHONUNBUFFERED=1\nCMD python train.py\n", 0),
    ],
)
def test_output_that_is_held_back_is_told_of(text: str, count: int, tmp_path: Path) -> None:
    assert len(found("E14", tmp_path, PYTHON + text)) == count


ENVIRONMENT = {
    ".env": "OPENAI_API_KEY=sk-proj-" + "9fKq2LmXzR7vTbYc3PdSwJhGnUa8eKo" + "\n",
    "a.py": "print()\n",
}


@pytest.mark.parametrize(
    ("lines", "code", "expected"),
    [
        ("COPY . /app", "print()", "safe"),
        ("COPY . /app", "from dotenv import load_dotenv", "unsafe"),
        ("COPY .env* /app/", "print()", "none"),
        ("COPY . /app\nCOPY .env /etc/app.env", "print()", "none"),
        ("COPY . /app\nRUN --mount=type=bind,source=.env,target=/e cat /e", "print()", "none"),
    ],
)
def test_a_secret_file_that_something_asks_for_is_not_left_out(
    lines: str, code: str, expected: str, tmp_path: Path
) -> None:
    first, *_ = found(
        "E6", tmp_path, f"FROM python:3.12-slim\n{lines}\n", {**ENVIRONMENT, "a.py": code + "\n"}
    )
    assert (first.fix.safety.value if first.fix else "none") == expected


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ('ENV A="$(dirname $(which conda))/.." B=1', 1),
        ("ENV A `nproc`", 1),
        ("ARG A=$(git rev-parse HEAD)", 1),
        ("ENV A='$(left to the program)'", 0),
        ('ENV A="\\$(left to the program)"', 0),
        ('ENV PS1="$(whoami)$ "', 0),
        ("RUN export A=$(nproc)", 0),
    ],
)
def test_a_variable_that_looks_like_a_command_is_told_of(line: str, count: int, tmp_path: Path) -> None:
    said = found("E12", tmp_path, f"{PYTHON}{line}\n")
    assert len([one for one in said if "runs no command" in one.what]) == count


@pytest.mark.parametrize(
    ("lines", "severities"),
    [
        ("RUN huggingface-cli login --token $HF_TOKEN", []),  # E5 speaks of it
        ("RUN huggingface-cli login --token $HF_TOKEN && python get.py $HF_TOKEN", ["error"]),
        ("RUN python get.py $HF_TOKEN", ["error"]),
        ("RUN python get.py $HF_TOKEN\nFROM python:3.12-slim\nCOPY --from=0 /m /m", ["warning"]),
        ("RUN python get.py", []),
    ],
)
def test_an_argument_that_is_a_secret_is_spoken_of_once(
    lines: str, severities: list[str], tmp_path: Path
) -> None:
    said = found("E2", tmp_path, f"FROM python:3.12-slim\nARG HF_TOKEN\n{lines}\n")
    assert [one.severity.value for one in said] == severities


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ('echo "app:letmein" | chpasswd', 1),
        ("useradd app && echo app:letmein | chpasswd", 1),
        ('echo "app:$PASSWORD" | chpasswd', 0),
        ("chpasswd < /run/secrets/users", 0),
        ("echo a:b | tee /c", 0),
    ],
)
def test_a_password_that_a_user_is_given_in_a_run_is_told_of(line: str, count: int, tmp_path: Path) -> None:
    said = found("E1", tmp_path, f"{PYTHON}RUN {line}\n")
    assert len(said) == count
    assert not any("letmein" in one.what for one in said)
