"""Credentials are found by place and kind, are never shown, and placeholders are let be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.project.secrets import credential_kind, refuse_secrets, scan_for_secrets

if TYPE_CHECKING:
    from pathlib import Path

LETTERS = "aBcDeFgHiJkLmNoPqRsTuVwXyZAbCdEfGhIj"
MIXED = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hI5"

# Put together here so that no line of this file is a credential to a scanner.
CREDENTIALS = [
    ("AWS access key", "AKIA" + "Q7RSTUVWXYZ23456"),
    ("AWS secret key", "aws_secret_access_key = " + MIXED + "x/+9"),
    ("Hugging Face token", "hf_" + LETTERS[:34]),
    ("GitHub token", "ghp_" + MIXED),
    ("GitHub token", "github_pat_" + MIXED[:22] + "_" + MIXED + MIXED[:23]),
    ("GitLab token", "glpat-" + MIXED[:20]),
    ("OpenAI key", "sk-proj-" + MIXED + MIXED),
    ("OpenAI key", "sk-" + MIXED[:20] + "T3BlbkFJ" + MIXED[:20]),
    ("Anthropic key", "sk-ant-api03-" + MIXED * 3),
    ("Slack token", "xoxb-1234567890-" + MIXED),
    ("Slack webhook", "https://hooks.slack.com/services/T12345678/B12345678/" + MIXED[:24]),
    ("Google API key", "AIza" + MIXED[:35]),
    ("NVIDIA NGC key", "nvapi-" + MIXED + MIXED),
    ("Replicate token", "r8_" + MIXED + "x"),
    ("PyPI token", "pypi-AgE" + MIXED * 2),
    ("npm token", "npm_" + MIXED),
    ("Stripe key", "sk_live_" + MIXED[:24]),
    ("password in a URL", "https://deploy:" + MIXED[:12] + "@index.corp/simple"),
    ("password in a URL", "redis://:" + MIXED[:12] + "@cache.corp:6379/0"),
    ("private key", "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" + MIXED),
    ("private key", "-----BEGIN PRIVATE KEY-----\\n" + "MIIEpAIBAAKCAQEA" + MIXED),
    ("private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA" + MIXED),
]


@pytest.mark.parametrize(("kind", "credential"), CREDENTIALS)
def test_a_credential_is_known_in_a_value_and_in_a_file(tmp_path: Path, kind: str, credential: str) -> None:
    assert credential_kind(credential) == kind
    path = tmp_path / "settings.py"
    path.write_text(f"import os\n\nKEY = '{credential}'\n")
    (finding,) = scan_for_secrets(path)
    assert (finding.line, finding.kind) == (3, kind)


@pytest.mark.parametrize(("kind", "credential"), CREDENTIALS)
def test_the_refusal_says_where_and_what_and_never_the_credential(
    tmp_path: Path, kind: str, credential: str
) -> None:
    path = tmp_path / "settings.py"
    path.write_text(f"\n{credential}\n")
    with pytest.raises(InputError) as caught:
        refuse_secrets([(path, "app/settings.py"), (path, "app/copy.py")])
    said = "\n".join(caught.value.lines())
    assert kind in said
    assert "1 more" in said
    assert caught.value.where == "app/settings.py:2"
    assert credential[8:24] not in said
    assert len(caught.value.lines()) == 3


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "hf_" + "x" * 34,
        "ghp_" + "X" * 36,
        "https://user:password@host/path",
        "postgresql://postgres:postgres@localhost:5432/db",
        "postgresql://app:S3cretTh1ng@localhost/db",
        "https://user:hunter22@index.example/simple",
        "https://{user}:{password}@index.corp/",
        "https://$USER:$PASSWORD@index.corp/",
        "https://user:%s@index.corp/",
        "amqp://guest:guest@rabbit:5672",
        "http://[::1]:8080/a@b",
        "https://index.corp:8443/simple@v1",
        "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEAMIIEpAIBAAKCAQEA",
        "if '-----BEGIN PRIVATE KEY-----' in text: pass",
        "sk-learn-and-other-things",
        "task-projection-of-a-very-long-name-that-goes-on-and-on-and-on",
        "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']",
        "gh_pages_branch_name_that_is_quite_long_indeed_for_a_name",
    ],
)
def test_placeholders_and_lookalikes_are_let_be(tmp_path: Path, text: str) -> None:
    assert credential_kind(text) is None
    path = tmp_path / "a.py"
    path.write_text(text)
    assert scan_for_secrets(path) == []


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("DB_PASSWORD", "hunter2", "password"),
        ("db-password", "hunter2", "password"),
        ("SECRET_KEY", "django-insecure", "password"),
        ("DB_PASSWORD", "", None),
        ("DB_PASSWORD", "/run/secrets/db", None),
        ("DB_PASSWORD", "$DB_PASSWORD", None),
        ("DB_PASSWORD_FILE", "/run/secrets/db", None),
        ("WANDB_API_KEY", MIXED, "token"),
        ("API_TOKEN", MIXED, "token"),
        ("PAD_TOKEN", "<pad>", None),
        ("EOS_TOKEN", "</s>", None),
        ("MAX_TOKENS", "40960000000000000", None),
        ("TOKENIZERS_PARALLELISM", "false", None),
        ("MODEL_NAME", "org/model-7b-instruct-v0.3-2024", None),
    ],
)
def test_a_variables_name_says_how_its_value_is_judged(name: str, value: str, kind: str | None) -> None:
    assert credential_kind(value, name) == kind


def test_a_marked_line_is_let_through_and_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    token = "ghp_" + MIXED
    path.write_text(f"A = '{token}'  # wherry: allow-secret\nB = '{token}'\n")
    assert [finding.line for finding in scan_for_secrets(path)] == [2]


def test_a_binary_file_has_no_lines_to_look_at(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0" + b"ghp_" + MIXED.encode())
    assert scan_for_secrets(path) == []


@pytest.mark.parametrize("offset", [0, 1, 20, 39, 40, 41, 4095, 4096, 4097])
def test_a_credential_across_the_borders_of_reading_is_found_once(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "a.txt"
    token = "ghp_" + MIXED
    before = b"line\n" * ((1024 * 1024 - offset) // 5)
    path.write_bytes(
        before
        + b" " * (1024 * 1024 - offset - len(before) - 1)
        + b"\n"
        + token.encode()
        + b"\n"
        + b"end\n" * 5000
    )
    (finding,) = scan_for_secrets(path)
    assert finding.line == path.read_bytes().split(token.encode())[0].count(b"\n") + 1


def test_two_kinds_on_one_line_are_two_findings(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ghp_" + MIXED + " glpat-" + MIXED[:20] + "\n")
    assert len(scan_for_secrets(path)) == 2


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the file"):
        scan_for_secrets(tmp_path / "gone")


def test_no_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    refuse_secrets([(tmp_path / "a.py", "a.py")])


@given(st.binary(max_size=3000))
def test_any_bytes_are_looked_at_without_harm(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "f"
    path.write_bytes(data)
    scan_for_secrets(path)


def test_its_kind_is_named_as_people_say_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("AKIA" + "IOSFODNN7QWERTYU\n")
    with pytest.raises(InputError, match="looks like an AWS access key"):
        refuse_secrets([(tmp_path / "a.py", "a.py")])
    (tmp_path / "a.py").write_text("ghp_" + "abcdefghij0123456789abcdefghij012345\n")
    with pytest.raises(InputError, match="looks like a GitHub token"):
        refuse_secrets([(tmp_path / "a.py", "a.py")])
