"""weights-fetched: a download in a layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts

if TYPE_CHECKING:
    from pathlib import Path

HUB = "FROM python:3.12-slim\nRUN pip install huggingface-hub==0.27.0\n"
FETCH = "RUN hf download org/m --local-dir /models/m"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("wget https://h/m.pt -O /m/m.pt", "ADD --link --chmod=644 https://h/m.pt /m/m.pt"),
        (
            "mkdir -p /m && curl -L https://h/m.gguf?v=2 -o /m/m.gguf",
            "ADD --link --chmod=644 https://h/m.gguf?v=2 /m/m.gguf",
        ),
        ("wget -q -P /m https://h/m.onnx", "ADD --link --chmod=644 https://h/m.onnx /m/m.onnx"),
    ],
)
def test_add_fetches_what_a_command_fetched_to_a_place_that_is_told(command: str, expected: str) -> None:
    text = f"FROM python:3.12\nRUN {command}\n"

    assert fixed(text, verdicts("D2", text)[0]) == f"FROM python:3.12\n{expected}\n"


def test_several_files_are_added_by_one_fix() -> None:
    text = "FROM python:3.12\nRUN wget https://h/a.pt -O /m/a.pt\nRUN wget https://h/b.pt -O /m/b.pt\n"

    after = fixed(text, verdicts("D2", text)[0])

    assert after.count("\nADD --link ") == 2
    assert "RUN" not in after


@pytest.mark.parametrize(
    ("head", "image"),
    [
        (HUB, "python:3.12-slim"),
        (HUB.replace("python:3.12-slim", "ubuntu:22.04"), "python:3.12-slim"),
        (HUB.replace("python:3.12-slim", "python:3.11"), "python:3.11"),
        (HUB.replace("RUN", "ARG A=1\nRUN"), "python:3.12-slim"),
    ],
)
def test_the_hubs_client_downloads_in_a_stage_of_its_own(head: str, image: str) -> None:
    text = f"{head}{FETCH}\nCMD x\n"

    assert fixed(text, verdicts("D2", text)[0]) == (
        f"FROM {image} AS weights\nRUN pip install --no-cache-dir huggingface-hub==0.27.0\n{FETCH}\n\n"
        f"{head}COPY --link --from=weights /models/m /models/m\nCMD x\n"
    )


def test_the_client_is_that_of_the_requirements(tmp_path: Path) -> None:
    text = f"FROM python:3.12\nCOPY r.txt ./\nRUN pip install -r r.txt\n{FETCH}\n"

    finding = verdicts("D2", text, tmp_path, {"r.txt": "torch\ntransformers==4.44.2\n"})[0]

    assert "RUN pip install --no-cache-dir transformers==4.44.2\n" in fixed(text, finding)


@pytest.mark.parametrize(
    "text",
    [
        f"FROM python:3.12\nRUN pip install huggingface-hub\n{FETCH}",
        f"{HUB}RUN hf download org/m",
        f"{HUB}RUN hf download org/m --local-dir models/m\n",
        f"{HUB}ARG DIR=/m\nRUN hf download org/m --local-dir $DIR",
        f"{HUB}ENV HF_TOKEN=x\n{FETCH}",
        f"{HUB}{FETCH} && chmod -R 755 /models",
        f"{HUB}{FETCH} && hf download org/n --local-dir /models/n",
        f"{HUB}{FETCH}\nRUN hf download org/n --local-dir /models/n",
        f"{HUB}{FETCH}\nRUN wget https://h/m.pt -O /m/m.pt && python x.py",
        f"FROM scratch AS weights\n{HUB}{FETCH}",
        f"FROM python AS a\n{HUB}COPY --from=0 /x /x\n{FETCH}",
        f"{HUB}RUN <<EOF\nhf download org/m --local-dir /m\nEOF\n",
        f'{HUB}RUN ["hf", "download", "org/m", "--local-dir", "/m"]',
        f"{HUB}{FETCH}\nADD https://h/m.pt /m/",
        "FROM python:3.12\nRUN wget http://h/m.pt -O /m/m.pt",
        "FROM python:3.12\nRUN wget https://h/m.pt -O '/m/a b.pt'",
        "FROM python:3.12\nRUN wget 'https://h/a b.pt' -O /m/m.pt",
        "FROM python:3.12\nRUN --mount=type=secret,id=netrc wget https://h/m.pt -O /m/m.pt",
        "FROM python:3.12\nRUN git clone https://huggingface.co/org/m /m",
        "FROM python:3.12\nRUN aws s3 cp s3://b/m.pt /m/m.pt",
        "FROM python:3.12\n" + "".join(f"RUN wget https://h/{n}.pt -O /m/{n}.pt\n" for n in range(30)),
        "FROM python:3.12 AS a\nRUN wget https://h/m.pt -O /m/m.pt\nFROM a",
    ],
)
def test_a_run_that_does_more_or_says_less_is_left_to_its_author(text: str) -> None:
    assert [finding.fix for finding in verdicts("D2", text)] == [None]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("ADD https://h/m.safetensors /m/", 1),
        ("ADD --link https://h/m.safetensors?x=1 /m/", 0),
        ("ADD https://h/tool.tar.gz /t/", 0),
    ],
)
def test_an_add_of_weights_is_told_unless_its_layer_is_apart(line: str, count: int) -> None:
    assert len(verdicts("D2", f"FROM python:3.12\n{line}")) == count
