from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.facts.dockerfiles import facts_of
from wherry.check.facts import Facts
from wherry.check.facts.secrets import (
    entropy_bits,
    find_secrets,
    is_placeholder,
    is_random,
    is_reference,
    is_secret_name,
    redacted,
)
from wherry.dockerfile.source import Source

HF = "hf_" + "abcdefghijKLMNOPQRSTuvwxyzABCDEFGH"
WANDB = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "OPENAI_API_KEY",
        "OPENAI_KEY",
        "ANTHROPIC_API_KEY",
        "WANDB_API_KEY",
        "wandb-api-key",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "NGC_API_KEY",
        "KAGGLE_KEY",
        "GITHUB_TOKEN",
        "GH_PAT",
        "DB_PASSWORD",
        "POSTGRES_PASSWORD",
        "SMTP_PASS",
        "DJANGO_SECRET_KEY",
        "CLIENT_SECRET",
        "SSH_PRIVATE_KEY",
        "PIP_INDEX_PASSWORD",
        "NPM_TOKEN",
        "apiKey",
        "token",
        "password",
        "AZURE_STORAGE_CONNECTION_STRING",
        "credentials",
        "JWT_SECRET",
    ],
)
def test_a_name_of_a_secret_is_known_as_one(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "TOKENIZERS_PARALLELISM",
        "TOKENIZER_PATH",
        "MAX_TOKENS",
        "MAX_NEW_TOKENS",
        "NUM_TOKENS",
        "PAD_TOKEN_ID",
        "EOS_TOKEN",
        "TOKEN_LIMIT",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "NUM_KEY_VALUE_HEADS",
        "KEY_VALUE_HEADS",
        "HF_TOKEN_PATH",
        "SSL_KEY_FILE",
        "POSTGRES_PASSWORD_FILE",
        "SECRET_NAME",
        "SECRET_ARN",
        "AWS_ACCESS_KEY_ID",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
        "PRIMARY_KEY",
        "PUBLIC_KEY",
        "CACHE_KEY",
        "PYTHONUNBUFFERED",
        "PATH",
        "PASSTHROUGH",
        "COMPASS",
        "AUTHOR",
        "MONKEY",
        "",
        "_",
    ],
)
def test_a_name_that_only_sounds_like_a_secret_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"ENV HF_TOKEN={HF}", "Hugging Face token"),
        ("sk-ant-api03-" + "aB3-" * 22, "Anthropic key"),
        ("ghp_" + "a1B2c3" * 6, "GitHub token"),
        ("glpat-" + "a1B2c3d4e5F6g7h8i9j0", "GitLab token"),
        ("AKIA" + "IOSFODNN7ABCDEFG", "AWS access key"),
        ("nvapi-" + "aB3_" * 16, "NVIDIA NGC key"),
        ("r8_" + "aB3" * 12 + "a", "Replicate token"),
        ("xoxb-123456789012-abcdefABCDEF12", "Slack token"),
        ("pip install -i https://me:s3cr3tpw@pypi.corp.io/simple", "password in a URL"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g", "JSON web token"),
        ("gsk_" + "aB3d" * 13, "Groq key"),
        ("dckr_pat_" + "aB3d" * 6, "Docker Hub token"),
        ("dapi" + "0123456789abcdef" * 2, "Databricks token"),
        ("lsv2_pt_" + "0123456789abcdef" * 2 + "_0123456789", "LangSmith key"),
        ("pcsk_" + "aB3d" * 15, "Pinecone key"),
        ("wandb_v1_" + "aB3" * 9 + "_" + "aB3d5E7" * 7, "Weights & Biases key"),
        ("xai-" + "aB3d" * 20, "xAI key"),
        ("pplx-" + "aB3d" * 12, "Perplexity key"),
        ("AccountKey=" + "aB3d" * 21 + "aB==", "Azure storage key"),
        ("SG." + "a" * 10 + "B1" * 6 + "." + "aB3" * 14 + "a", "SendGrid key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq98", "private key"),
        (
            '{"type": "service_account", "key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B"}',
            "private key",
        ),
    ],
)
def test_a_value_with_a_vendors_form_is_found_wherever_it_stands(text: str, kind: str) -> None:
    (found,) = find_secrets(text)
    assert (found.kind, found.is_certain) == (kind, True)


