"""Of a secret that stands in what is shown, four characters are left at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.check.masking import masked

HF = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"
KEY_LINE = "MIIEowIBAAKCAQEA7bq3Vz2K1vY5u0Xr9Qw8Lk4J"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"ENV TOKEN={HF}", HF),
        (f"RUN huggingface-cli login --token {HF} && x", HF),
        ("ENV API_TOKEN=short-one", "short-one"),
        ("ENV API_TOKEN short-one", "short-one"),
        ("ARG DB_PASSWORD='with blank'", "with blank"),
        ('  "password": "hunter22"', "hunter22"),
        ("RUN x --password hunter22 y", "hunter22"),
        ("RUN git clone https://me:s3cr3tw0rd@git.internal/x", "s3cr3tw0rd"),
        ('CMD ["serve", "--api-key", "hunter22"]', "hunter22"),
        ("    args: [--password, hunter22]", "hunter22"),
        ("    - {name: DB_PASSWORD, value: hunter22}", "hunter22"),
        ("    - name: DB_PASSWORD\n      value: 'hunter 22'", "hunter 22"),
        ("RUN curl -u me:hunter22 https://x | sh", "hunter22"),
        ("RUN curl --user 'me:hunter22' https://x", "hunter22"),
        ("RUN docker login -u me -p hunter22 host", "hunter22"),
        ("RUN mysql -u root -phunter22 < x", "hunter22"),
        ("--extra-index-url https://me:s3cr3tw0rd@pypi.example/simple", "s3cr3tw0rd"),
    ],
)
def test_secrets_by_form_and_by_name_are_masked_and_columns_stay(text: str, secret: str) -> None:
    shown = masked(text)

    assert secret not in shown
    assert secret[5:] not in shown
    assert len(shown) == len(text)
    assert shown.replace("*", "") in {text.replace(secret, secret[:n]) for n in range(5)}


def test_a_private_key_is_masked_to_its_end_line_by_line() -> None:
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_LINE}\n{KEY_LINE}\r\n-----END RSA PRIVATE KEY-----\nRUN x\n"

    shown = masked(f"COPY <<EOF /key\n{key}EOF\n")

    assert KEY_LINE not in shown
    assert KEY_LINE[:8] not in shown
    assert shown.endswith("-----END RSA PRIVATE KEY-----\nRUN x\nEOF\n")
    assert shown.count("\n") == key.count("\n") + 2
    assert KEY_LINE not in masked(key[: key.index("-----END")])


@pytest.mark.parametrize(
    "text",
    [
        "ENV TOKENIZERS_PARALLELISM=false MAX_TOKENS=4096",
        "ENV API_TOKEN=${API_TOKEN} SECRET_FILE=/run/secrets/x",
        "RUN --mount=type=secret,id=token x",
        "ENV PASSWORD=changeme",
        "RUN pip install torch==2.4.1",
        "RUN pip install -i https://me:${PASSWORD}@pypi.example/simple x",
        "RUN git clone ssh://git@host/x && docker run a://b:80/c@d",
        "RUN docker run -u 1000:1000 x && docker run --user app:app y && docker login -p $TOKEN z",
        "RUN mkdir -p /app/login && install -o app -p x",
        '["--tokenizer", "bert"]',
        "    - {name: PORT, value: 8000}",
        "",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert masked(text) == text


@given(
    st.text()
    | st.lists(st.sampled_from([HF, "TOKEN=", "--password ", "'", '"', "a", " ", "\n"])).map("".join)
)
def test_masking_keeps_length_and_lines_and_masks_nothing_twice(text: str) -> None:
    shown = masked(text)

    assert len(shown) == len(text)
    assert [at for at, letter in enumerate(shown) if letter in "\r\n"] == [
        at for at, letter in enumerate(text) if letter in "\r\n"
    ]
