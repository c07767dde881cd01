from __future__ import annotations

import pytest

from tests.check.facts.dockerfiles import run_of


@pytest.mark.parametrize(
    ("command", "paths", "is_recursive"),
    [
        ("rm -rf /var/lib/apt/lists/* /tmp/x", ("/var/lib/apt/lists/*", "/tmp/x"), True),
        ("rm -fr build", ("/app/build",), True),
        ("rm --recursive --force ../x", ("/x",), True),
        ("rm a.tar.gz", ("/app/a.tar.gz",), False),
        ("find / -name '*.pyc' -delete", ("/",), False),
        ("find /opt/conda /x -follow -type f -delete", ("/opt/conda", "/x"), True),
        ("find /a -exec rm -rf '{}' +", ("/a",), True),
    ],
)
def test_what_is_removed_is_told_with_absolute_paths(
    command: str,
    paths: tuple[str, ...],
    is_recursive: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (found,) = run_of(command, "WORKDIR /app").removals
    assert (found.paths, found.is_recursive) == (paths, is_recursive)


def test_a_find_that_deletes_nothing_removes_nothing() -> None:
    assert run_of("find / -name x").removals == ()


def test_paths_count_from_where_cd_went() -> None:
    run = run_of("cd /src && rm -rf a && cd .. && rm -rf b && cd $X && rm -rf c", "WORKDIR /app")
    assert [found.paths for found in run.removals] == [("/src/a",), ("/b",), ("c",)]


def test_a_removal_counts_only_behind_the_offset() -> None:
    run = run_of("rm -rf /a && echo x")
    assert run.removes("/a/b")
    assert not run.removes("/a", after=run.calls[1].command.span.start)
    assert not run.removes("/ab")


@pytest.mark.parametrize(
    ("command", "kind", "what", "paths", "is_recursive"),
    [
        ("chown -R app:app /app /data", "chown", "app:app", ("/app", "/data"), True),
        ("chown app x", "chown", "app", ("/app/x",), False),
        ("chmod -R 777 .", "chmod", "777", ("/app",), True),
        ("chmod +x run.sh", "chmod", "+x", ("/app/run.sh",), False),
        ("chmod -x run.sh", "chmod", "-x", ("/app/run.sh",), False),
        ("chgrp --recursive 0 /opt", "chgrp", "0", ("/opt",), True),
        ("chmod --reference=/a /b", "chmod", "", ("/b",), False),
        ("chown", "chown", "", (), False),
    ],
)
def test_owners_and_modes_are_told_with_what_they_are_given_to(
    command: str,
    kind: str,
    what: str,
    paths: tuple[str, ...],
    is_recursive: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (found,) = run_of(command, "WORKDIR /app").ownerships
    assert (found.kind, found.what, found.paths, found.is_recursive) == (kind, what, paths, is_recursive)


@pytest.mark.parametrize(
    ("command", "archive"),
    [
        ("tar -xzf /tmp/a.tar.gz -C /opt", "/tmp/a.tar.gz"),
        ("tar xf a.tar", "/app/a.tar"),
        ("tar --extract --file b.tgz", "/app/b.tgz"),
        ("tar -C /opt -zxvf c.tar.xz", "/app/c.tar.xz"),
        ("tar xz -C /opt", ""),
        ("unzip -q m.zip", "/app/m.zip"),
        ("gunzip m.pt.gz", "/app/m.pt.gz"),
    ],
)
def test_an_archive_is_told_where_it_is_unpacked(command: str, archive: str) -> None:
    (found,) = run_of(command, "WORKDIR /app").extractions
    assert found.archive == archive


def test_what_packs_unpacks_nothing() -> None:
    assert run_of("tar -czf a.tar.gz b && tar --list -f a.tar && unzip").extractions == ()


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("curl -LsSf https://astral.sh/uv/install.sh | sh", "https://astral.sh/uv/install.sh"),
        ("wget -qO- https://x/i.sh | bash -s -- --yes", "https://x/i.sh"),
        ("curl -sSL https://install.python-poetry.org | python3 -", "https://install.python-poetry.org"),
        ("curl -sSL https://x | POETRY_HOME=/opt python3", "https://x"),
        ("curl -sSL https://x | tee /tmp/x | bash", "https://x"),
        ('bash -c "$(curl -fsSL https://x/i.sh)"', "https://x/i.sh"),
        ("bash <(curl -fsSL https://x/i.sh)", "https://x/i.sh"),
    ],
)
def test_a_download_that_a_shell_runs_as_it_comes_is_told(command: str, url: str) -> None:
    (found,) = run_of(command).pipes
    assert found.url == url
    assert found.source.program in {"curl", "wget"}