def test_of_a_url_the_password_is_the_secret() -> None:
    text = "naïve https://me:s3cr3tpw@pypi.corp.io/simple"
    (found,) = find_secrets(text)
    assert text[found.start : found.end] == "s3cr3tpw"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WANDB_API_KEY", WANDB),
        ("KAGGLE_KEY", "0123456789abcdef0123456789abcdee"),
        ("DB_PASSWORD", "hunter2"),
        ("SECRET_KEY", "k9-2f8Hq_71mNbVcXz"),
    ],
)
def test_a_value_without_a_form_is_a_secret_by_its_name(name: str, value: str) -> None:
    (found,) = find_secrets(value, name)
    assert (found.kind, found.is_certain) == (f"value of {name}", False)
    assert find_secrets(value) == []
    assert find_secrets(value, "COLOUR") == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        '""',
        "<token>",
        "<your-token-here>",
        "changeme",
        "CHANGE_ME_PLEASE",
        "xxx",
        "xxxxxxxxxxxxxxxxxxxx",
        "your-api-key",
        "${HF_TOKEN}",
        "$TOKEN",
        "{{ token }}",
        "none",
        "0",
        "test",
        "placeholder-value-123456",
        "dummy1234567890abcdef",
        "not-needed-example",
        "__TOKEN__",
        "%TOKEN%",
        "password",
        "********",
    ],
)
def test_a_placeholder_is_no_secret_whatever_its_name(value: str) -> None:
    assert is_placeholder(value)
    assert find_secrets(value, "DB_PASSWORD") == []


@pytest.mark.parametrize(
    "value", ["/run/secrets/token", "~/.netrc", "file:///x", "https://vault/x", "secret/data/x"]
)
def test_where_a_secret_is_kept_is_no_secret(value: str) -> None:
    assert is_reference(value)
    assert find_secrets(value, "DB_PASSWORD") == []


@pytest.mark.parametrize(
    "value", ["correct horse battery", "abcdefghijklmnopqrst", "aaaaaaaaaaaaaaaa1", "short1", "x" * 9000]
)
def test_a_token_must_look_random(value: str) -> None:
    assert find_secrets(value, "API_KEY") == []


def test_nothing_of_a_secret_is_shown_but_four_characters_and_its_length() -> None:
    assert redacted(HF) == "hf_a... (37 characters)"
    assert redacted("hunter2") == "h... (7 characters)"
    assert redacted("abc") == "... (3 characters)"
    assert redacted("\x1b[31mabcdefghijklmnop").startswith("?[31...")


@given(st.text(max_size=200))
def test_never_more_than_four_characters_are_shown(value: str) -> None:
    assert redacted(value).partition("...")[0] in {value[:n] for n in range(5)} | {
        "".join(c if c.isprintable() else "?" for c in value[:n]) for n in range(5)
    }


@given(st.text(max_size=200), st.text(max_size=30))
def test_no_text_is_a_failure_and_places_lie_inside(text: str, name: str) -> None:
    for found in find_secrets(text, name):
        assert 0 <= found.start < found.end <= len(text)


def test_entropy_is_that_of_the_letters() -> None:
    assert entropy_bits("") == 0
    assert entropy_bits("aaaa") == 0
    assert entropy_bits("abab") == 1
    assert is_random(WANDB)


def test_every_secret_of_a_file_is_told_once_with_its_place_and_never_its_value() -> None:
    facts = facts_of(
        f"""
        # {HF}
        FROM python:3.12
        ENV HF_TOKEN={HF} DB_PASSWORD="hunter2x" TOKENIZERS_PARALLELISM=false
        ARG WANDB_API_KEY={WANDB}
        LABEL key=value
        RUN pip install -i https://me:s3cr3tpw@pypi.corp.io/simple x
        RUN wandb login --api-key {WANDB} && export API_KEY={WANDB}
        RUN MY_TOKEN={WANDB} python x.py
        RUN curl -H "Authorization: Bearer {WANDB}" https://h
        """
    )
    found = [(s.where, s.kind, s.name, facts.text(s.span), s.is_certain) for s in facts.secrets]
    assert found == [
        ("comment", "Hugging Face token", "", HF, True),
        ("env", "Hugging Face token", "", HF, True),
        ("env", "value of DB_PASSWORD", "DB_PASSWORD", '"hunter2x"', False),
        ("arg", "value of WANDB_API_KEY", "WANDB_API_KEY", WANDB, False),
        ("run", "password in a URL", "", "s3cr3tpw", True),
        ("run", "value of api-key", "api-key", WANDB, False),
        ("run", "value of API_KEY", "API_KEY", f"API_KEY={WANDB}", False),
        ("run", "value of MY_TOKEN", "MY_TOKEN", WANDB, False),
        (
            "run",
            "value of AUTHORIZATION_TOKEN",
            "AUTHORIZATION_TOKEN",
            f'"Authorization: Bearer {WANDB}"',
            False,
        ),
    ]
    shown = repr([(s.kind, s.name, s.shown) for s in facts.secrets])
    assert HF not in shown
    assert WANDB not in shown
    assert "hunter2x" not in shown


def test_a_secret_in_a_file_that_is_no_utf8_is_found() -> None:
    data = f"FROM a\nENV X=é\\\xff T={HF}\n".encode("latin-1")
    facts = Facts.of(Source("Dockerfile", data))
    assert [facts.text(secret.span) for secret in facts.secrets] == [HF]
