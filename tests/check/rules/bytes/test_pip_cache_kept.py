from __future__ import annotations

import pytest

from tests.check.rules.bytes.cases import fixed, verdicts
from wherry.check.model import Basis, Safety

FROM = "FROM python:3.12-slim\n"


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("RUN pip3.11 install numpy", "RUN pip3.11 install --no-cache-dir numpy"),
        ("RUN python -m pip install -U numpy", "RUN python -m pip install --no-cache-dir -U numpy"),
        ("RUN python -mpip install numpy", "RUN python -mpip install --no-cache-dir numpy"),
        ("RUN /opt/venv/bin/pip install numpy", "RUN /opt/venv/bin/pip install --no-cache-dir numpy"),
        ("RUN pip -q install numpy", "RUN pip -q install --no-cache-dir numpy"),
        ("RUN pip install $PACKAGES", "RUN pip install --no-cache-dir $PACKAGES"),
        ('RUN bash -c "pip install numpy"', 'RUN bash -c "pip install --no-cache-dir numpy"'),
        ("RUN cat r.txt | xargs pip install", "RUN cat r.txt | xargs pip install --no-cache-dir"),
        ("RUN <<EOF\npip install numpy\nEOF", "RUN <<EOF\npip install --no-cache-dir numpy\nEOF"),
        ("RUN if true; then pip install a; fi", "RUN if true; then pip install --no-cache-dir a; fi"),
        ("RUN pip download numpy", "RUN pip download --no-cache-dir numpy"),
        ("ENV UV_LINK_MODE=copy\nRUN uv sync", "ENV UV_LINK_MODE=copy\nRUN uv sync --no-cache"),
        ("RUN uv pip install --link-mode copy a", "RUN uv pip install --no-cache --link-mode copy a"),
    ],
)
def test_the_flag_goes_behind_the_word_that_installs(line: str, after: str) -> None:
    (finding,) = verdicts("G1", FROM + line + "\n")
    assert fixed(FROM + line + "\n", finding) == FROM + after + "\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip --no-cache-dir install numpy",
        "RUN pip install --no-cache numpy",  # pip takes the beginning of an option
        "ENV POETRY_CACHE_DIR=/tmp/c\nRUN poetry install && rm -rf $POETRY_CACHE_DIR",
        "RUN PIP_NO_CACHE_DIR=1 pip install numpy",
        "ENV PIP_NO_CACHE_DIR=off\nRUN pip install numpy",
        "RUN export PIP_NO_CACHE_DIR=1 && pip install numpy",
        "RUN pip install --no-index --find-links /wheels numpy",
        "RUN pip install --no-deps ./x-1.0-py3-none-any.whl",
        "RUN pip install numpy && rm -rf ~/.cache",
        "RUN pip install numpy && pip cache purge",
        "RUN --mount=type=cache,target=/root/.cache pip install numpy",
        "RUN pip list",
        "RUN pip uninstall -y numpy",
        "RUN uv sync",
        "ONBUILD RUN pip install numpy",
        "RUN echo pip install numpy",
    ],
)
def test_what_keeps_nothing_is_left_alone(line: str) -> None:
    assert not verdicts("G1", FROM + line + "\n")


def test_a_command_in_json_is_found_and_left_as_it_is() -> None:
    (finding,) = verdicts("G1", FROM + 'RUN ["pip", "install", "numpy"]\n')
    assert finding.fix is None


def test_one_finding_names_all_places_and_the_managers() -> None:
    text = FROM + "RUN pip install a && pip install b\nRUN pip install c\nRUN pipx install d\n"
    first, second = verdicts("G1", text)
    assert first.what == "pip keeps its downloads in 2 layers"
    assert len(first.related) == 2
    assert second.what == "pipx keeps its downloads in the layer"
    assert second.fix
    assert second.fix.safety is Safety.UNSAFE


def test_the_figure_is_of_the_largest_closure() -> None:
    (finding,) = verdicts("G1", FROM + "RUN pip install fastapi torch==2.6.0 numpy\n")
    assert finding.cost.basis is Basis.TABLE
    assert finding.cost.size_bytes > 2_000_000_000
    assert "torch 2.6.0" in finding.cost.source


def test_what_a_later_stage_is_built_from_ships() -> None:
    text = "FROM python:3.12-slim AS base\nRUN pip install numpy\n\nFROM base\nRUN true\n"
    assert len(verdicts("G1", text)) == 1


def test_a_manager_and_what_it_installs_in_one_step_are_one_finding() -> None:
    text = FROM + "RUN pip install poetry==1.8.5 && poetry install --no-root\nRUN pip install numpy\n"
    numpy, project = verdicts("G1", text)
    assert numpy.what == "pip keeps its downloads in the layer"
    assert "--no-cache-dir numpy" in fixed(text, numpy)
    assert project.what == "pip and poetry keep their downloads in the layer"
    mounted = "RUN --mount=type=cache,target=/root/.cache/pypoetry pip install --no-cache-dir poetry==1.8.5"
    assert mounted in fixed(text, project)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("RUN pip install --upgrade pip setuptools", 0),
        ("RUN pip install --upgrade pip\nRUN pip install numpy", 1),
        ("RUN poetry install --no-root && rm -rf ~/.cache\nCOPY . .\nRUN poetry install", 0),
        ("RUN poetry install --no-root && rm -rf ~/.cache\nCOPY . .\nRUN poetry install --extras gpu", 1),
        ("RUN poetry install --no-root --only main && rm -rf ~/.cache\nCOPY . .\nRUN poetry install", 1),
    ],
)
def test_a_step_that_fetches_next_to_nothing_is_left_alone(lines: str, count: int) -> None:
    assert len(verdicts("G1", f"{FROM}{lines}\n")) == count


def test_a_manager_that_is_installed_in_a_step_of_its_own_is_no_second_finding() -> None:
    text = FROM + "RUN pip install pipenv\nCOPY Pipfile Pipfile.lock ./\nRUN pipenv install --system\n"
    (finding,) = verdicts("G1", text)
    assert finding.what == "pip and pipenv keep their downloads in 2 layers"
    after = fixed(text, finding)
    assert "RUN pip install --no-cache-dir pipenv" in after
    assert "RUN --mount=type=cache,target=/root/.cache/pipenv pipenv install --system" in after
