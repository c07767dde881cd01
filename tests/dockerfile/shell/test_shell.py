"""The commands of RUN, CMD, ENTRYPOINT and HEALTHCHECK in every form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dockerfile.shell.shapes import SHAPES
from wherry.dockerfile.parser import parse
from wherry.dockerfile.shell import Command, Script, expand_in, program_name, read_instruction, read_script
from wherry.dockerfile.source import Joined, Source
from wherry.dockerfile.stages import build_graph, scope_before
from wherry.dockerfile.words import Budget

BASH = ("/bin/bash", "-c")


def read(text: str, shell: tuple[str, ...] = ("/bin/sh", "-c")) -> Script:
    dockerfile = parse(Source("Dockerfile", f"FROM a\n{text}\n".encode()))
    return read_instruction(dockerfile.instructions[1], shell)


def only(text: str) -> Command:
    (command,) = read(text).commands
    return command


def texts(command: Command) -> list[str]:
    return [str(word) for word in command.words]


@pytest.mark.parametrize(("run", "programs"), SHAPES)
def test_the_programs_of_what_people_write(run: str, programs: list[str]) -> None:
    script = read(run)
    assert [command.program for command in script.commands] == programs
    assert not script.errors
    assert script.is_shell


@pytest.mark.parametrize(("run", "programs"), SHAPES)
def test_spans_are_what_stands_in_the_file(run: str, programs: list[str]) -> None:
    source = Source("Dockerfile", f"FROM a\n{run}\n".encode())
    script = read_instruction(parse(source).instructions[1])
    assert len(script.commands) == len(programs)
    for command in script.commands:
        for word in command.words:
            written = source.text(word.span)
            assert command.span.start <= word.span.start <= word.span.end <= command.span.end
            assert word.raw == written or "\\" in written or run.startswith("RUN [")


def test_words_lose_their_quotes_and_lines_are_joined() -> None:
    command = only('RUN pip install \'a b\' "c\\"d" e\\ f \\\n  # no\n  g"h"\'i\' $X "$Y"*')
    assert texts(command) == ["pip", "install", "a b", 'c"d', "e f", "ghi", "$X", "$Y*"]
    assert [word.is_literal for word in command.words] == [True] * 6 + [False] * 2


def test_assignments_redirections_and_operators_are_told() -> None:
    first, second, third = read("RUN A=1 B='x y' cmd -v >f 2>&1 <<<in && C=$D; a | b").commands[:3]
    assert [(name, word.value) for name, word in first.assignments] == [("A", "1"), ("B", "x y")]
    assert [(r.operator, r.descriptor, r.target.value) for r in first.redirects] == [
        (">", None, "f"),
        (">&", 2, "1"),
        ("<<<", None, "in"),
    ]
    assert (second.name, second.before, second.assignments[0][0]) == ("", "&&", "C")
    assert third.before == ";"


def test_what_a_command_stands_in_is_told() -> None:
    script = read(
        "RUN if a; then b; elif c; then d; else e; fi; for i in $(f); do g; done; while h; do i; done; "
        "until j; do k; done; case $(l) in x) m;; esac; (n); { o; }; p() { q; }; r || s; t $(u) `v` <(w)"
    )
    assert {command.name: command.nesting for command in script.commands} == {
        "a": ("condition",),
        "b": ("if",),
        "c": ("elif", "condition"),
        "d": ("elif",),
        "e": ("else",),
        "f": ("substitution",),
        "g": ("for",),
        "h": ("condition",),
        "i": ("while",),
        "j": ("condition",),
        "k": ("until",),
        "l": ("substitution",),
        "m": ("case",),
        "n": ("subshell",),
        "o": ("group",),
        "q": ("function", "group"),
        "r": (),
        "s": ("||",),
        "t": (),
        "u": ("substitution",),
        "v": ("substitution",),
        "w": ("substitution",),
    }


@pytest.mark.parametrize(
    ("run", "words", "wrapped_by"),
    [
        ("sudo -EHu root pip install x", ["pip", "install", "x"], ["sudo"]),
        ("sudo --user=app A=1 make", ["make"], ["sudo"]),
        ("env -i -u X A=1 B=2 make all", ["make", "all"], ["env"]),
        ("time -f %e nice -n 5 ionice -c3 make", ["make"], ["time", "nice", "ionice"]),
        ("timeout -k 5 --signal KILL 600 make -j", ["make", "-j"], ["timeout"]),
        ("nohup exec command make", ["make"], ["nohup", "exec", "command"]),
        ("xargs -0 -n 1 -I{} rm {}", ["rm", "{}"], ["xargs"]),
        ("stdbuf -oL -e 0 setsid make", ["make"], ["stdbuf", "setsid"]),
        ("gosu app make", ["make"], ["gosu"]),
        ("/usr/bin/tini -g -- make", ["make"], ["tini"]),
        ("conda run --no-capture-output -n ml python a.py", ["python", "a.py"], ["conda run"]),
        ("micromamba -q run -p /x python", ["python"], ["micromamba run"]),
        ("uv --quiet run --no-sync --with x -p 3.12 pytest -q", ["pytest", "-q"], ["uv run"]),
        ("poetry run -- pip list", ["pip", "list"], ["poetry run"]),
        ("sudo bash -euxo pipefail -c 'exec make'", ["make"], ["sudo", "bash -c", "exec"]),
        ("sh -lc make", ["make"], ["sh -c"]),
        ("busybox sh -c make", ["make"], ["busybox sh -c"]),
        ("su - app -c 'make x'", ["make", "x"], ["su -c"]),
        ("eval 'make x'", ["make", "x"], ["eval -c"]),
        ("bash -c 'sh -c \"make\"'", ["make"], ["bash -c", "sh -c"]),
        # what starts nothing stays
        ("sudo -l", ["sudo", "-l"], []),
        ("env", ["env"], []),
        ("command -v make", ["command", "-v", "make"], []),
        ("env -S 'a b' c", ["env", "-S", "a b", "c"], []),
        ("conda install x", ["conda", "install", "x"], []),
        ("uv run -m pytest", ["uv", "run", "-m", "pytest"], []),
        ("timeout 5", ["timeout", "5"], []),
        ("bash x.sh -c y", ["bash", "x.sh", "-c", "y"], []),
        ("bash -c", ["bash", "-c"], []),
        ("bash", ["bash"], []),
        ("su app", ["su", "app"], []),
        ("eval a b", ["eval", "a", "b"], []),
        ("bash -c $'a\\tb'", ["bash", "-c", "a\tb"], []),
        ("uv", ["uv"], []),
        ("bash -- x", ["bash", "--", "x"], []),
        ("bash --", ["bash", "--"], []),
    ],
)
def test_what_only_starts_a_command_is_taken_away(run: str, words: list[str], wrapped_by: list[str]) -> None:
    command = only(f"RUN {run}")
    assert texts(command) == words
    assert list(command.wrapped_by) == wrapped_by


def test_wrappers_may_set_variables_and_name_an_environment() -> None:
    assert [(name, w.value) for name, w in only("RUN X=0 env 'A=b c' B=\"$D\" make").assignments] == [
        ("X", "0"),
        ("A", "b c"),
        ("B", "$D"),
    ]
    assert only("RUN conda run --name=ml python").environment == "ml"
    assert only("RUN conda run -p /opt/e bash -c 'pip check'").environment == "/opt/e"
    assert only("RUN make").environment == ""


def test_the_commands_of_an_inner_script_know_their_place() -> None:
    first, second, third = read("RUN x && bash -c 'a || b' ").commands
    assert (first.before, second.before, third.before) == ("", "&&", "||")
    assert second.nesting == ("script",)
    assert third.nesting == ("script", "||")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("pip", "pip"),
        ("pip3.11", "pip"),
        ("/opt/venv/bin/pip3", "pip"),
        ("python3.12", "python"),
        ("C:\\\\Python\\\\python.exe", "python"),
        ("gcc-12", "gcc"),
        ("pip-compile", "pip-compile"),
        ("7z", "7z"),
        ("apt-get", "apt-get"),
    ],
)
def test_a_program_is_known_by_any_name(word: str, name: str) -> None:
    assert program_name(word.replace("\\\\", "\\")) == name


@pytest.mark.parametrize(
    ("run", "program", "arguments"),
    [
        ("python -m pip install x", "pip", ["install", "x"]),
        ("python3.11 -u -X dev -m venv /x", "venv", ["/x"]),
        ("python a.py -m x", "python", ["a.py", "-m", "x"]),
        ("python -c 'x' -m y", "python", ["-c", "x", "-m", "y"]),
        ("python -m", "python", ["-m"]),
        ("python -", "python", ["-"]),
        ("A=1", "", []),
    ],
)
def test_a_module_is_the_program_that_runs(run: str, program: str, arguments: list[str]) -> None:
    command = only(f"RUN {run}")
    assert command.program == program
    assert [str(word) for word in command.arguments] == arguments
    assert command.name in {"python", "python3.11", ""}


def test_the_shell_instruction_decides_who_reads() -> None:
    assert read("RUN a", ("powershell", "-Command")) == Script(is_shell=False, interpreter="powershell")
    assert read("RUN a", ("cmd", "/S", "/C")) == Script(is_shell=False, interpreter="cmd")
    assert read("RUN a", ("python3", "-c")).interpreter == "python"
    assert read("RUN a", ()).is_shell is False
    found = read("RUN a", ("/usr/bin/env", "bash", "-eo", "pipefail", "-c"))
    assert (found.interpreter, set(found.options)) == ("bash", {"errexit", "pipefail"})
    (command,) = read("RUN a", ("conda", "run", "-n", "x", "/bin/bash", "-c")).commands
    assert (command.wrapped_by, command.environment) == (("conda run",), "x")


def test_options_are_those_in_force_before_a_command() -> None:
    script = read("RUN a; set -eu; b; set -o pipefail +u; (set +e; c); d", BASH)
    options = {command.name: script.options_before(command) for command in script.commands}
    assert options["a"] == frozenset()
    assert options["b"] == {"errexit", "nounset"}
    assert options["c"] == {"pipefail"}
    assert options["d"] == {"errexit", "pipefail"}
    script = read("RUN <<E\n#!/bin/bash -e\nset --\nset -o\na\nE")
    assert script.options_before(script.commands[-1]) == {"errexit"}


def test_the_json_form_is_a_command_of_its_own() -> None:
    script = read('RUN ["python", "-m", "pip", "install", "a && b"]')
    assert script.interpreter == ""
    assert texts(script.commands[0]) == ["python", "-m", "pip", "install", "a && b"]
    assert all(word.is_literal for word in script.commands[0].words)
    assert read("CMD []") == Script(interpreter="")


def test_a_json_form_may_hold_a_script() -> None:
    source = Source("D", b'FROM a\nRUN ["bash", "-ec", "a \\"b\\" && \\u0063\\n\\ud83d\\ude00 \\ud800"]\n')
    script = read_instruction(parse(source).instructions[1])
    assert [texts(command) for command in script.commands] == [["a", "b"], ["c"], ["😀", "?"]]
    assert script.options == {"errexit"}
    assert source.text(script.commands[0].words[0].span) == "a"
    assert only('ENTRYPOINT ["sudo", "python", "x"]').wrapped_by == ("sudo",)


def test_cmd_entrypoint_and_healthcheck_are_read_too() -> None:
    assert only("CMD exec uvicorn a:b --port $PORT").program == "uvicorn"
    assert only('ENTRYPOINT ["/tini", "--", "python", "x"]').wrapped_by == ("tini",)
    assert (
        only("HEALTHCHECK --interval=5s CMD curl -f x || exit 1".replace(" || exit 1", "")).program == "curl"
    )
    assert [c.name for c in read("HEALTHCHECK CMD curl x || exit 1").commands] == ["curl", "exit"]
    assert texts(only('HEALTHCHECK CMD ["curl", "x"]')) == ["curl", "x"]
    assert read("HEALTHCHECK NONE").commands == ()
    assert read("WORKDIR /x").commands == ()


def test_a_trigger_is_read_like_any_other() -> None:
    instruction = parse(Source("D", b"FROM a\nONBUILD RUN a && b\n")).instructions[1]
    assert instruction.trigger is not None
    assert [c.name for c in read_instruction(instruction.trigger).commands] == ["a", "b"]


def test_a_heredoc_is_a_script() -> None:
    assert [c.name for c in read("RUN <<EOF\na\nb \\\n  c\nEOF").commands] == ["a", "b"]
    assert [c.name for c in read("RUN <<-'EOF'\n\ta\n\tEOF").commands] == ["a"]
    assert [c.name for c in read("RUN <<EOF\n#!/usr/bin/env -S bash -e\na\nEOF").commands] == ["a"]
    assert [c.name for c in read("RUN <<EOF bash\na && b\nEOF").commands] == ["a", "b"]
    assert [c.name for c in read("RUN bash -s <<EOF\na\nEOF").commands] == ["a"]


def test_a_heredoc_for_another_interpreter_is_no_script() -> None:
    script = read("RUN <<EOF\n#!/usr/bin/env python3.11\nimport os\nEOF")
    assert (script.is_shell, script.interpreter, script.commands) == (False, "python", ())
    assert script.document is not None
    assert script.document.content == "#!/usr/bin/env python3.11\nimport os\n"
    assert read("RUN <<EOF\n#!\nEOF").interpreter == ""


def test_a_command_has_its_heredoc() -> None:
    source = Source("D", b"FROM a\nRUN python - <<EOF && cat 3<<B\nprint('$X')\nEOF\nb\nB\n")
    python, cat = read_instruction(parse(source).instructions[1]).commands
    assert python.heredoc is not None
    assert python.heredoc.content == "print('$X')\n"
    assert (python.heredoc.name, python.heredoc.expands) == ("EOF", True)
    assert source.text(python.heredoc.span) == "print('$X')\n"
    assert cat.heredoc is None  # it is not its input
    assert cat.redirects[0].document is not None
    assert cat.redirects[0].document.content == "b\n"


def test_tabs_before_a_heredocs_lines_are_no_part_of_it() -> None:
    script = read("RUN <<X\ncat <<-'E'\n\ta\n\t\tb\n\tE\nc\nX")
    heredoc = script.commands[0].heredoc
    assert heredoc is not None
    assert (heredoc.content, heredoc.expands) == ("a\nb\n", False)
    assert script.commands[1].name == "c"
    heredoc = only("RUN cat <<-E\n\t\ta\n\tE").heredoc
    assert heredoc is not None
    assert heredoc.content == "a\n"


def test_variables_are_put_in_where_they_are_known() -> None:
    text = "FROM a\nARG V=2.4\nENV T=torch D='a b'\nENV P=/x:$PATH\n"
    text += "RUN pip $T==${V} \"$D\" $P $N '$T' ~/$T $(a)$T {$T,b}\n"
    dockerfile = parse(Source("D", text.encode()))
    graph = build_graph(dockerfile)
    run = graph.target.instructions[-1]
    (command, *_) = read_instruction(run).commands
    scope = scope_before(graph.target, run)
    assert [expand_in(word, scope) for word in command.words] == [
        "pip",
        "torch==2.4",
        "a b",
        None,
        None,
        "$T",
        None,
        None,
        None,
    ]
    (broken,) = read_script(Joined(b"a${T", (0,), (0,))).commands
    assert expand_in(broken.words[0], scope) is None


def test_arithmetic_and_tests_hold_no_commands() -> None:
    script = read("RUN (( a > 1 )) && [[ $x == y && -f z ]] && echo $((1 + $(b))) && ((c) || d)", BASH)
    assert [command.name for command in script.commands] == ["((", "[[", "echo", "b", "c", "d"]


def test_arrays_patterns_and_functions_are_understood() -> None:
    script = read(
        'RUN a=(b "c d" $(e)) f !(g|h) && function i { j; } && k () ( l ) && for ((m=0;m<2;m++)); do n; done'
    )
    assert [command.name for command in script.commands] == ["f", "e", "j", "l", "n"]
    assert script.commands[0].assignments[0][0] == "a"


def test_a_script_longer_than_linux_takes_is_not_read() -> None:
    long = b"a " * 70_000
    assert read_script(Joined(long, (0,), (0,))) == Script(errors=True)


UNITS = 'a| $( "$( ` ) ( (( { a=( < > ${a [[ \' " \\ ;; a&& $(( ! é \0'


@pytest.mark.parametrize(
    "unit",
    [
        *UNITS.split(),
        "a ",
        "a\n",
        "a <<E\n",
        "if a; then ",
        "case x in a) ",
        "f() { ",
        "(a) ",
        "a `b` ",
        "for i in ",
    ],
)
def test_hostile_scripts_end(unit: str) -> None:
    data = (unit * 130_000)[:130_000].encode()[:130_000]
    read_script(Joined(data, (0,), (0,)))


def test_an_instruction_as_long_as_may_be_ends() -> None:
    lines = b"a && \\\n" + (b"b" * 60_000 + b" && \\\n") * 60
    assert parse_and_read(b"RUN " + lines + b"c\n") == Script(errors=True)
    assert parse_and_read(b"RUN <<E\n" + lines + b"c\nE\n") == Script(errors=True)


def parse_and_read(run: bytes) -> Script:
    return read_instruction(parse(Source("D", b"FROM a\n" + run)).instructions[1])


def test_scripts_that_share_a_budget_are_read_until_it_is_spent() -> None:
    instruction = parse(Source("D", b"FROM a\nRUN bash -c 'a && b'\n")).instructions[1]
    budget = Budget(40)
    first, second = (read_instruction(instruction, budget=budget) for _ in range(2))
    assert [command.name for command in first.commands] == ["a", "b"]
    assert second == Script(errors=True)


def test_deep_nesting_is_given_up() -> None:
    for unit, end in (
        ("$(a ", ")"),
        ("{ ", "; }"),
        ("if a; then ", "; fi"),
        ("bash -c '", "'"),
        ("(a;", ")"),
    ):
        assert read(f"RUN {unit * 70}b{end * 70}").errors or "bash" in unit


MARKS = "a && || | ; & ( ) { } ' \" ` $( ${ $(( (( )) [[ ]] << <<E <<<x > 2>&1"
KEYWORDS = "if then fi for in do done case esac"
TOKENS = [
    *MARKS.split(),
    *KEYWORDS.split(),
    " ",
    " ",
    "\n",
    "\\",
    "#",
    "!",
    "a=(",
    "bash -c ",
    "E\n",
    "é",
    "\udcff",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_any_text_is_read(text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    script = read_script(Joined(data, (0,), (0,)))
    for command in script.commands:
        assert 0 <= command.span.start <= command.span.end <= len(data)
        for word in command.words:
            assert word.span.end <= len(data)
