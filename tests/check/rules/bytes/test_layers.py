"""Rules on what layers store in vain: G3, G4, G5, G6."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.bytes.cases import fixed, verdicts
from wherry.check.fix import edited
from wherry.check.model import Basis, Safety, Severity

if TYPE_CHECKING:
    from pathlib import Path

FROM = "FROM debian:bookworm\n"
LARGE = "x" * 1_200_000


@pytest.mark.parametrize(
    "lines",
    [
        "RUN curl -o /a.zip https://example.com/a.zip\nRUN rm -f /a.zip",
        "RUN curl -o /tmp/a.zip https://example.com/a.zip\nRUN rm -rf /tmp/*",
        "RUN git clone https://example.com/x.git /opt/x\nRUN cd /opt && rm -rf x",
        "RUN apt-get install -y gcc\nRUN apt-get remove -y gcc",
        "RUN pip install cython\nRUN pip uninstall -y Cython",
        "RUN apk add gcc\nRUN apk del gcc",
    ],
)
def test_what_an_earlier_run_stored_is_not_freed(lines: str) -> None:
    (finding,) = verdicts("G3", f"{FROM}{lines}\n")
    assert "frees nothing" in finding.what


@pytest.mark.parametrize(
    "lines",
    [
        "RUN curl -o /a.zip https://example.com/a.zip && rm /a.zip\nRUN rm -f /a.zip",
        "RUN rm -rf /usr/share/doc",
        "RUN curl -o /a.zip https://example.com/a.zip\nRUN rm -f /b.zip",
        "RUN apt-get install -y gcc && apt-get remove -y gcc\nRUN apt-get remove -y gcc",
        "RUN pip install cython\nRUN apt-get remove -y cython",
        "RUN apt-get install -y gcc\nRUN apt-get install -y gcc && apt-get purge -y gcc",
        "RUN curl https://example.com/a.zip | sh\nRUN rm -rf /tmp/*",
    ],
)
def test_what_no_earlier_run_is_known_to_have_stored_is_left_alone(lines: str) -> None:
    found = verdicts("G3", f"{FROM}{lines}\n")
    assert not [one for one in found if "gcc" not in one.what]


@pytest.mark.parametrize(
    "between",
    [
        "ENV A=1",
        "RUN a; b",
        "RUN a || b",
        "RUN cd /x",
        "RUN X=1",
        "RUN a &",
        'RUN ["a"]',
        "RUN --network=none a",
        "RUN <<EOF\na\nEOF",
        "RUN set -e && a",
        "RUN if a; then b; fi; c",
        "RUN a\nRUN a\nRUN a\nRUN a",
    ],
)
def test_runs_are_made_one_only_where_that_is_the_same(between: str) -> None:
    text = f"{FROM}RUN wget -O /a.zip https://example.com/a.zip\n{between}\nRUN rm /a.zip\n"
    (finding,) = verdicts("G3", text)
    assert finding.fix is None


def test_runs_made_one_keep_their_lines_and_comments() -> None:
    text = (
        f"{FROM}RUN wget -O /a.zip \\\n      https://h/a.zip\n\n# b\n  # c\nRUN  (cd /x && a) && b\n"
        "RUN rm /a.zip\n"
    )
    (finding,) = verdicts("G3", text)
    assert fixed(text, finding) == (
        f"{FROM}RUN wget -O /a.zip \\\n      https://h/a.zip \\\n# b\n  # c\n    && (cd /x && a) && b \\\n"
        "    && rm /a.zip\n"
    )


@pytest.mark.parametrize(
    ("lines", "after", "safety"),
    [
        (
            "COPY models /m\nRUN chown -R 1000:1000 /m",
            "COPY --chown=1000:1000 models /m\nRUN chown 1000:1000 /m",
            Safety.SAFE,
        ),
        (
            "COPY models /m\nRUN chown 1000 /m --recursive",
            "COPY --chown=1000:0 models /m\nRUN chown 1000 /m",
            Safety.SAFE,
        ),
        (
            "COPY models /m\nRUN chgrp -R www-data /m",
            "COPY --chown=0:www-data models /m\nRUN chgrp www-data /m",
            Safety.SAFE,
        ),
        (
            "COPY models /m\nRUN chmod -R 0755 /m",
            "COPY --chmod=0755 models /m\nRUN chmod 0755 /m",
            Safety.SAFE,
        ),
        (
            "COPY models /m/a/b\nRUN chmod 700 /m -R",
            "COPY --chmod=700 models /m/a/b\nRUN chmod 700 /m /m/a /m/a/b",
            Safety.SAFE,
        ),
        (
            "COPY models /m/a\nRUN chmod -R 700 /m && true",
            "COPY --chmod=700 models /m/a\nRUN chmod 700 /m /m/a && true",
            Safety.SAFE,
        ),
        (
            "RUN groupadd -g 7 g && useradd -u 8 -g g u\nCOPY models /m\nRUN chown -R u:g /m",
            "RUN groupadd -g 7 g && useradd -u 8 -g g u\nCOPY --chown=u:g models /m\nRUN chown u:g /m",
            Safety.SAFE,
        ),
        (
            "COPY models /m\nRUN groupadd -g 7 g && useradd -u 8 -g g u && chown -R u:g /m",
            "COPY --chown=8:7 models /m\nRUN groupadd -g 7 g && useradd -u 8 -g g u && chown u:g /m",
            Safety.SAFE,
        ),
        (
            "COPY models /m\nRUN ./convert /m\nRUN chown -R 1:1 /m",
            "COPY --chown=1:1 models /m\nRUN ./convert /m\nRUN chown 1:1 /m",
            Safety.UNSAFE,
        ),
        (
            "COPY models /opt/m\nRUN chown -R 1:1 /opt",
            "COPY --chown=1:1 models /opt/m\nRUN chown 1:1 /opt",
            Safety.UNSAFE,
        ),
        (
            "WORKDIR /m/deep\nCOPY models models\nRUN chown -R 1:1 /m",
            "WORKDIR /m/deep\nCOPY --chown=1:1 models models\nRUN chown 1:1 /m",
            Safety.UNSAFE,
        ),
        (
            "COPY models /m\nRUN pip install numpy && apt-get update && chown -R 1:1 /m",
            "COPY --chown=1:1 models /m\nRUN pip install numpy && apt-get update && chown 1:1 /m",
            Safety.SAFE,
        ),
    ],
)
def test_copy_sets_what_the_command_set(lines: str, after: str, safety: Safety) -> None:
    (finding,) = verdicts("G4", f"{FROM}{lines}\n")
    assert fixed(f"{FROM}{lines}\n", finding) == f"{FROM}{after}\n"
    assert finding.fix is not None
    assert finding.fix.safety is safety


@pytest.mark.parametrize(
    "lines",
    [
        "COPY models /m\nRUN chown -R app:app /m",  # nobody makes app
        "COPY models /m\nRUN chown -R $OWNER /m",
        "COPY models /m\nRUN chmod -R g=u /m",
        "COPY models /m\nRUN chown -R app. /m",
        "COPY models /m\nRUN chown -R 1:1 /m/*",
        "COPY models /m\nRUN mkdir /m/cache\nRUN chown -R 1:1 /m",
        "COPY models /m\nRUN echo a > /m/a\nRUN chown -R 1:1 /m",
        "COPY models /m\nRUN if true; then chown -R 1:1 /m; fi",
        "COPY models /m\nUSER app\nRUN sudo chown -R 1:1 /m",
        'COPY models /m\nRUN ["chown", "-R", "1:1", "/m"]',
        "COPY --chown=2:2 models /m\nRUN chown -R 1:1 /m",
        "COPY models /m\nRUN chown -R -h -R 1:1 /m",
        "COPY models /m\nRUN useradd -u 99 app && chown -R app:app /m",  # its group may have another number
        "COPY models /m\nRUN chown -R --reference=/etc/passwd /m",
    ],
)
def test_where_copy_might_not_do_the_same_it_is_only_said(lines: str) -> None:
    (finding,) = verdicts("G4", f"{FROM}{lines}\n")
    assert finding.fix is None


@pytest.mark.parametrize(
    "lines",
    [
        "RUN mkdir -p /m && chown -R 1:1 /m",
        "COPY models /m\nRUN chown 1:1 /m",
        "COPY models /m\nRUN chown -R 1:1 /n",
        "COPY --chown=1:1 models /m\nRUN chown -R 1:1 /m",
        "COPY --chown=1:1 models /m\nRUN chown -R 1 /m",
        "COPY --chown=1:1 models /m\nRUN chgrp -R 1 /m",
        "COPY --chmod=755 models /m\nRUN chmod -R 0755 /m",
        "RUN chown -R 1:1 /m\nCOPY models /m",
        "COPY . /app\nRUN chown -R 1:1 /app/logs",
    ],
)
def test_a_tree_that_is_not_stored_twice_is_left_alone(lines: str) -> None:
    assert not verdicts("G4", f"{FROM}{lines}\n")


@pytest.mark.parametrize(
    "lines",
    [
        "RUN /opt/venv/bin/pip install torch==2.6.0\nRUN chown -R 1:1 /opt",
        "ENV VIRTUAL_ENV=/v\nRUN uv pip install torch==2.6.0\nRUN chmod -R a+rX /v",
        "ENV PATH=/v/bin:$PATH\nRUN pip install torch==2.6.0\nRUN chmod -R 755 /v",
        "WORKDIR /app\nCOPY uv.lock pyproject.toml ./\nRUN uv sync\nRUN chown -R 1:1 /app",
        "RUN git clone https://h/x /src/x\nRUN chown -R 1:1 /src",
        "RUN pip install --target /deps numpy\nRUN chown -R 1:1 /deps",
        "RUN chmod -R g+w /usr",
    ],
)
def test_what_a_run_or_the_base_wrote_is_stored_twice_and_copy_cannot_help(lines: str) -> None:
    (finding,) = verdicts("G4", f"{FROM}{lines}\n")
    assert finding.fix is None
    assert bool(finding.cost.size_bytes) is ("torch" in lines)


def test_what_a_run_removed_again_or_wrote_elsewhere_is_not_there() -> None:
    for lines in (
        "RUN wget -O /m/a https://h/a && rm /m/a\nRUN chown -R 1:1 /m",
        "RUN pip install numpy\nRUN chown -R 1:1 /m",
        "WORKDIR /m\nRUN poetry install\nRUN chown -R 1:1 /m",
    ):
        assert not verdicts("G4", f"{FROM}{lines}\n")


def test_the_copies_of_a_stage_that_others_may_build_from_stay() -> None:
    text = "FROM debian:bookworm AS base\nCOPY models /m\n\nFROM base\nRUN chown -R 1:1 /m\n"
    (finding,) = verdicts("G4", text)
    assert finding.fix is None


def test_a_small_tree_is_not_worth_a_word_and_a_large_one_is_measured(tmp_path: Path) -> None:
    text = f"{FROM}COPY models /m\nRUN chown -R 1:1 /m\n"
    assert not verdicts("G4", text, tmp_path, {"models/a": "small"})
    (finding,) = verdicts("G4", text, tmp_path, {"models/a": LARGE})
    assert finding.cost.size_bytes == len(LARGE)
    assert finding.cost.basis is Basis.MEASURED


def test_an_environment_with_torch_weighs_what_torch_weighs() -> None:
    text = (
        "FROM python:3.12-slim AS build\nRUN python -m venv /v && /v/bin/pip install torch==2.6.0\n\n"
        "FROM python:3.12-slim\nCOPY --from=build /v /v\nRUN chown -R 1:1 /v\n"
    )
    (finding,) = verdicts("G4", text)
    assert finding.cost.basis is Basis.TABLE
    assert finding.cost.size_bytes > 5_000_000_000


COPY_ALL = f"{FROM}COPY . /srv\n"


def test_what_a_stage_without_a_context_removes_is_said() -> None:
    (finding,) = verdicts("G5", f"{COPY_ALL}RUN rm -rf /srv/tests /srv/data\n")
    assert finding.what == "removing /srv/tests and /srv/data frees nothing, COPY has stored it"
    assert finding.fix is None
    (finding,) = verdicts("G5", f"{COPY_ALL}RUN rm -rf /srv/a /srv/b /srv/c\n")
    assert "/srv/a and 2 more" in finding.what


@pytest.mark.parametrize(
    "lines",
    [
        "RUN rm -rf /srv/missing",
        "RUN rm -rf /other",
        "RUN rm -rf /srv/*.md",
        "RUN rm -f /srv/.env",
        "RUN rm -f /srv/id_rsa /srv/key.pem",
        "RUN rm -rf $HOME/x",
    ],
)
def test_what_copy_did_not_bring_or_is_a_key_is_left_alone(lines: str, tmp_path: Path) -> None:
    files = {"tests/a.py": "1", ".env": "A=1", "id_rsa": "", "key.pem": "", "a.md": "1"}
    assert not verdicts("G5", f"{COPY_ALL}{lines}\n", tmp_path, files)


def test_what_is_removed_at_once_is_left_out_of_the_context(tmp_path: Path) -> None:
    text = f"{COPY_ALL}RUN rm -rf /srv/tests && ldconfig\n"
    (finding,) = verdicts("G5", text, tmp_path, {"tests/a.py": LARGE, ".dockerignore": ".git"})
    assert finding.severity is Severity.WARNING
    assert finding.cost.size_bytes == len(LARGE)
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    assert edited(b".git", [edit]) == b".git\n/tests\n"
    assert fixed(text, finding) == text  # the command does no harm


@pytest.mark.parametrize(
    "text",
    [
        f"{COPY_ALL}RUN pytest /srv/tests\nRUN rm -rf /srv/tests\n",
        f"{COPY_ALL}RUN rm -r /srv/tests\n",
        f"FROM debian AS t\nCOPY . /t\n\n{COPY_ALL}RUN rm -rf /srv/tests\n",
        f"{COPY_ALL}RUN rm -rf /srv/tests\nRUN --mount=target=/c ls /c\n",
    ],
)
def test_what_something_else_may_need_is_not_left_out(text: str, tmp_path: Path) -> None:
    (finding,) = verdicts("G5", text, tmp_path, {"tests/a.py": "1"})
    assert finding.fix is None
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    ("lines", "after", "safety"),
    [
        (
            "COPY r.txt /tmp/\nRUN pip install -r /tmp/r.txt && rm /tmp/r.txt",
            "RUN --mount=type=bind,source=r.txt,target=/tmp/r.txt pip install -r /tmp/r.txt",
            Safety.SAFE,
        ),
        (  # setuptools writes into what it builds from
            "COPY pkg /tmp/pkg\nRUN pip install /tmp/pkg && rm -r /tmp/pkg",
            "RUN --mount=type=bind,rw,source=pkg,target=/tmp/pkg pip install /tmp/pkg",
            Safety.SAFE,
        ),
        (
            "COPY a.sh /a.sh\nENV X=1\nRUN bash /a.sh && rm -f /a.sh",
            "ENV X=1\nRUN --mount=type=bind,source=a.sh,target=/a.sh bash /a.sh",
            Safety.UNSAFE,
        ),
    ],
)
def test_what_one_run_reads_is_mounted(lines: str, after: str, safety: Safety, tmp_path: Path) -> None:
    text = f"FROM python:3.12-slim\n{lines}\n"
    (finding,) = verdicts("G5", text, tmp_path, {"r.txt": "numpy", "a.sh": "x", "pkg/setup.py": "x"})
    assert fixed(text, finding) == f"FROM python:3.12-slim\n{after}\n"
    assert finding.fix is not None
    assert finding.fix.safety is safety


@pytest.mark.parametrize(
    "lines",
    [
        "COPY --chown=1:1 r.txt /r.txt\nRUN cat /r.txt && rm /r.txt",
        "COPY r.txt /r.txt\nRUN true\nRUN cat /r.txt && rm /r.txt",
        "COPY r.txt /r.txt\nRUN rm /r.txt",
        "COPY r.txt /r.txt\nRUN cat /r.txt && rm /r.txt /x",
    ],
)
def test_what_cannot_be_mounted_is_only_said(lines: str, tmp_path: Path) -> None:
    (finding,) = verdicts("G5", f"{FROM}{lines}\n", tmp_path, {"r.txt": "1"})
    assert finding.fix is None


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (
            "RUN wget https://h/a.tar.gz && tar xzf a.tar.gz",
            "RUN wget https://h/a.tar.gz && tar xzf a.tar.gz && rm a.tar.gz",
        ),
        (
            "RUN cd /tmp && curl -o 'a b.zip' https://h/x && unzip 'a b.zip' -d /opt && ls",
            "RUN cd /tmp && curl -o 'a b.zip' https://h/x && unzip 'a b.zip' -d /opt && rm 'a b.zip' && ls",
        ),
        (
            "ARG V=1\nRUN wget https://h/a-$V.tgz && tar xf a-$V.tgz",
            "ARG V=1\nRUN wget https://h/a-$V.tgz && tar xf a-$V.tgz && rm a-$V.tgz",
        ),
        (
            "RUN curl -o /tmp/cuda.run https://h/c && sh /tmp/cuda.run --silent",
            "RUN curl -o /tmp/cuda.run https://h/c && sh /tmp/cuda.run --silent && rm /tmp/cuda.run",
        ),
        (
            "RUN wget https://h/a.deb && dpkg -i a.deb && true",
            "RUN wget https://h/a.deb && dpkg -i a.deb && rm a.deb && true",
        ),
        (
            "RUN wget https://h/x-1-py3-any.whl && pip install ./x-1-py3-any.whl",
            "RUN wget https://h/x-1-py3-any.whl && pip install ./x-1-py3-any.whl && rm ./x-1-py3-any.whl",
        ),
        (
            "RUN wget https://h/i.run && chmod +x i.run && ./i.run",
            "RUN wget https://h/i.run && chmod +x i.run && ./i.run && rm ./i.run",
        ),
        (
            "RUN aws s3 cp s3://b/a.tar.gz /data && tar xf /data/a.tar.gz",
            "RUN aws s3 cp s3://b/a.tar.gz /data && tar xf /data/a.tar.gz && rm /data/a.tar.gz",
        ),
    ],
)
def test_an_archive_goes_where_it_was_unpacked(line: str, after: str) -> None:
    (finding,) = verdicts("G6", f"{FROM}{line}\n")
    assert fixed(f"{FROM}{line}\n", finding) == f"{FROM}{after}\n"


@pytest.mark.parametrize(
    "lines",
    [
        "RUN wget https://h/a.tgz && tar xf a.tgz && rm a.tgz",
        "RUN wget https://h/a.tgz && tar xf a.tgz && rm -rf *.tgz",
        "RUN wget https://h/a.tgz && tar xf a.tgz\nRUN rm a.tgz",
        "RUN wget -P /tmp https://h/a.tgz && tar xf /tmp/a.tgz && rm -rf /tmp/*",
        "RUN curl https://h/a.tgz | tar xz",
        "RUN wget https://h/a.gz && gunzip a.gz",
        "RUN --mount=type=cache,target=/c wget -P /c https://h/a.tgz && tar xf /c/a.tgz",
        "RUN tar xf /usr/share/a.tgz",
        "RUN wget https://h/get-pip.py && python get-pip.py",
        "RUN wget https://h/Miniconda3.sh && bash Miniconda3.sh -b && rm -f Miniconda3.sh",
        "RUN bash setup.sh",
        "RUN tar xf $FILE",
        "ADD a.tgz /opt/",
        "RUN --mount=type=bind,source=a.tgz,target=/a.tgz tar xf /a.tgz",
    ],
)
def test_an_archive_that_is_not_kept_is_left_alone(lines: str) -> None:
    assert not verdicts("G6", f"{FROM}{lines}\n")


def test_a_copied_archive_is_measured_and_mounted(tmp_path: Path) -> None:
    text = f"{FROM}COPY a.tgz /tmp/\nRUN tar xf /tmp/a.tgz -C /opt && rm /tmp/a.tgz\n"
    (finding,) = verdicts("G6", text, tmp_path, {"a.tgz": "12345"})
    assert finding.cost.size_bytes == 5
    assert fixed(text, finding) == (
        f"{FROM}RUN --mount=type=bind,source=a.tgz,target=/tmp/a.tgz tar xf /tmp/a.tgz -C /opt\n"
    )


@pytest.mark.parametrize(
    "lines",
    [
        "COPY a.tgz b.tgz /tmp/\nRUN true",
        "ADD https://h/a.tgz /a.tgz\nRUN tar xf /a.tgz",
        "RUN wget https://h/a.tgz\nENV A=1\nRUN tar xf a.tgz",
        "RUN wget https://h/a.tgz && tar xf a.tgz || true",
        "COPY a.tgz /a.tgz\nRUN true\nRUN tar xf /a.tgz",
        "COPY a.tgz /a.tgz\nRUN tar xf /a.tgz && rm -rf /a.tgz /b",
    ],
)
def test_an_archive_that_cannot_go_is_only_said(lines: str) -> None:
    assert not [one for one in verdicts("G6", f"{FROM}{lines}\n") if one.fix]


ARCHIVE = "RUN wget -q https://example.com/a.tgz && tar -xzf a.tgz -C /opt"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "RUN cp a.tgz /srv/"),
        ("", "RUN ls *.t?z"),
        ("", 'CMD ["./serve", "--data", "/a.tgz"]'),
        ("", "FROM python:3.12-slim\nCOPY --from=0 /a.tgz /srv/"),
    ],
)
def test_an_archive_that_something_later_takes_stays(before: str, after: str) -> None:
    text = f"FROM debian:bookworm-slim AS dl\n{before}{ARCHIVE}\n{after}\n"
    assert not [one for one in verdicts("G6", text) if one.fix]


def test_an_archive_that_is_opened_twice_is_there_the_second_time() -> None:
    text = f"FROM debian:bookworm-slim\n{ARCHIVE} lib && tar -xzf a.tgz -C /srv bin\n"
    *others, last = verdicts("G6", text)
    assert not any(one.fix for one in others)
    assert last.fix


@pytest.mark.parametrize(
    ("copy", "run", "is_mended"),
    [
        ("COPY . /srv", "rm -rf /srv/tests", True),
        ("COPY . /srv", 'if [ -z "$KEEP" ]; then rm -rf /srv/tests; fi', False),
        ("COPY . /srv", 'test -n "$KEEP" || rm -rf /srv/tests', False),
        ("COPY . /srv", 'test -z "$KEEP" && rm -rf /srv/tests; true', False),
    ],
)
def test_what_may_be_removed_is_still_sent(copy: str, run: str, is_mended: bool, tmp_path: Path) -> None:  # noqa: FBT001 - the verdict
    text = f"FROM python:3.12-slim\nARG KEEP\n{copy}\nRUN {run}\n"
    files = {"tests/test_a.py": "import a", "a.py": ""}
    assert any(one.fix for one in verdicts("G5", text, tmp_path, files)) is is_mended


def test_a_command_that_also_removes_what_the_base_has_stays(tmp_path: Path) -> None:
    text = "FROM python:3.12-slim\nCOPY etc /etc\nRUN rm -rf /etc/apt\n"
    (finding,) = verdicts("G5", text, tmp_path, {"etc/apt/mine.list": "deb x", "etc/mine.conf": ""})
    assert finding.fix
    assert fixed(text, finding) == text


def test_a_list_that_is_removed_behind_a_copy_of_all_is_not_worth_a_word(tmp_path: Path) -> None:
    text = "FROM python:3.12-slim\nCOPY . /srv\nRUN pip install -r /srv/r.txt && rm /srv/r.txt\n"
    assert not verdicts("G5", text, tmp_path, {"r.txt": "numpy==2.1.3", "a.py": ""})


def test_a_directory_that_is_read_before_it_is_removed_is_still_sent(tmp_path: Path) -> None:
    text = "FROM python:3.12-slim\nCOPY . /srv\nRUN pytest /srv/tests && rm -rf /srv/tests\n"
    (finding,) = verdicts("G5", text, tmp_path, {"tests/test_a.py": "import a", "a.py": ""})
    assert finding.fix is None


def test_what_an_installer_of_conda_wrote_is_stored_twice_too() -> None:
    text = (
        "FROM debian:bookworm-slim\nCOPY forge.sh /tmp/Miniforge3.sh\n"
        "RUN bash /tmp/Miniforge3.sh -b -p /opt/forge\n"
        "RUN useradd app && chown -R app /opt/forge\n"
    )
    (finding,) = verdicts("G4", text)
    assert finding.what == "chown -R stores /opt/forge a second time"


def test_what_is_written_above_a_copy_stands_above_the_mount_in_its_place() -> None:
    text = (
        "FROM python:3.12-slim\n\n# what the tests need\nCOPY dev.txt /tmp/\n\n"
        "RUN pip install -r /tmp/dev.txt && rm /tmp/dev.txt\n"
    )
    (finding,) = verdicts("G5", text)
    mount = "--mount=type=bind,source=dev.txt,target=/tmp/dev.txt"
    assert fixed(text, finding) == (
        f"FROM python:3.12-slim\n\n# what the tests need\nRUN {mount} pip install -r /tmp/dev.txt\n"
    )