@pytest.mark.parametrize(
    "command",
    [
        "curl -o x.sh https://x && sh x.sh",
        "curl https://x | tar xz",
        "curl https://x | python3 parse.py",
        "curl https://x | python3 -c 'import json'",
        "echo a | sh",
        "curl https://x; sh",
        'bash -c "echo $(curl https://x)"',
    ],
)
def test_a_download_that_is_kept_or_only_read_is_not_run_as_it_comes(command: str) -> None:
    assert run_of(command).pipes == ()


@pytest.mark.parametrize(
    ("command", "service", "secret"),
    [
        ("huggingface-cli login --token hf_x", "huggingface", "hf_x"),
        ("huggingface-cli login --token=$HF_TOKEN --add-to-git-credential", "huggingface", "$HF_TOKEN"),
        ("hf auth login --token hf_x", "huggingface", "hf_x"),
        ("wandb login abc", "wandb", "abc"),
        ("wandb login --relogin", "wandb", None),
        ("docker login -u me -p pw reg", "docker", "pw"),
        ("docker login -u me --password-stdin", "docker", None),
        ("aws configure set aws_secret_access_key abc", "aws", "abc"),
        ("npm config set //reg/:_authToken abc", "npm", "abc"),
        ("pip config set global.index-url https://u:p@h/simple", "pip", "https://u:p@h/simple"),
        ("poetry config http-basic.corp me pw", "poetry", "pw"),
        (
            "git config --global url.https://tok@github.com/.insteadOf https://github.com/",
            "git",
            "https://github.com/",
        ),
        ("az login --service-principal -u a -p b --tenant c", "azure", "b"),
        ("gh auth login --with-token", "github", None),
        ("dvc remote modify --local s3 secret_access_key abc", "dvc", "abc"),
    ],
)
def test_a_login_is_told_with_the_argument_that_is_the_secret(
    command: str, service: str, secret: str | None
) -> None:
    (found,) = run_of(command).logins
    assert (found.service, found.secret.text if found.secret else None) == (service, secret)


@pytest.mark.parametrize(
    "command",
    [
        "aws configure set region eu-west-1",
        "pip config set global.timeout 60",
        "npm config set registry x",
        "git config user.name x",
        "docker build .",
        "poetry config virtualenvs.create false",
        "echo login",
    ],
)
def test_a_setting_that_is_no_secret_is_no_login(command: str) -> None:
    assert run_of(command).logins == ()


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("make -j8", "make"),
        ("cmake -B build .", "cmake"),
        ("nvcc a.cu", "nvcc"),
        ("g++ -o a a.cpp", "cc"),
        ("python setup.py build_ext --inplace", "setup.py"),
        ("cargo build --release", "cargo"),
        ("go build ./...", "go"),
    ],
)
def test_a_step_that_compiles_is_told(command: str, kind: str) -> None:
    assert [found.kind for found in run_of(command).compiles] == [kind]


@pytest.mark.parametrize(
    "command", ["nvcc --version", "gcc -v", "go env", "cargo --list", "python setup.py --name", "echo make"]
)
def test_a_question_about_a_compiler_compiles_nothing(command: str) -> None:
    assert run_of(command).compiles == ()


def test_questions_about_a_gpu_are_told_in_commands_and_code() -> None:
    run = run_of("nvidia-smi && python -c 'import torch; assert torch.cuda.is_available()'")
    assert [name for name, _ in run.gpu_queries] == ["nvidia-smi", "torch.cuda.is_available"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo 'abc  x' | sha256sum -c -", True),
        ("sha256sum --check sums", True),
        ("gpg --verify a.asc a", True),
        ("cosign verify x", True),
        ("sha256sum a", False),
        ("gpg --dearmor", False),
        ("curl x", False),
    ],
)
def test_what_checks_a_download_is_told(
    command: str,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert run_of(command).verifies == expected


def test_what_is_uninstalled_in_the_same_run_is_told_by_name() -> None:
    run = run_of(
        "apk add --virtual .build gcc musl-dev && pip install X_y && apk del .build"
        " && pip uninstall -y X_y && apt-get purge -y --auto-remove g++"
    )
    assert run.purged == {".build", "gcc", "musl-dev", "x-y", "g++"}


def test_flags_of_a_run_are_told() -> None:
    run = run_of("true", "", "--network=none --security=insecure")
    assert (run.network, run.security) == ("none", "insecure")
    assert run_of("true").network == ""
