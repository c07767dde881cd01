"""The rules there are: every module below `wherry.check.rules` is one, and its docstring is its page."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Final

from wherry.check import rules
from wherry.errors import InputError
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from wherry.check.model import Rule

THEMES: Final = {
    "A": "multi_stage",
    "B": "caching",
    "C": "gpu",
    "D": "weights",
    "E": "secrets",
    "F": "reproducibility",
    "G": "bytes",
    "H": "runtime",
}
"""The letter of a theme's codes, and its folder."""

_NUMBER: Final = regex(r"\d+")


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of their codes."""
    return tuple(sorted(_modules(), key=order_of))


def order_of(rule: Rule) -> tuple[str, int, str]:
    """By letter, then number: C2 before C10."""
    number = _NUMBER.search(rule.code)
    return rule.code[0], int(number.group()) if number else 0, rule.code


def find_rule(name: str) -> Rule:
    """The rule with this code or name.

    Raises:
        InputError: There is none.

    """
    for rule in all_rules():
        if name.upper() == rule.code or name.lower() == rule.name:
            return rule
    raise unknown_rule(name)


def is_rule(name: str) -> bool:
    """Whether a code or name is a rule's, or means them all."""
    words = {word for rule in all_rules() for word in (rule.code.lower(), rule.name)}
    return name.lower() in {"all", *words}


def is_foreign(code: str) -> bool:
    """Whether a finding's code is another linter's: ``hadolint/DL3008``, ``tally/sort-packages``."""
    return "/" in code


def name_of(code: str) -> str:
    """The name of the rule behind a finding's code; another linter's own word for it."""
    return code.rpartition("/")[2] if is_foreign(code) else find_rule(code).name


def title_of(code: str) -> str:
    """How a finding's rule is shown: ``G1 pip-cache-kept``, ``hadolint/DL3008``."""
    return code if is_foreign(code) else f"{code} {name_of(code)}"


def chosen(selectors: Iterable[str]) -> set[str]:
    """The codes that *selectors* mean: a code, a name, a theme's letter or folder, ``all`` or ``default``.

    Raises:
        InputError: One of them means no rule.

    """
    codes: set[str] = set()
    for selector in selectors:
        found = {rule.code for rule in all_rules() if _means(selector, rule)}
        if not found:
            raise unknown_rule(selector)
        codes |= found
    return codes


def page_of(rule: Rule) -> str:
    """The rule's page: what, why, examples and when its fix is safe, as Markdown."""
    return (_modules()[rule].__doc__ or "").strip()


def theme_of(rule: Rule) -> str:
    """The theme in words: "multi-stage"."""
    return THEMES[rule.code[0]].replace("_", "-")


def unknown_rule(name: str) -> InputError:
    """The error for a name that is no rule's, with the nearest one."""
    import difflib  # noqa: PLC0415 - only for a name that is none

    known = [word for rule in all_rules() for word in (rule.code, rule.name)]
    near = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(name.upper(), known, n=1)
    mend = f"did you mean {near[0]!r}?" if near else "'wherry check --rules' lists them"
    return InputError(f"there is no rule {name[:80]!r}", mend=mend)


def _means(selector: str, rule: Rule) -> bool:
    word = selector.strip().lower().replace("_", "-")
    return word == "all" or (
        word in {rule.code.lower(), rule.name, rule.code[0].lower(), theme_of(rule)}
        or (word == "default" and rule.default)
    )


@cache
def _modules() -> dict[Rule, ModuleType]:
    found: dict[Rule, ModuleType] = {}
    for theme in THEMES.values():
        folder = f"{rules.__name__}.{theme}"
        for entry in pkgutil.iter_modules(importlib.import_module(folder).__path__):
            if not entry.name.startswith("_"):
                module = importlib.import_module(f"{folder}.{entry.name}")
                found[module.RULE] = module
    return found
