"""[tool.wherry.check]: what it may say, and every mistake with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.check.findings import D1, G1, RULES, only_rules
from wherry.check.model import Severity
from wherry.check.settings import CheckSettings, read_settings
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _our_rules() -> Iterator[None]:
    with only_rules(*RULES):
        yield


def settings(folder: Path, text: str, head: str = "[tool.wherry.check]\n") -> CheckSettings:
    path = folder / "pyproject.toml"
    path.write_text(head + text)
    return read_settings(path)


def test_without_a_table_everything_is_as_it_is_by_default(tmp_path: Path) -> None:
    assert settings(tmp_path, "", head="[project]\nname = 'x'\n") == CheckSettings()
    assert settings(tmp_path, "") == CheckSettings()
    assert CheckSettings().codes() == {"G1", "H3", "D1"}


def test_everything_can_be_said(tmp_path: Path) -> None:
    made = settings(
        tmp_path,
        """
select = ["G", "multi-stage"]
extend-select = ["no-healthcheck"]
ignore = ["H3"]
exclude = ["vendor/**"]
fail-on = "error"
require-reason = true

[tool.wherry.check.D1]
policy = "forbid"
most = 3
all = true
""".replace('"G", "multi-stage"', '"G", "runtime"'),
    )

    assert made == CheckSettings(
        select=("G", "runtime", "no-healthcheck"),
        ignore=("H3",),
        exclude=("vendor/**",),
        fail_on=Severity.ERROR,
        require_reason=True,
        options={"D1": {"policy": "forbid", "most": 3, "all": True}},
    )
    assert made.codes() == {"G1", "H4"}
    assert [made.option(D1, name) for name in ("policy", "most", "all")] == ["forbid", 3, True]


def test_a_rule_may_be_set_by_its_name_and_keeps_its_other_defaults(tmp_path: Path) -> None:
    made = settings(tmp_path, "weights-copied = { most = 1 }\n")

    assert (made.option(D1, "most"), made.option(D1, "policy")) == (1, "warn")
    assert CheckSettings().option(D1, "most") == 10


@pytest.mark.parametrize(
    ("selectors", "codes"),
    [
        ("'all'", {"G1", "H3", "H4", "D1"}),
        ("'default'", {"G1", "H3", "D1"}),
        ("'g1'", {"G1"}),
        ("'pip_cache_kept', 'WEIGHTS-COPIED'", {"G1", "D1"}),
        ("'h'", {"H3", "H4"}),
        ("' bytes '", {"G1"}),
        ("", set()),
    ],
)
def test_rules_are_selected_by_code_name_theme_or_set(
    tmp_path: Path, selectors: str, codes: set[str]
) -> None:
    assert settings(tmp_path, f"select = [{selectors}]\n").codes() == codes


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("'error'", Severity.ERROR),
        ("'warning'", Severity.WARNING),
        ("'info'", Severity.INFO),
        ("'never'", None),
    ],
)
def test_the_gate_is_a_severity_or_never(tmp_path: Path, value: str, severity: Severity | None) -> None:
    assert settings(tmp_path, f"fail-on = {value}\n").fail_on is severity


@pytest.mark.parametrize(
    ("text", "line", "what", "mend"),
    [
        ("selct = []", 2, r"unknown key 'selct' in \[tool\.wherry\.check\]", "did you mean 'select'?"),
        ("xyzzy = 1", 2, "unknown key 'xyzzy'", "known keys: select, "),
        ("\nselect = 'G1'", 3, "check.select must be a list of rules, not", ""),
        ("select = [\n 'G1',\n 3]", 4, r"check\.select\[1\] must be a string", ""),
        ("ignore = ['G2']", 2, "there is no rule 'G2'", "--rules"),
        ("ignore = ['pip-cache-keep']", 2, "there is no rule", "did you mean 'pip-cache-kept'?"),
        ("extend-select = ['zzz']", 2, "there is no rule 'zzz'", "--rules"),
        ("exclude = 'x'", 2, "check.exclude must be a list of strings", ""),
        ("fail-on = 'fatal'", 2, "fail-on is not one of error, warning, info, never", ""),
        ("fail-on = true", 2, "fail-on is not one of", ""),
        ("fail-on = ['error']", 2, "fail-on is not one of", ""),
        (
            "[tool.wherry.check.g1]\n[tool.wherry.check.pip-cache-kept]",
            3,
            "pip-cache-kept and another table are both of rule G1",
            "keep one",
        ),
        ("require-reason = 1", 2, "check.require-reason must be true or false", ""),
        ("[tool.wherry.check.Z9]", 2, "there is no rule 'Z9'", ""),
        ("[tool.wherry.check.D1]\npolcy = 'x'", 3, "rule D1 has no setting 'polcy'", "policy, most, all"),
        ("[tool.wherry.check.G1]\nx = 1", 3, "rule G1 has no setting 'x'", "its settings: none"),
        ("[tool.wherry.check.D1]\npolicy = 1", 3, r"check\.D1\.policy must be a string", ""),
        ("[tool.wherry.check.D1]\nmost = true", 3, r"check\.D1\.most must be a number", ""),
        ("[tool.wherry.check.D1]\nmost = 1.5", 3, r"check\.D1\.most must be a number", ""),
        ("[tool.wherry.check.D1]\nall = 'yes'", 3, r"check\.D1\.all must be true or false", ""),
        ("G1 = 3", 2, "unknown key 'G1'", ""),
    ],
)
def test_a_mistake_is_told_with_its_line_and_mend(
    tmp_path: Path, text: str, line: int, what: str, mend: str
) -> None:
    with pytest.raises(InputError, match=what) as error:
        settings(tmp_path, text)

    assert error.value.where == f"{tmp_path}/pyproject.toml:{line}"
    assert mend in error.value.mend


def test_a_table_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check must be a table"):
        settings(tmp_path, "[tool.wherry]\ncheck = 3\n", head="")


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not valid TOML"):
        settings(tmp_path, "select = [")


def test_a_selector_of_the_command_line_that_means_nothing_is_told() -> None:
    with pytest.raises(InputError, match="there is no rule 'pip-cache-keep'") as error:
        replace(CheckSettings(), select=("pip-cache-keep",)).codes()

    assert error.value.mend == f"did you mean {G1.name!r}?"


@given(
    st.dictionaries(
        st.sampled_from(["select", "ignore", "exclude", "fail-on", "require-reason", "D1", "x"]),
        st.sampled_from(["1", "true", "'error'", "['G1']", "[]", "[[]]", "{}", "{policy='x'}", "{most={}}"]),
    )
)
def test_any_table_is_settings_or_a_mistake_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = "".join(f"{key} = {value}\n" for key, value in table.items())
    try:
        made = settings(folder, text)
    except InputError as error:
        where = error.where
    else:
        made.codes()
        where = f"{folder}/pyproject.toml:"
    assert where.startswith(f"{folder}/pyproject.toml:")
