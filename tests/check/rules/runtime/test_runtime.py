"""What is said of how a container runs, in odd forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.verdicts import found

if TYPE_CHECKING:
    from pathlib import Path

FROM = "FROM python:3.12-slim\n"


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("curl -LsSf https://get.example/tool.sh | sh", {"F4"}),
        ("curl -fsSL https://get.example/key.gpg | gpg --dearmor -o /k.gpg", {"H11"}),
        ("wget -qO- https://get.example/tool-1.2.tar.gz | tar -xz", {"H11"}),
    ],
)
def test_a_pipe_is_spoken_of_once(line: str, codes: set[str], tmp_path: Path) -> None:
    text = f"{FROM}RUN {line}\n"
    assert {code for code in ("F4", "H11") if found(code, tmp_path, text)} == codes


def safety(code: str, folder: Path, text: str, files: dict[str, str] | None = None) -> str:
    """Of the one finding: "safe", "unsafe", or "none" where it has no fix."""
    (finding,) = found(code, folder, text, files)
    return finding.fix.safety.value if finding.fix else "none"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("CMD python serve.py", "safe"),
        ("ENTRYPOINT python serve.py", "safe"),
        ('ENTRYPOINT python serve.py\nCMD ["--verbose"]', "none"),  # the shell swallowed it so far
        ("CMD ulimit -n", "none"),
        ("CMD wait", "none"),
        ('ENTRYPOINT ["tini", "--"]\nCMD python serve.py', "safe"),
        ('ENTRYPOINT ["/bin/bash", "-c"]\nCMD python serve.py', "unsafe"),
        ('ENTRYPOINT ["./start.sh"]\nCMD python serve.py', "unsafe"),
    ],
)
def test_the_words_of_a_shell_become_json_where_they_mean_the_same(
    lines: str, expected: str, tmp_path: Path
) -> None:
    assert safety("H3", tmp_path, f"{FROM}{lines}\n") == expected


def test_arguments_that_compose_gives_an_entry_point_were_swallowed_too(tmp_path: Path) -> None:
    compose = "services: {api: {build: ., command: [--workers, '4']}}\n"
    assert safety("H3", tmp_path, f"{FROM}ENTRYPOINT python a.py\n", {"compose.yaml": compose}) == "none"


@pytest.mark.parametrize(
    "base", ["mcr.microsoft.com/windows/servercore:ltsc2022", "python:3.12-windowsservercore-ltsc2022"]
)
def test_what_the_shell_of_windows_runs_is_not_judged(base: str, tmp_path: Path) -> None:
    text = f"FROM {base}\nRUN pip install numpy\nCMD python serve.py\n"
    assert not any(found(code, tmp_path, text) for code in ("H3", "G1", "F2", "H1"))


@pytest.mark.parametrize(
    ("line", "content", "expected"),
    [
        ("ADD serve.py /app/", "print()", "safe"),
        ("ADD . /app", "print()", "safe"),
        ("ADD gone.py /app/", "print()", "unsafe"),
        ("ADD serve.py /app/", "BZh91AY", ""),  # an archive, whatever it is called
        ("ARG WHAT=serve.py\nADD ${WHAT} /app/", "print()", ""),
        ("ADD serve.[p]y /app/", "print()", "unsafe"),
        ("ADD serve.py /app/\nADD . /all", "print()", "safe"),
    ],
)
def test_add_is_copy_where_what_it_adds_is_seen_to_be_no_archive(
    line: str, content: str, expected: str, tmp_path: Path
) -> None:
    text, files = f"{FROM}{line}\n", {"serve.py": content}
    assert (
        safety("H13", tmp_path, text, files) == expected
        if expected
        else not found("H13", tmp_path, text, files)
    )


POD = """
apiVersion: v1
kind: Pod
metadata: {name: api}
spec: {containers: [{name: api, image: i, securityContext: {runAsNonRoot: true}}]}
"""


@pytest.mark.parametrize(
    ("made", "number"),
    [
        ("useradd -u 2000 app", "2000"),
        ("adduser --disabled-password --gecos '' --uid=2000 app", "2000"),
        ("groupadd app && useradd -u 2000 -g app other && useradd -g app app", None),
        ("useradd -u 2000 app && usermod -u 3000 app", None),
        ("id app || useradd -u 2000 app", None),
    ],
)
def test_a_user_has_the_number_that_he_was_made_with(made: str, number: str | None, tmp_path: Path) -> None:
    text = f'{FROM}RUN {made}\nUSER app\nCMD ["python", "a.py"]\n'
    (finding,) = found("H2", tmp_path, text, {"pod.yaml": POD})
    assert (finding.fix.edits[0].text if finding.fix else None) == number


def test_a_port_is_left_alone_where_compose_starts_the_server_itself(tmp_path: Path) -> None:
    text = f'{FROM}EXPOSE 8080\nCMD ["uvicorn", "a:b", "--port", "8000"]\n'
    compose = "services: {api: {build: ., command: uvicorn a:b --port 8080}}\n"
    assert safety("H5", tmp_path, text) == "safe"
    assert safety("H5", tmp_path, text, {"compose.yaml": compose}) == "none"


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("USER root\nRUN mkdir /data", 1),
        ("USER root\nRUN mkdir /data\nUSER airflow", 0),
        ("RUN pip install a", 0),
    ],
)
def test_a_base_with_a_user_of_its_own_is_not_left_as_root(lines: str, count: int, tmp_path: Path) -> None:
    assert len(found("H1", tmp_path, f"FROM apache/airflow:2.9.2\n{lines}\n")) == count


HEALTH = "HEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"FROM python:3.12-slim\n{HEALTH}\n", 1),
        (f"FROM python:3.12-alpine\n{HEALTH}\n", 1),
        ("FROM python:3.12-alpine\nHEALTHCHECK CMD wget -q http://localhost/\n", 0),
        (f"FROM python:3.12\n{HEALTH}\n", 0),
        (f"FROM registry.example/team/base:1\n{HEALTH}\n", 0),
        (f"FROM python:3.12-slim\nRUN apt-get update && apt-get install -y curl\n{HEALTH}\n", 0),
        (f"FROM python:3.12-slim\nRUN apt-get install -y $TOOLS\n{HEALTH}\n", 0),
        (f"FROM python:3.12-slim\nRUN ./setup.sh\n{HEALTH}\n", 0),
        (f"FROM python:3.12-slim AS b\nRUN apt-get install -y curl\nFROM b\n{HEALTH}\n", 0),
        (f"FROM python:3.12 AS b\nFROM python:3.12-slim\nCOPY --from=b /usr/local /usr/local\n{HEALTH}\n", 1),
        (f"FROM python:3.12 AS b\nFROM python:3.12-slim\nCOPY --from=b /usr/bin/curl /bin/\n{HEALTH}\n", 0),
        (f"FROM python:3.12-slim\n{HEALTH}\nHEALTHCHECK NONE\n", 0),
        ("FROM apache/airflow:2.9.2\nRUN apt-get update\n", 1),
        ("FROM apache/airflow:2.9.2\nUSER root\nRUN apt-get update\n", 0),
        ("FROM python:3.12-slim\nUSER $NAME\nRUN apt-get update\n", 0),
        ("FROM python:3.12-slim\nUSER app\nRUN apt-get check\n", 0),
        ('FROM a:1\nCMD ["serve", "--port", "${PORT}"]\n', 1),
        ('FROM a:1\nENTRYPOINT ["sh", "-c"]\nCMD ["serve --port $PORT"]\n', 0),
        ('FROM a:1\nENTRYPOINT ["./start.sh"]\nCMD ["--port", "$PORT"]\n', 0),
        ('FROM a:1\nCMD ["bash", "-c", "serve $PORT"]\n', 0),
        ('FROM a:1\nCMD ["python", "-c", "print(\'$PORT\')"]\n', 0),
        ('FROM a:1\nCMD ["serve", "--pattern", "^a$"]\n', 0),
        ("FROM a:1\nCMD serve --port $PORT\n", 0),
    ],
)
def test_what_cannot_work_is_told_of(text: str, count: int, tmp_path: Path) -> None:
    assert len(found("H15", tmp_path, text)) == count


def test_a_model_in_roots_home_keeps_the_server_root(tmp_path: Path) -> None:
    run = "RUN mkdir -p ~/.cache/m && cd ~/.cache/m && wget https://models.example/m.pt\n"
    (finding,) = found("H1", tmp_path, f'{FROM}{run}CMD ["python", "a.py"]\n')
    assert finding.fix is None


@pytest.mark.parametrize(
    ("code", "line", "count"),
    [
        ("H7", "COPY --chmod=777 start.sh /start.sh", 1),
        ("H7", "COPY --chmod=755 start.sh /start.sh", 0),
        ("H6", "ENV PYSPARK_DRIVER_PYTHON_OPTS=\"notebook --NotebookApp.token='' --ip='*'\"", 1),
    ],
)
def test_doors_that_stand_open(code: str, line: str, count: int, tmp_path: Path) -> None:
    assert len(found(code, tmp_path, f"{FROM}{line}\n")) == count


@pytest.mark.parametrize(
    ("program", "is_mended"), [("uv run", False), ("pipenv run", False), ("python -m", True)]
)
def test_who_has_no_home_is_not_given_a_program_that_wants_one(
    program: str,
    is_mended: bool,  # noqa: FBT001 - the verdict
    tmp_path: Path,
) -> None:
    words = ", ".join(f'"{word}"' for word in (*program.split(), "uvicorn", "a:b"))
    (finding,) = found("H1", tmp_path, f"{FROM}CMD [{words}]\n")
    assert bool(finding.fix) is is_mended
