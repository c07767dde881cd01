"""``[tool.wherry.check]`` in pyproject.toml, and what the command line says over it.

A rule's own settings stand in a table of its code: ``[tool.wherry.check.D1]``. Everything is checked against
what the rules declare; an unknown key or a wrong type is an error with its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from wherry.check.model import Severity
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wherry.check.model import Rule
    from wherry.project.toml_file import Node

Value = str | int | bool

_LISTS: Final = ("select", "extend-select", "ignore", "exclude")
_KEYS: Final = (*_LISTS, "fail-on", "require-reason")
_NEVER: Final = "never"


class CheckSettings(Frozen):
    """Which rules speak, how they are set, and what makes the command fail."""

    select: tuple[str, ...] = ("default",)  # codes, names, themes
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()  # patterns of .dockerignore's grammar: files that are not checked
    fail_on: Severity | None = Severity.WARNING  # the mildest finding that makes the exit code 1
    require_reason: bool = False  # an inline ignore must say why
    options: Mapping[str, Mapping[str, Value]] = msgspec.field(default_factory=dict)  # by rule code

    def option(self, rule: Rule, name: str) -> Value:
        """How *rule* is set, or its own default."""
        return self.options.get(rule.code, {}).get(name, rule.options[name])

    def codes(self) -> frozenset[str]:
        """The codes of the rules that speak.

        Raises:
            InputError: A selector means no rule.

        """
        from wherry.check.catalogue import chosen  # noqa: PLC0415 - imports every rule

        return frozenset(chosen(self.select) - chosen(self.ignore))


def read_settings(path: Path) -> CheckSettings:
    """The settings of the project whose pyproject.toml is *path*; the defaults where it is silent.

    Raises:
        InputError: The file or the table is not right; the place is the key's line.

    """
    from wherry.project.toml_file import TomlFile  # noqa: PLC0415 - many directories have no pyproject.toml

    table = TomlFile.read(path).root.get("tool", "wherry", "check")
    return _read(table) if table else CheckSettings()


def _read(table: Node) -> CheckSettings:
    settings = CheckSettings()
    extended: tuple[str, ...] = ()
    options: dict[str, dict[str, Value]] = {}
    for key, node in table.items():
        if key == "extend-select":
            extended = tuple(_selectors(node))
        elif key == "select":
            settings = replace(settings, select=tuple(_selectors(node)))
        elif key == "ignore":
            settings = replace(settings, ignore=tuple(_selectors(node)))
        elif key == "exclude":
            settings = replace(settings, exclude=tuple(node.texts()))
        elif key == "fail-on":
            settings = replace(settings, fail_on=_severity(node))
        elif key == "require-reason":
            settings = replace(settings, require_reason=_boolean(node))
        elif isinstance(node.value, dict):
            rule = _rule(key, node)
            if rule.code in options:
                raise node.fail(
                    f"{key[:80]} and another table are both of rule {rule.code}", "keep one of them"
                )
            options[rule.code] = _options(rule, node)
        else:
            import difflib  # noqa: PLC0415 - only for a key that is none

            near = difflib.get_close_matches(key, _KEYS, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(_KEYS)}"
            raise node.fail(f"unknown key {key[:80]!r} in [tool.wherry.check]", mend)
    return replace(settings, select=(*settings.select, *extended), options=options)


def _selectors(node: Node) -> list[str]:
    from wherry.check.catalogue import chosen  # noqa: PLC0415 - imports every rule
    from wherry.errors import InputError  # noqa: PLC0415 - only here

    for element in node.elements("a list of rules"):
        try:
            chosen([element.text()])
        except InputError as error:
            raise element.fail(error.what, error.mend) from None
    return node.texts()


def _severity(node: Node) -> Severity | None:
    names = [severity.value for severity in Severity]
    if node.value == _NEVER:
        return None
    if node.value in names:
        return Severity(node.value)
    raise node.fail(f"fail-on is not one of {', '.join((*names, _NEVER))}")


def _boolean(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise node.expected("true or false")
    return node.value


def _rule(key: str, node: Node) -> Rule:
    from wherry.check.catalogue import find_rule  # noqa: PLC0415 - imports every rule
    from wherry.errors import InputError  # noqa: PLC0415 - only here

    try:
        return find_rule(key)
    except InputError as error:
        raise node.fail(error.what, error.mend) from None


def _options(rule: Rule, table: Node) -> dict[str, Value]:
    options: dict[str, Value] = {}
    for key, node in table.items():
        if key not in rule.options:
            known = ", ".join(rule.options) or "none"
            raise node.fail(f"rule {rule.code} has no setting {key[:80]!r}", f"its settings: {known}")
        default, value = rule.options[key], node.value
        if not isinstance(value, str | int) or type(value) is not type(default):
            kind = {bool: "true or false", int: "a number", str: "a string"}[type(default)]
            raise node.expected(kind)
        choices = rule.choices.get(key, ())
        if choices and value not in choices:
            raise node.fail(f"{key} of rule {rule.code} is not one of {', '.join(choices)}")
        options[key] = value
    return options
