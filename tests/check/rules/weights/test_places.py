"""weights-behind-code, model-cache-not-kept, data-in-context: where weights and data lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "FROM python:3.12-slim\nWORKDIR /app\n"
FETCH = "RUN huggingface-cli download org/m --local-dir /models\n"


@pytest.mark.parametrize(
    ("before", "late", "between"),
    [
        ("COPY . .\n", FETCH, ""),
        ("COPY src ./src\n", FETCH, ""),
        ("COPY main.py ./\n", FETCH, "EXPOSE 8000\n"),
        ("COPY . .\n", "RUN wget -q https://h/m.pt -O /m/m.pt && mkdir -p /x\n", "COPY x.toml /etc/x.toml\n"),
        ("COPY src ./src\n", "COPY model.safetensors /models/\n", ""),
        ("COPY src ./src\n", "RUN cd /models && wget https://h/m.pt\n", ""),
    ],
)
def test_weights_move_above_the_code_where_nothing_is_between(before: str, late: str, between: str) -> None:
    text = f"{PYTHON}{before}{between}{late}"

    finding = verdicts("D4", text)[0]

    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE
    assert fixed(text, finding) == f"{PYTHON}{late}{before}{between}"


@pytest.mark.parametrize(
    "lines",
    [
        f"COPY . .\nRUN pip install -r requirements.txt\n{FETCH}",
        f"COPY . .\nENV HF_TOKEN=x\n{FETCH}",
        "COPY . .\nRUN wget https://h/m.pt\n",  # into /app
        "COPY . .\nRUN python scripts/x.py && wget https://h/m.pt -O /m/m.pt\n",
        "COPY . .\nRUN hf download org/m --local-dir models/m\n",
        "COPY . .\nRUN cd /app && hf download org/m --local-dir /m\n",
        "COPY . .\nRUN make && hf download org/m --local-dir /m\n",
        "COPY . .\nRUN hf download org/m --local-dir /m --config x.json\n",
        "COPY . .\nRUN python -c \"import t; t.M.from_pretrained('org/m').save(open('x'))\"\n",
        "ENV HF_HOME=/app/hf\nCOPY . .\nRUN hf download org/m\n",
        "COPY . /\nRUN hf download org/m\n",
        f"COPY . .\nRUN --mount=type=secret,id=t {FETCH[4:]}",
        "COPY . .\nCOPY model.safetensors ./\n",
        "COPY . .\nRUN hf download org/m --local-dir /m && pip install x\n",
    ],
)
def test_weights_that_have_to_do_with_what_is_between_stay_and_are_told(lines: str) -> None:
    findings = verdicts("D4", f"{PYTHON}{lines}")

    assert [finding.fix for finding in findings] == [None]


def test_python_of_installed_packages_moves_too(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY . .\nRUN python -c \"import t; t.M.from_pretrained('org/m')\"\n"

    assert verdicts("D4", text, tmp_path)[0].fix is not None


def test_a_module_of_the_project_that_fetches_stays(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY . .\nRUN python -c \"import loader; loader.M.from_pretrained('org/m')\"\n"

    assert verdicts("D4", text, tmp_path, {"loader.py": ""})[0].fix is None


@pytest.mark.parametrize(
    "lines",
    [
        f"{FETCH}COPY . .\n",
        f"COPY requirements.txt ./\n{FETCH}",
        "COPY . .\nCOPY --link model.safetensors /models/\n",
        "COPY . .\nRUN python -m nltk.downloader punkt\n",
        "COPY --from=b /app /app\nRUN hf download org/m\n",
    ],
)
def test_weights_above_the_code_or_apart_from_it_are_left_alone(lines: str) -> None:
    assert verdicts("D4", f"{PYTHON}{lines}") == []


def test_large_weights_that_are_copied_are_told_with_their_bytes(tmp_path: Path) -> None:
    with (tmp_path / "m.onnx").open("wb") as stream:
        stream.truncate(60_000_000)
    (tmp_path / "n.onnx").write_bytes(b"x")
    text = f"{PYTHON}COPY pkg ./pkg\nCOPY m.onnx /m/\nCOPY n.onnx /m/\n"

    findings = verdicts("D4", text, tmp_path, {"pkg/__init__.py": ""})

    assert [finding.what for finding in findings] == ["m.onnx (60.0 MB) is copied behind the code"]
    assert findings[0].cost.size_bytes == 60_000_000


SERVE = 'FROM vllm/vllm-openai:v1\nCMD ["--model", "org/m"]\n'
CODE = {"s.py": "from transformers import pipeline\npipeline('fill-mask', 'bert-base')\n"}
RUNS_CODE = 'FROM python:3.12\nCOPY s.py /\nCMD ["python", "/s.py"]\n'


def service(**said: str) -> dict[str, str]:
    lines = "".join(f"    {key}: {value}\n" for key, value in {"build": ".", **said}.items())
    return {"compose.yaml": f"services:\n  a:\n{lines}"}


def pod(said: str = "") -> dict[str, str]:
    head = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      image: team/a:1\n"
    return {"k8s/pod.yaml": f"{head}{said}"}


@pytest.mark.parametrize(
    ("text", "files", "what"),
    [
        (SERVE, service(), "service a fetches org/m and keeps it at /root/.cache/huggingface"),
        (SERVE, pod(), "container a fetches org/m"),
        (SERVE, service(command="--model other/n"), "fetches other/n"),
        (SERVE, pod("      args: [--model=other/n]\n"), "fetches other/n"),
        (SERVE, service(environment="[HF_HOME=/hf]"), "keeps it at /hf, "),
        (SERVE, service(environment="[HOME=/home/x]"), "keeps it at /home/x/.cache/huggingface"),
        (SERVE, service(environment="[XDG_CACHE_HOME=/c]"), "keeps it at /c/huggingface"),
        (f"{SERVE}USER app", service(), "keeps it at /home/app/.cache/huggingface"),
        (SERVE, service(volumes="['./data:/data']"), "where nothing is mounted"),
        (SERVE, service(volumes="['m:/models']"), "nothing is mounted; the volume is at /models"),
        (SERVE, pod("      volumeMounts: [{name: m, mountPath: /hf-cache}]\n"), "the volume is at /hf-cache"),
        (RUNS_CODE, {**service(), **CODE}, "service a fetches bert-base"),
        ("FROM python:3.12\nCMD vllm serve org/m", service(), "fetches org/m"),
        ("FROM python:3.12", service(command="vllm serve org/m"), "fetches org/m"),
    ],
)
def test_a_cache_that_goes_with_the_container_is_found(
    tmp_path: Path, text: str, files: dict[str, str], what: str
) -> None:
    findings = verdicts("D5", text, tmp_path, files)

    assert len(findings) == 1
    assert what in findings[0].what


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (SERVE, {}),
        (SERVE, service(volumes="['hf:/root/.cache/huggingface']")),
        (SERVE, service(volumes="['hf:/root/.cache']")),
        (SERVE, service(volumes="[/root/.cache/huggingface]")),
        (SERVE, service(volumes="['hf:/hf']", environment="[HF_HUB_CACHE=/hf/hub]")),
        (SERVE, service(environment="[HF_HUB_OFFLINE=1]")),
        (SERVE, service(command="--model /models/m")),
        (SERVE, service(command="--model ''")),
        (SERVE, pod("      volumeMounts: [{name: m, mountPath: /root/.cache/huggingface/}]\n")),
        (SERVE.replace("CMD", "RUN hf download org/m\nCMD"), service()),
        (SERVE.replace("CMD", "COPY m.safetensors /m/\nCMD"), service()),
        (SERVE.replace("CMD", "COPY --from=w /m /models/\nCMD"), service()),
        (RUNS_CODE, {**service(), "s.py": "from transformers import pipeline\npipeline('x', '/models/m')\n"}),
        ("FROM python:3.12\nCMD vllm serve /m", service()),
        ("FROM python:3.12\nCMD vllm serve", service()),
    ],
)
def test_a_cache_that_is_kept_or_not_needed_is_left_alone(
    tmp_path: Path, text: str, files: dict[str, str]
) -> None:
    assert verdicts("D5", text, tmp_path, files) == []


def test_a_volume_that_another_file_lays_over_the_service_counts(tmp_path: Path) -> None:
    over = {"compose.prod.yaml": "# more\nservices:\n  a:\n    volumes: ['hf:/root/.cache/huggingface']\n"}

    assert verdicts("D5", SERVE, tmp_path, {**service(), **over}) == []


@pytest.mark.parametrize("volume", ["/models/$X", "${MODELS}/cache"])
def test_a_volume_at_a_place_that_is_not_known_is_not_written(tmp_path: Path, volume: str) -> None:
    assert verdicts("D5", SERVE, tmp_path, service(volumes=f"['m:{volume}']"))[0].fix is None


def test_what_another_stage_starts_is_not_edited(tmp_path: Path) -> None:
    text = 'FROM vllm/vllm-openai:v1 AS a\nCMD ["--model", "org/m"]\nFROM a\nRUN true\n'

    assert verdicts("D5", text, tmp_path, service(volumes="['m:/models']"))[0].fix is None


ALL = 'FROM python:3.12\nCOPY . /app\nCMD ["python", "-m", "app"]\n'
OUTPUTS = '{"cells": [{"outputs": [{"text": "4"}]}]}'


@pytest.mark.parametrize(
    ("files", "names", "safety"),
    [
        ({"wandb/x": "1"}, "wandb/ is", Safety.SAFE),
        ({"a.ipynb": OUTPUTS}, "a.ipynb is", Safety.SAFE),
        ({"lightning_logs/v0/x": "1", "b/c.ipynb": OUTPUTS}, "b/c.ipynb, lightning_logs/ are", Safety.SAFE),
        ({"mlruns/0/x": "1"}, "mlruns/ is", Safety.UNSAFE),
        ({"checkpoints/x.log": "1"}, "checkpoints/ is", Safety.UNSAFE),
    ],
)
def test_what_experiments_leave_behind_is_found(
    tmp_path: Path, files: dict[str, str], names: str, safety: Safety
) -> None:
    findings = verdicts("D7", ALL, tmp_path, files)

    assert [finding.what.partition(" copied")[0] for finding in findings] == [names]
    assert findings[0].fix is not None
    assert findings[0].fix.safety is safety


def test_data_is_told_from_a_megabyte_on(tmp_path: Path) -> None:
    files = {"data/a.csv": "x" * 2_000_000, "datasets/b.csv": "x"}

    findings = verdicts("D7", ALL, tmp_path, files)

    assert [finding.what for finding in findings] == ["data/ is copied with the code: 2.00 MB"]


def test_directories_of_weights_are_for_another_rule(tmp_path: Path) -> None:
    for folder in ("checkpoints", "data"):
        (tmp_path / folder).mkdir()
        with (tmp_path / folder / "m.safetensors").open("wb") as stream:
            stream.truncate(60_000_000)

    assert verdicts("D7", ALL, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (ALL, {"a.ipynb": '{"cells": [{"outputs": []}]}'}),
        (ALL, {"a.ipynb": OUTPUTS, "requirements.txt": "jupyterlab\n"}),
        (f"{ALL}RUN pip install papermill", {"a.ipynb": OUTPUTS}),
        (ALL.replace("python:3.12", "quay.io/jupyter/base-notebook:x"), {"a.ipynb": OUTPUTS}),
        (f"{ALL}RUN python etl.py wandb/x", {"wandb/x": "1"}),
        (f"{ALL}COPY mlruns/0 /m", {"mlruns/0/x": "1"}),
        (f"{ALL}RUN --mount=type=bind,source=mlruns,target=/m true", {"mlruns/0/x": "1"}),
        (ALL, {"mlruns/0/x": "1", "app.py": "open('mlruns/0/x')\n"}),
        (ALL.replace("COPY . ", "COPY app "), {"mlruns/0/x": "1", "app/a.py": ""}),
        (ALL.replace("COPY . ", "COPY --exclude=mlruns . "), {"mlruns/0/x": "1"}),
        (f"{ALL}FROM scratch", {"mlruns/0/x": "1"}),
        (ALL, {"main.py": "1"}),
    ],
)
def test_what_is_meant_or_not_copied_is_left_alone(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    assert verdicts("D7", text, tmp_path, files) == []


def test_logs_that_are_removed_by_name_are_still_copied(tmp_path: Path) -> None:
    assert len(verdicts("D7", f"{ALL}RUN rm -rf /app/wandb", tmp_path, {"wandb/x": "1"})) == 1
