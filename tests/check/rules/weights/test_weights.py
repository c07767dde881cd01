"""weights-copied, weights-fetched, revision-not-pinned, pickle-beside-safetensors, lfs-pointer-copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts
from wherry.check.facts import Facts
from wherry.check.model import Basis, Severity
from wherry.check.rules.weights.weights_copied import RULE as COPIED
from wherry.check.rules.weights.weights_fetched import RULE as FETCHED
from wherry.check.settings import CheckSettings
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.model import Finding, Rule

PYTHON = "FROM python:3.12-slim\n"
LARGE = 60_000_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 14483464192\n"


def sparse(path: Path, size: int = LARGE) -> None:
    """A file of *size* that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.truncate(size)


def under(rule: Rule, policy: str, text: str, folder: Path | None = None) -> list[Finding]:
    """What a rule says under a policy."""
    settings = CheckSettings(options={rule.code: {"policy": policy}})
    name = str(folder / "Dockerfile") if folder else "Dockerfile"
    return list(rule.check(Facts.of(Source(name, text.encode()), folder, settings=settings)))


def test_weights_are_told_with_their_bytes_and_the_largest_first(tmp_path: Path) -> None:
    sparse(tmp_path / "models/a.safetensors")
    sparse(tmp_path / "models/b.gguf", 2 * LARGE)
    sparse(tmp_path / "models/c.onnx", LARGE // 2)

    finding = verdicts("D1", f"{PYTHON}COPY models /models\n", tmp_path)[0]

    assert (
        finding.what
        == "models/b.gguf, models/a.safetensors and 1 more are copied into the image: 210 MB of weights"
    )
    assert finding.severity is Severity.INFO
    assert finding.cost.size_bytes == 3.5 * LARGE
    assert finding.cost.basis is Basis.MEASURED
    assert finding.fix is None  # a COPY names them


def test_weights_that_come_with_a_directory_may_be_left_out(tmp_path: Path) -> None:
    sparse(tmp_path / "models/a.safetensors")
    (tmp_path / ".dockerignore").write_text(".git")

    finding = verdicts("D1", f"{PYTHON}COPY . /app\n", tmp_path)[0]

    assert finding.fix is not None
    assert [edit.text for edit in finding.fix.edits] == ["\nmodels/a.safetensors\n"]


@pytest.mark.parametrize("name", ["a*.safetensors", "#a.safetensors", "!a.safetensors"])
def test_names_that_mean_something_else_in_an_ignore_file_are_not_written(tmp_path: Path, name: str) -> None:
    sparse(tmp_path / name)

    assert verdicts("D1", f"{PYTHON}COPY . /app\n", tmp_path)[0].fix is None


def test_more_files_than_anyone_would_list_are_not_written(tmp_path: Path) -> None:
    for number in range(30):
        sparse(tmp_path / f"m/{number}.safetensors")

    assert verdicts("D1", f"{PYTHON}COPY . /app\n", tmp_path)[0].fix is None


@pytest.mark.parametrize(
    "text",
    [
        f"{PYTHON}COPY small.onnx /m/",
        f"{PYTHON}COPY src /src",
        f"{PYTHON}COPY absent.onnx /m/",
        f"{PYTHON}COPY --from=other /m.safetensors /m/",
        f"{PYTHON}RUN true\nFROM scratch",
        f"{PYTHON}COPY large.safetensors /m/\n{PYTHON}RUN true",
    ],
)
def test_small_or_other_files_are_left_alone(tmp_path: Path, text: str) -> None:
    sparse(tmp_path / "small.onnx", 1000)
    sparse(tmp_path / "large.safetensors")
    sparse(tmp_path / "src/main.py", 10)

    assert verdicts("D1", text, tmp_path) == []


def test_a_name_says_enough_where_the_file_is_not_here() -> None:
    assert len(verdicts("D1", f"{PYTHON}COPY model.gguf /m/")) == 1
    assert verdicts("D1", f"{PYTHON}COPY model.pkl /m/") == []


def test_a_policy_is_heeded(tmp_path: Path) -> None:
    sparse(tmp_path / "m.onnx", 1000)
    text = f"{PYTHON}COPY m.onnx /m/\n"

    assert [one.severity for one in under(COPIED, "forbid", text, tmp_path)] == [Severity.ERROR]
    assert under(COPIED, "warn", text, tmp_path) == []
    assert under(COPIED, "allow", f"{PYTHON}COPY m.safetensors /m/") == []
    through = f"FROM scratch AS w\nCOPY m.onnx /m/\n{PYTHON}COPY --from=w /m /m\n"
    assert len(under(COPIED, "forbid", through, tmp_path)) == 1


@pytest.mark.parametrize(
    ("commands", "names"),
    [
        ("huggingface-cli download org/m", "org/m is"),
        ("hf download org/a && hf download org/b", "org/a, org/b are"),
        ("wget https://h/dir/best.pt?dl=1", "best.pt is"),
        ("curl -L https://h/x -o /m/model.gguf", "x is"),
        ("git clone https://huggingface.co/org/m", "https://huggingface.co/org/m is"),
        ("git lfs pull", "what Git LFS holds is"),
        ("aws s3 sync s3://bucket/models/v1 /m", "v1 is"),
        ("aws s3 cp s3://bucket/datasets/coco.tar /d", "coco.tar is"),
        ("gsutil cp -r gs://bucket/checkpoints /m", "checkpoints is"),
        ("gdown --id 1a2b -O weights/best.pth", "best.pth is"),
        ("kaggle datasets download -d a/cats", "a/cats is"),
        ("wget https://h/coco/train2017.zip", "train2017.zip is"),
        ("python -m spacy download en_core_web_lg", "en_core_web_lg is"),
        ("ollama pull llama3", "llama3 is"),
        ('python -c \'import torch; torch.hub.load("a/b", "c")\'', "a/b is"),
        ("python -c 'from x import M; M.from_pretrained(name)'", "a model is"),
        ("huggingface-cli download $MODEL", "a model is"),
    ],
)
def test_what_is_fetched_into_the_image_is_told_by_name(commands: str, names: str) -> None:
    findings = verdicts("D2", f"{PYTHON}WORKDIR /app\nRUN {commands}\n")

    assert [finding.what for finding in findings] == [f"{names} downloaded into the image"]
    assert findings[0].severity is Severity.INFO


def test_several_runs_are_one_finding() -> None:
    findings = verdicts("D2", f"{PYTHON}RUN hf download a/b\nRUN hf download c/d\nRUN wget https://h/e.pt")

    assert [finding.what for finding in findings] == ["a/b, c/d, e.pt are downloaded into the image"]
    assert len(findings[0].related) == 2


@pytest.mark.parametrize(
    "lines",
    [
        "RUN python -m nltk.downloader punkt",
        "RUN python -m spacy download en_core_web_sm",
        "RUN python -c 'from t import AutoTokenizer as A; A.from_pretrained(\"gpt2\")'",
        "RUN wget https://h/best.pt && python convert.py && rm best.pt",
        "RUN --mount=type=cache,target=/root/.cache hf download a/b",
        "RUN curl -LO https://h/tool.tar.gz && git clone https://h/code",
        "RUN aws s3 cp s3://bucket/app.tar.gz . && wget https://h/images/logo.png",
        "RUN python -c 'import requests; requests.get(\"https://h/x\")'",
        "CMD hf download a/b",
    ],
)
def test_what_is_small_or_not_kept_or_no_model_is_let_through(lines: str) -> None:
    assert verdicts("D2", f"{PYTHON}WORKDIR /app\n{lines}\n") == []


def test_forbidden_is_the_small_one_and_the_stage_it_comes_from_too() -> None:
    text = f"{PYTHON} AS w\nRUN python -m nltk.downloader punkt\nFROM scratch\nCOPY --from=w /x /x".replace(
        "\n AS", " AS"
    )

    assert [one.severity for one in under(FETCHED, "forbid", text)] == [Severity.ERROR]
    assert under(FETCHED, "allow", f"{PYTHON}RUN hf download a/b") == []
    assert under(FETCHED, "warn", text) == []


def test_a_script_that_fetches_is_read(tmp_path: Path) -> None:
    files = {
        "a.py": "from transformers import AutoModel\nAutoModel.from_pretrained('org/m')\n",
        "b.py": "import requests\nrequests.get('https://h/x')\n",
    }

    findings = verdicts("D2", f"{PYTHON}COPY *.py /x/\nRUN python /x/a.py && python /x/b.py", tmp_path, files)

    assert [finding.what for finding in findings] == ["org/m is downloaded into the image"]


WEIGHTS = "FROM python:3.12-slim AS weights\n"
TAKEN = "\nFROM python:3.12-slim\nCOPY --link --from=weights /models /models\n"


def test_a_script_that_fetches_what_it_is_told_is_named(tmp_path: Path) -> None:
    files = {"a.py": "from transformers import AutoModel\nAutoModel.from_pretrained(name)\n"}

    findings = verdicts("D2", f"{PYTHON}COPY a.py /x/\nRUN python /x/a.py", tmp_path, files)

    assert "a model by a.py is" in findings[0].what


@pytest.mark.parametrize(
    ("command", "severity"),
    [
        ("hf download org/m", Severity.INFO),
        ("hf download org/m --revision main", Severity.INFO),
        ("git clone --branch v1 https://huggingface.co/org/m", Severity.INFO),
        ('python -c \'import torch; torch.hub.load("a/b", "c")\'', Severity.WARNING),
        (
            "python -c 'import t; t.AutoModel.from_pretrained(\"a/b\", trust_remote_code=True)'",
            Severity.WARNING,
        ),
    ],
)
def test_a_revision_that_moves_is_found(command: str, severity: Severity) -> None:
    findings = verdicts("D3", f"{WEIGHTS}RUN {command}{TAKEN}")

    assert [finding.severity for finding in findings] == [severity]


@pytest.mark.parametrize(
    "command",
    [
        f"hf download org/m --revision {COMMIT}",
        "hf download org/m --revision $REVISION",
        "hf download $MODEL",
        "wget https://h/m.safetensors",
        "python -c 'import t; t.AutoTokenizer.from_pretrained(\"a/b\")'",
        f'python -c \'import t; t.AutoModel.from_pretrained("a/b", revision="{COMMIT}")\'',
        "ollama pull llama3",
    ],
)
def test_a_revision_that_is_told_or_cannot_be_is_left_alone(command: str) -> None:
    assert verdicts("D3", f"{PYTHON}RUN {command}") == []


def test_several_models_without_a_revision_are_one_finding_about_the_worst() -> None:
    script = "python -c 'import t; t.M.from_pretrained(\"c/d\", trust_remote_code=True)'"

    findings = verdicts(
        "D3", f"{WEIGHTS}RUN hf download a/b\nRUN {script}\nRUN hf download e/f && hf download g/h{TAKEN}"
    )

    assert len(findings) == 1
    assert findings[0].place.start.line == 3
    assert "a/b, c/d, e/f and 1 more are fetched" in findings[0].what


def test_a_pickle_is_told_beside_the_same_model_as_safetensors_only(tmp_path: Path) -> None:
    for name in ("a/model.safetensors", "a/pytorch_model.bin", "a/other.pt", "b/x.ckpt", "c/x.safetensors"):
        sparse(tmp_path / name)
    sparse(tmp_path / "d/model-00001-of-00002.safetensors")
    sparse(tmp_path / "d/pytorch_model-00001-of-00003.bin")

    finding = verdicts("D6", f"{PYTHON}COPY . /app\n", tmp_path)[0]

    assert finding.what.startswith("a/pytorch_model.bin, d/pytorch_model-00001-of-00003.bin are copied")
    assert finding.cost.size_bytes == 2 * LARGE
    assert finding.fix is not None
    assert verdicts("D6", f"{PYTHON}COPY a /a\n", tmp_path)[0].fix is None
    assert verdicts("D6", f"{PYTHON}COPY b /b\n", tmp_path) == []


def test_a_pointer_is_told_with_what_it_stands_for(tmp_path: Path) -> None:
    files = {"m/a.safetensors": POINTER, "m/b.pt": POINTER, "m/c.txt": "x"}

    finding = verdicts("D8", f"{PYTHON}COPY m /m\n", tmp_path, files)[0]

    assert finding.what == "m/a.safetensors, m/b.pt are pointers of Git LFS for 29.0 GB that are not here"
    assert verdicts("D8", f"{PYTHON}COPY m/c.txt /m/\n", tmp_path) == []
    assert verdicts("D8", f"{PYTHON}COPY m /m\nRUN git -C /m lfs pull", tmp_path) == []
    assert verdicts("D8", f"{PYTHON}COPY --from=x /m /m\nCOPY none /m\n", tmp_path) == []
    assert verdicts("D8", f"FROM scratch AS a\nCOPY m /m\n{PYTHON}", tmp_path) == []
    assert verdicts("D8", f"{PYTHON}COPY m /m\n") == []


def test_weights_behind_the_code_are_told_of_once(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY server /app/server\nCOPY model.safetensors /models/\n"
    text += "RUN huggingface-cli download org/m --local-dir /m\n"
    files = {"server/__init__.py": ""}
    assert not verdicts("D1", text, tmp_path, files)
    assert not verdicts("D2", text, tmp_path, files)
    assert len(verdicts("D4", text, tmp_path, files)) == 2


def test_weights_ahead_of_the_code_are_those_of_the_image_rules(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY model.safetensors /models/\nCOPY server /app/server\n"
    assert verdicts("D1", text, tmp_path, {"server/__init__.py": ""})
    assert not verdicts("D4", text, tmp_path, {"server/__init__.py": ""})


def test_the_script_that_fetches_is_no_code_that_comes_before(tmp_path: Path) -> None:
    files = {"fetch.py": "from huggingface_hub import snapshot_download\nsnapshot_download('org/m')\n"}
    text = f"{PYTHON}WORKDIR /a\nCOPY fetch.py wanted.txt ./\nRUN python fetch.py --model large\nCOPY . .\n"
    assert not verdicts("D4", text, tmp_path, files)
    assert verdicts("D2", text, tmp_path, files)
    beside = text.replace("fetch.py wanted.txt", "fetch.py app.py")
    assert verdicts("D4", beside, tmp_path, {**files, "app.py": "print()\n"})


def test_a_download_is_told_of_once_with_its_revision() -> None:
    (finding,) = verdicts("D2", f"{PYTHON}RUN huggingface-cli download org/m --local-dir /m\n")
    assert "no revision is named" in finding.why
    assert not verdicts("D3", f"{PYTHON}RUN huggingface-cli download org/m --local-dir /m\n")
    with_code = "RUN python -c \"import t; t.M.from_pretrained('a/b', trust_remote_code=True)\"\n"
    assert verdicts("D3", f"{PYTHON}{with_code}")  # what else comes along is said as well
