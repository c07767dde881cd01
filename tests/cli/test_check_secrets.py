"""``wherry check`` never prints a secret: not in any form, diff, page of history, baseline or error."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.checking import Desk
from tests.programs import require_program
from wherry.cli.check_output import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

# Put together here, so that no scanner takes this file for a leak.
HUGGING_FACE = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh"
GITHUB = "ghp_" + "1234567890abcdefghijklmnopqrstuvwxyz"
GITLAB = "glpat-" + "Zx81kLmNoPqRsTuVwXyZ"
OPENAI = "sk-proj-" + "Abcd1234Efgh5678Ijkl9012Mnop3456Qrst7890"
AWS = "wJalrXUtnFEMIK7MDENG" + "bPxRfiCYzQq81LmNoPqR"
PASSWORD = "S3cret" + "Passw0rdXYZ"
BY_NAME = "Zq93hfkWlsP0" + "vbn27GhXy4Tt"
SECRETS = (HUGGING_FACE, GITHUB, GITLAB, OPENAI, AWS, PASSWORD, BY_NAME)

DOCKERFILE = f"""\
# syntax=docker/dockerfile:1
# a note: {GITHUB}
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
ARG HF_TOKEN={HUGGING_FACE}
ENV AWS_SECRET_ACCESS_KEY={AWS} MODEL_API_TOKEN="{BY_NAME}"
LABEL com.example.password={PASSWORD}
COPY . /app
RUN apt-get update && apt-get install -y git python3-pip
RUN git clone https://me:{GITLAB}@gitlab.internal/team/x
RUN git clone https://me:{PASSWORD}@git.example.com/y && cd y && pip install .
RUN pip install --extra-index-url https://me:{PASSWORD}@pypi.example/simple -r /app/requirements.txt
RUN curl -H "Authorization: Bearer {GITHUB}" https://files.internal/m.bin -o m.bin
RUN curl -u me:{PASSWORD} https://files.internal/x | sh
RUN huggingface-cli login --token {HUGGING_FACE} && huggingface-cli download a/b
RUN OPENAI_API_KEY={OPENAI} python3 /app/warm.py
RUN docker login -u me -p {PASSWORD} registry.internal
RUN <<EOF
export MODEL_API_TOKEN={BY_NAME}
mysql --password={PASSWORD} < /app/x.sql
EOF
COPY .env /app/.env
RUN rm /app/.env
HEALTHCHECK CMD curl -H "X-Api-Key: {BY_NAME}" http://localhost/
CMD python3 /app/main.py --api-key {BY_NAME}
"""
NEIGHBOURS = {
    ".env": f"OPENAI_API_KEY={OPENAI}\nDB_PASSWORD={PASSWORD}\n",
    "requirements.txt": (
        f"--extra-index-url https://me:{PASSWORD}@pypi.example/simple\n"
        f"torch==2.4.1\nx @ git+https://{GITHUB}@github.com/a/x\n"
        f"y @ https://me:{PASSWORD}@files.internal/y-1-py3-none-any.whl\n"
    ),
    "compose.yaml": (
        "services:\n  app:\n    build:\n      context: .\n      args:\n"
        f"        HF_TOKEN: {HUGGING_FACE}\n    environment:\n      DB_PASSWORD: {PASSWORD}\n"
        f"      - MODEL_API_TOKEN={BY_NAME}\n"
    ),
    "docker-compose.override.yaml": (
        f"services:\n  app:\n    environment: [MODEL_API_TOKEN={BY_NAME}, DB_PASSWORD={PASSWORD}]\n"
        f"    command: [serve, --api-key, {BY_NAME}]\n"
    ),
    "deploy.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n  - name: app\n"
        f"    image: app:latest\n    env:\n    - name: API_TOKEN\n      value: {GITHUB}\n"
        f"    - {{name: DB_PASSWORD, value: {PASSWORD}}}\n"
        f"    args: [--password, {PASSWORD}]\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n"
        f"stringData: {{token: {HUGGING_FACE}}}\n"
    ),
    ".github/workflows/image.yaml": (
        "on: push\njobs:\n  image:\n    runs-on: ubuntu-latest\n    env:\n"
        f"      REGISTRY_PASSWORD: {PASSWORD}\n    steps:\n    - run: docker login -u me -p {PASSWORD} r\n"
        f"    - run: docker build --build-arg HF_TOKEN={HUGGING_FACE} .\n"
    ),
    "pyproject.toml": (
        '[project]\nname = "app"\nversion = "1"\n'
        f'dependencies = ["y @ https://me:{PASSWORD}@files.internal/y-1-py3-none-any.whl"]\n'
        f'[[tool.uv.index]]\nurl = "https://me:{PASSWORD}@pypi.example/simple"\n'
    ),
    "pip.conf": f"[global]\nindex-url = https://me:{PASSWORD}@pypi.example/simple\n",
    "main.py": f'token = "{HUGGING_FACE}"\n',
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path, monkeypatch, capsys)
    made.file("Dockerfile", DOCKERFILE)
    for name, text in NEIGHBOURS.items():
        made.file(name, text)
    return made


def assert_no_secret(text: str) -> None:
    """Not even one of which only the first five characters are shown."""
    for line in text.splitlines():
        for secret in SECRETS:
            beginning = "glpat-" if secret == GITLAB else "sk-proj-" if secret == OPENAI else ""
            known = len(beginning) + 2 if beginning else 6
            assert secret[:known] not in line, line
            assert secret[-12:] not in line, line


@pytest.mark.parametrize("form", FORMATS)
def test_no_form_shows_a_secret(desk: Desk, form: str) -> None:
    done = desk.check("--select", "all", "--format", form)

    assert done.code == 1
    assert "E1" in done.out
    assert_no_secret(done.out + done.err)


@pytest.mark.parametrize("arguments", [["--diff"], ["--diff", "--unsafe-fixes"]])
def test_no_diff_shows_a_secret(desk: Desk, arguments: list[str]) -> None:
    done = desk.check("--select", "all", *arguments)

    assert "+++ b/Dockerfile" in done.out
    assert_no_secret(done.out + done.err)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_said_of_fixes_shows_none(desk: Desk, form: str) -> None:
    done = desk.check("--select", "all", "--unsafe-fixes", "--format", form)

    assert_no_secret(done.out + done.err)
    assert PASSWORD in (desk.root / "Dockerfile").read_text()  # nothing of what is not shown was lost


def test_a_baseline_keeps_none(desk: Desk) -> None:
    assert desk.check("--select", "all", "--write-baseline", "known.json").code == 0

    assert_no_secret((desk.root / "known.json").read_text())


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_cache_history_shows_none(desk: Desk, form: str) -> None:
    require_program("git")
    (desk.root / ".git").rmdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(desk.root)}
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=x"]):
        author = ["-c", "user.name=a", "-c", "user.email=a@mail.example"]
        subprocess.run(["git", *author, *arguments], check=True, cwd=desk.root, env=environment)

    done = desk.check("--cache-history", "--select", "all", "--format", form)

    assert done.code == 0
    assert_no_secret(done.out + done.err)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "line",
    [
        f"RUNN x {HUGGING_FACE}",
        f"ENV PASSWORD{PASSWORD}",
        f"COPY --from=${{X:?{GITHUB}}} a b",
        f'CMD ["x" "{GITHUB}"]',
        f"FROM https://me:{PASSWORD}@host/image",
        f"RUN --mount=type={HUGGING_FACE} x",
        f"EXPOSE {HUGGING_FACE}",
        f"{HUGGING_FACE} x",
    ],
)
def test_what_is_broken_is_not_shown_with_its_secrets(desk: Desk, line: str, form: str) -> None:
    desk.file("Dockerfile", f"FROM x\n{line}\n")

    done = desk.check("--format", form)

    assert done.code in {0, 1, 2}
    assert_no_secret(done.out + done.err)
