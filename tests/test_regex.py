"""Expressions that wait answer as compiled ones do, and every one in the house can be compiled."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import wherry
from wherry.regex import regex


def test_a_waiting_expression_answers_as_the_compiled_one_does() -> None:
    waiting, compiled = (
        regex(r"(?P<word>[a-z]+)-", re.IGNORECASE),
        re.compile(r"(?P<word>[a-z]+)-", re.IGNORECASE),
    )
    text = "Ab-cd-12"
    assert waiting.findall(text) == compiled.findall(text)
    assert waiting.sub("_", text) == compiled.sub("_", text)
    assert waiting.groupindex == compiled.groupindex
    found = waiting.match(text)
    assert found is not None
    assert found["word"] == "Ab"


def test_bytes_are_matched_by_an_expression_of_bytes() -> None:
    assert regex(rb"\d+").split(b"a1b22c") == [b"a", b"b", b"c"]


def test_a_method_that_was_asked_once_is_the_compiled_expressions_own() -> None:
    waiting = regex("x")
    assert waiting.search("axb") is not None
    assert "search" in vars(waiting)
    assert vars(waiting)["search"] == re.compile("x").search


def test_a_mistake_shows_when_the_expression_is_asked() -> None:
    waiting = regex("(")
    with pytest.raises(re.error):
        waiting.search("")


def test_every_expression_of_a_module_compiles() -> None:
    waiting = [
        value
        for entry in pkgutil.walk_packages(wherry.__path__, "wherry.")
        if not entry.name.endswith("__main__")
        for value in vars(importlib.import_module(entry.name)).values()
        if type(value) is type(regex(""))
    ]
    assert len(waiting) > 100
    for expression in waiting:
        assert expression.pattern is not None


def test_reading_the_rules_compiles_no_expression_of_ours() -> None:
    told = (
        "import re, sys; real = re.compile; asked = []\n"
        "def compiling(text, flags=0):\n"
        "    asked.append(sys._getframe(1).f_globals['__name__'])\n"
        "    return real(text, flags)\n"
        "re.compile = compiling\n"
        "import importlib, pkgutil\n"
        "from wherry.check import review, rules\n"
        "for entry in pkgutil.walk_packages(rules.__path__, 'wherry.check.rules.'):\n"
        "    importlib.import_module(entry.name)\n"
        "print(*[name for name in asked if name.startswith('wherry')])"
    )
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
