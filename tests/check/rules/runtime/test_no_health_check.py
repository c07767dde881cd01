"""no-health-check: the server is asked where it is known what to ask, and with what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "FROM python:3.12-slim\n"
ROUTE = {"app.py": '@app.get("/ready")\ndef ready(): ...\n'}
POD = {
    "k8s/pod.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: team/a:1\n"
    "      readinessProbe: {httpGet: {path: /up, port: 9}}\n"
}


def compose(more: str = "") -> dict[str, str]:
    return {
        "compose.yaml": f"services:\n  a:\n    build: .\n{more}  b:\n    image: x\n    depends_on:\n"
        "      a: {condition: service_healthy}\n"
    }


@pytest.mark.parametrize(
    ("text", "files", "asked"),
    [
        (f"{PYTHON}CMD vllm serve m\n", {}, "8000/health"),
        (f"{PYTHON}CMD vllm serve m --port=9000\n", {}, "9000/health"),
        (f'{PYTHON}EXPOSE 3000\nENTRYPOINT ["bentoml", "serve"]\n', {}, "3000/readyz"),
        (f"{PYTHON}CMD streamlit run a.py --server.port 80\n", {}, "80/_stcore/health"),
        (f"{PYTHON}CMD uvicorn app:app\n", ROUTE, "8000/ready"),
        (f"{PYTHON}CMD exec gunicorn -b 0.0.0.0:5000 app:app\n", ROUTE, "5000/ready"),
        (f"{PYTHON}CMD uvicorn app:app --port 80\n", {**POD, **ROUTE}, "80/up"),
        (
            "FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nCMD python3 -m vllm.entrypoints.openai.api_server\n",
            {},
            "8000/health",
        ),
    ],
)
def test_a_server_is_asked_at_its_port_and_path(
    tmp_path: Path, text: str, files: dict[str, str], asked: str
) -> None:
    (finding,) = verdicts("H4", text, tmp_path, {**compose(), **files})

    assert finding.fix is not None
    (edit,) = finding.fix.edits
    python = "python3" if "python3" in text else "python"
    assert edit.text.startswith(f'HEALTHCHECK --start-period=10m CMD ["{python}", "-c", "import ')
    assert edit.text.endswith(f"r.urlopen('http://127.0.0.1:{asked}')\"]\n")


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (f"{PYTHON}CMD uvicorn app:app\n", {}),
        (
            f"{PYTHON}CMD uvicorn app:app\n",
            {"app.py": '@app.get("/ready")\n@app.get("/health")\ndef a(): ...\n'},
        ),
        (f"{PYTHON}CMD uvicorn app:app\n", {"app.py": '@router.get("/ready")\ndef a(): ...\n'}),
        (f"{PYTHON}CMD uvicorn app:app --port $PORT\n", ROUTE),
        (f"{PYTHON}CMD uvicorn app:app --uds /run/s\n", ROUTE),
        (f"{PYTHON}CMD uvicorn app:app --ssl-keyfile k\n", ROUTE),
        (f"{PYTHON}CMD gunicorn -b :1 -b :2 app:app\n", ROUTE),
        (f"{PYTHON}CMD gunicorn -c conf.py app:app\n", ROUTE),
        (f"{PYTHON}CMD python serve.py\n", ROUTE),
        (f"{PYTHON}CMD vllm serve m & uvicorn app:app\n", ROUTE),
        (PYTHON, ROUTE),
        ("FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nCMD vllm serve m\n", {}),
        (f"{PYTHON}CMD vllm serve m\n", compose("    command: [x]\n")),
    ],
)
def test_where_what_to_ask_is_not_known_nothing_is_made_up(
    tmp_path: Path, text: str, files: dict[str, str]
) -> None:
    (finding,) = verdicts("H4", text, tmp_path, {**compose(), **files})

    assert finding.fix is None
