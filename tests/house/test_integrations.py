"""What others run for us, `.pre-commit-hooks.yaml` and `action.yml`, held to what `wherry check` takes."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from tests.programs import require_program
from wherry.check import discover
from wherry.check.discover import is_dockerfile_name
from wherry.cli.check import command

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
INPUT = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
HOSTILE = "a; touch x && $(touch x) `touch x` \"'*"

COMMAND: click.Command = command
OPTIONS = {flag: option for option in COMMAND.params for flag in option.opts}


EXAMPLES: list[Any] = [
    yaml.safe_load(block)
    for block in re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
]


def step(name: str) -> dict[str, Any]:
    return next(one for one in STEPS if one["name"] == name)


@pytest.fixture
def run_step(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Run a step as GitHub does, with a program in the place of wherry that tells its arguments."""
    bash = require_program("bash")

    def run(name: str, code: int = 0, **inputs: str) -> tuple[int, list[str]]:
        there = tmp_path / "wherry/bin/wherry"
        there.parent.mkdir(parents=True, exist_ok=True)
        told = tmp_path / "told"
        there.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\n"
            f"pathlib.Path({str(told)!r}).write_text('\\0'.join(sys.argv[1:]))\nsys.exit({code})\n"
        )
        there.chmod(0o755)
        given = {key: one.get("default", "") for key, one in ACTION["inputs"].items()}
        given |= {key.replace("_", "-"): value for key, value in inputs.items()}
        environment = {
            key: INPUT.sub(lambda match: given[match[1]], value) for key, value in step(name)["env"].items()
        }
        environment |= {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
        script = tmp_path / "step.sh"
        script.write_text(step(name)["run"])
        words = [bash, "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(words, cwd=tmp_path, env=environment, check=False, capture_output=True)
        return done.returncode, told.read_text().split("\0")

    return run


def test_the_readme_shows_inputs_and_hooks_that_there_are() -> None:
    (used,) = (
        one for steps in EXAMPLES if isinstance(steps, list) for one in steps if "/wherry@" in one["uses"]
    )
    assert set(used["with"]) <= set(ACTION["inputs"])
    (shown,) = (one for config in EXAMPLES if isinstance(config, dict) for one in config["repos"])
    assert {hook["id"] for hook in shown["hooks"]} <= {hook["id"] for hook in HOOKS}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_calls_what_wherry_takes(hook: dict[str, Any]) -> None:
    program, name, *words = hook["entry"].split()
    assert (program, name) == ("wherry", "check")
    assert set(words) <= OPTIONS.keys()
    assert hook["args"] == ["--"]
    assert hook["require_serial"] is True
    assert hook.get("verbose", False) is ("--fix" in words)  # what is written is said


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_sees_the_files_that_a_directory_means(hook: dict[str, Any]) -> None:
    endings = ["", "gpu", "my gpu", "dev.old", "é", *sorted(discover._NOT), "zip~", "~", "lock.gpu"]
    heads = ["Dockerfile", "dockerfile", "Containerfile", "my model.Dockerfile", "Dockerfiles", "a.yaml", "x"]
    names = {f"{head}{sign}{ending}" for head, sign, ending in product(heads, ["", *"._-"], endings)}
    names |= {f"{ending}.containerfile" for ending in endings} | {"Dockerfile.YAML", "Dockerfile\n.x"}
    for name, above in product(sorted(names), ["", "a/", "a b/Dockerfile.d/"]):
        seen = re.search(hook["files"], above + name) and not re.search(hook["exclude"], above + name)
        assert bool(seen) == is_dockerfile_name(name), above + name


def test_the_action_names_options_and_values_that_wherry_takes() -> None:
    scripts = "\n".join(one["run"] for one in STEPS if "run" in one and "pip" not in one["run"])
    named = set(re.findall(r"--[a-z][a-z-]+", scripts))
    assert named == {"--format", "--output", "--since", "--fail-on"}
    assert named <= OPTIONS.keys()
    for key in ("format", "fail-on"):
        choice = OPTIONS[f"--{key}"].type
        assert isinstance(choice, click.Choice)
        described = ACTION["inputs"][key]["description"]
        assert not [value for value in choice.choices if value not in described]
        assert ACTION["inputs"][key]["default"] in {"", *choice.choices}


def test_inputs_reach_the_scripts_as_variables_only() -> None:
    used = {name for one in STEPS for value in one.get("env", {}).values() for name in INPUT.findall(value)}
    assert used == set(ACTION["inputs"])
    assert not [one["name"] for one in STEPS if "${{" in one.get("run", "")]


def test_the_action_without_inputs_annotates_all_there_is(
    run_step: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    assert run_step("Check") == (0, ["check", "--format", "github", "--", "."])
    assert (tmp_path / "output").read_text() == "exit-code=0\n"


def test_the_action_ends_as_wherry_does(
    run_step: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    assert run_step("Check", code=2)[0] == 2
    assert (tmp_path / "output").read_text() == "exit-code=2\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("one  two ", ["one", "two"]),
        ("my models\n\nother\n", ["my models", "other"]),
        ("my models\n", ["my models"]),
        ("* $HOME", ["*", "$HOME"]),
        (f"{HOSTILE}\n", [HOSTILE]),
        ("--fix\n-\n", ["--fix", "-"]),
    ],
)
def test_lists_of_the_action_are_lines_or_words(
    run_step: Callable[..., tuple[int, list[str]]], text: str, words: list[str]
) -> None:
    assert run_step("Check", paths=text)[1] == ["check", "--format", "github", "--", *words]
    assert run_step("Check", arguments=text)[1] == ["check", "--format", "github", *words, "--", "."]


def test_no_input_of_the_action_is_run(
    run_step: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    told = run_step("Check", format=HOSTILE, output=HOSTILE, since=HOSTILE, fail_on=HOSTILE)[1]
    assert told[1:-2] == [
        word for flag in ("--format", "--output", "--since", "--fail-on") for word in (flag, HOSTILE)
    ]
    assert not (tmp_path / "x").exists()
