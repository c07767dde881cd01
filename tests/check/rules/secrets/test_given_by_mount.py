"""login-in-run and secret-removed-later: what the RUNs are given as a secret, and what is left alone."""

from __future__ import annotations

import pytest

from tests.check.rules.said import fixed, verdicts

SYNTAX = "# syntax=docker/dockerfile:1\n"
BASE = f"{SYNTAX}FROM python:3.12-slim AS base\n"
WANDB = "--mount=type=secret,id=K,env=WANDB_API_KEY"
HUB = "--mount=type=secret,id=HF_TOKEN,env=HF_TOKEN"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG K\nRUN wandb login $K && python get.py\n", f"RUN {WANDB} python get.py\n"),
        (
            'ARG K\nRUN wandb login --relogin "${K}"\nRUN pip install a\nRUN ./get.sh\nRUN apt-get update\n',
            f"RUN pip install a\nRUN {WANDB} ./get.sh\nRUN apt-get update\n",
        ),
        (
            "ARG K\nRUN pip install a \\\n # sign in\n && wandb login $K \\\n && wandb artifact get a/b\n",
            f"RUN {WANDB} pip install a \\\n && wandb artifact get a/b\n",
        ),
        (
            "RUN hf auth login --token abc && hf download a/b\nENV A=b\n",
            f"RUN {HUB} hf download a/b\nENV A=b\n",
        ),
    ],
)
def test_the_client_reads_the_secret_and_nobody_logs_in(text: str, expected: str) -> None:
    (finding,) = verdicts("E5", BASE + text)

    assert fixed(BASE + text, finding) == BASE + expected
    assert verdicts("E5", BASE + expected) == []


@pytest.mark.parametrize(
    "text",
    [
        "ARG K\nRUN wandb login $K\n",
        "ARG K\nRUN wandb login $K\nRUN pip install a\n",
        "ARG K=x\nRUN wandb login $K && python get.py\n",
        "ARG K A\nRUN wandb login $K && python get.py\n",
        "ENV K=abc\nRUN wandb login $K && python get.py\n",
        "ARG K\nENV KEY=$K\nRUN wandb login $K && python get.py\n",
        "ARG K\nRUN wandb login $K && python get.py $K\n",
        "ARG K\nRUN wandb login prefix$K && python get.py\n",
        "ARG K\nRUN wandb login $K || python get.py\n",
        "ARG K\nRUN if [ -n $K ]; then wandb login $K; fi; python get.py\n",
        "ARG K\nRUN docker login -u me -p $K && docker pull x\n",
        "ARG K\nRUN wandb login $K && python a.py\nFROM base\nRUN python b.py\n",
        'ARG K\nRUN ["wandb", "login", "$K"]\nRUN python b.py\n',
    ],
)
def test_a_login_that_may_be_needed_otherwise_is_named_and_left(text: str) -> None:
    (finding, *_) = verdicts("E5", BASE + text)

    assert finding.fix is None


KEY = "--mount=type=secret,id=id_rsa,target=/k/id_rsa"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "COPY id_rsa /k/\nRUN chmod 600 /k/id_rsa\nRUN git clone git@h:a/b\nRUN rm -f /k/id_rsa\nRUN x\n",
            f"RUN {KEY} git clone git@h:a/b\nRUN x\n",
        ),
        (
            "COPY id_rsa /k/\nRUN chmod 600 /k/id_rsa \\\n && git clone git@h:a/b \\\n && rm /k/id_rsa\n",
            f"RUN {KEY} git clone git@h:a/b\n",
        ),
        (
            "WORKDIR /a\nCOPY .env /a/.env\nRUN make\nRUN . ./.env && ./get.sh\nRUN rm .env\n",
            "WORKDIR /a\nRUN make\nRUN --mount=type=secret,id=env,target=/a/.env . ./.env && ./get.sh\n",
        ),
    ],
)
def test_a_file_that_was_copied_and_removed_is_given_to_the_run(text: str, expected: str) -> None:
    (finding,) = verdicts("E7", BASE + text)

    assert fixed(BASE + text, finding) == BASE + expected
    assert verdicts("E7", BASE + expected) == []


@pytest.mark.parametrize(
    "text",
    [
        "COPY id_rsa /k/\nRUN rm /k/id_rsa\n",
        "COPY id_rsa /k/\nRUN git clone a\nRUN pip install b\nRUN rm /k/id_rsa\n",
        "COPY id_rsa /k/\nRUN cp /k/id_rsa /k2 && git clone a && rm /k/id_rsa\n",
        "COPY id_rsa /k/\nRUN git clone a && rm -rf /k\n",
        "COPY id_rsa /k/\nRUN git clone a; if x; then rm /k/id_rsa; fi\n",
        "COPY id_rsa config /k/\nRUN git clone a && rm /k/id_rsa\n",
        "USER app\nCOPY id_rsa /k/\nRUN git clone a && rm /k/id_rsa\n",
        "COPY id_rsa /k/\nRUN git clone a\nFROM base\nRUN rm /k/id_rsa\n",
        "COPY a.env /k/\nCOPY server.key /k/\nRUN a\nRUN b\nRUN rm /k/server.key\n",
    ],
)
def test_a_file_that_is_needed_who_knows_where_is_named_and_left(text: str) -> None:
    (finding,) = verdicts("E7", BASE + text)

    assert finding.fix is None


def test_a_byte_order_mark_stays_first() -> None:
    (finding,) = verdicts("E5", "\ufeffFROM python:3.12\nRUN hf auth login --token abc && hf download a/b\n")

    text = fixed("\ufeffFROM python:3.12\nRUN hf auth login --token abc && hf download a/b\n", finding)
    assert text == f"\ufeff{SYNTAX}FROM python:3.12\nRUN {HUB} hf download a/b\n"
