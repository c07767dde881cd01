from __future__ import annotations

import importlib
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.programs import PACKAGES, require_program
from wherry.project.project import read_project

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "examples/digits/README.md"]
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Every command line of *program* that a page shows behind a `$`."""
    found = []
    for page in PAGES:
        for block in CONSOLE.findall(page.read_text()):
            for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
                words = shlex.split(line, comments=True)
                if words and words[0] == program:
                    found.append((f"{page.relative_to(ROOT)}: {' '.join(words)}", words[1:]))
    return found


@pytest.mark.parametrize("words", [pytest.param(words, id=name) for name, words in commands("wherry")])
def test_a_command_that_the_docs_show_is_one_that_wherry_takes(words: list[str]) -> None:
    command: click.Command = importlib.import_module(f"wherry.cli.{words[0]}").command
    flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    own = words[1 : words.index("--")] if "--" in words else words[1:]
    assert not [word for word in own if word.startswith("-") and word.partition("=")[0] not in flags]


def test_the_table_in_the_readme_is_one_that_wherry_takes(tmp_path: Path) -> None:
    table = re.search(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert table is not None
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "my-service"\nversion = "1"\n\n{table[1]}')
    config = read_project(tmp_path).config
    assert config.command == ("python", "-m", "my_service")
    assert config.budgets.max_image == 500_000_000


@pytest.mark.parametrize("words", [pytest.param(words, id=name) for name, words in commands("make")])
def test_a_make_target_that_the_docs_show_is_there(words: list[str]) -> None:
    assert set(words) <= listed_targets()


def test_make_lists_every_target_that_is_meant_to_be_called() -> None:
    meant = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed_targets() == set(meant)
    assert {"demo", "test"} <= set(meant)


def listed_targets() -> set[str]:
    make = require_program("make")
    listed = subprocess.run([make], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^  make ([a-z-]+) ", listed, re.MULTILINE))


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name)
def test_a_link_in_the_docs_leads_somewhere(page: Path) -> None:
    assert not [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]


def test_ci_installs_every_program_that_a_test_asks_for() -> None:
    installed = (ROOT / ".ci/run").read_text()
    for test in (ROOT / "tests").rglob("*.py"):
        for program in re.findall(r"require_program\(\"([^\"]+)\"\)", test.read_text()):
            assert program in PACKAGES, (
                f"{test.name}: tests/programs.py does not know the package of {program}"
            )
            package = PACKAGES[program]
            essential = {
                "apt",
                "bash",
                "dpkg",
                "gzip",
                "libc-bin",
                "mount",
                "perl-base",
                "tar",
                "python3-pip",
            }
            assert package in essential or re.search(
                rf"^  {re.escape(package)}\b", installed, re.MULTILINE
            ), package
