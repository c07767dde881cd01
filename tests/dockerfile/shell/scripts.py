"""Shell scripts made up by chance, valid ones, and scripts of real images as people write them."""

from __future__ import annotations

import random
from typing import Final

WORDS: Final = [
    *(
        "x",
        "-y",
        "--name=value",
        "a.b/c",
        "torch==2.4.1",
        "'it is'",
        '"two words"',
        '"q\\"q"',
        "a\\ b",
        "*.whl",
    ),
    *("$VAR", '"$VAR"', "${VAR:-d}", "${VAR%.*}", '"${A:-"b c"}"', "$(nproc)", '"$(pwd)/x"', "`date`", "~/x"),
    *(
        "if",
        "then",
        "done",
        "{}",
        "}",
        "in",
        "a'b'\"c\"",
        "''",
        "$'t\\n'",
        "a#b",
        "\\;",
        "-DX='a b'",
        "'$V'",
        "!",
    ),
    *(
        "'a && b'",
        '"a; b"',
        "$((1 + 2))",
        "a=b",
        "[x]",
        "torch[cuda]",
        "é",
        "1",
        "2",
        "@",
        "%",
        "http://h/p?q=1",
    ),
]
NAMES: Final = ["a", "pip", "apt-get", "/usr/bin/x", "python3", "./run.sh", "echo", "cd", '"q"', "$CMD", "["]
REDIRECTS: Final = ["> f", ">>f", "2>/dev/null", "2>&1", "< f", "&> f", ">&2", "<<< w", '> "a b"', "1>f"]


class Maker:
    """Makes scripts.

    Args:
        seed: Chooses.
        newline: What may stand for a semicolon: a newline, or a semicolon itself where lines are joined.

    """

    def __init__(self, seed: int, newline: str = "\n") -> None:
        self._choose = random.Random(seed)  # noqa: S311 - to vary the cases
        self._newline = newline
        self._names = 0

    def script(self, depth: int = 2) -> str:
        """Some statements."""
        count = self._choose.choice([1, 1, 1, 2, 3])
        made = [self.chain(depth) for _ in range(count)]
        out = made[0]
        for one in made[1:]:
            out += self._choose.choice(["; ", f"{self._newline} ", " & ", ";"]) + one
        return out

    def chain(self, depth: int) -> str:
        """Commands with ``&&`` and ``||`` between."""
        count = self._choose.choice([1, 1, 1, 2, 3])
        out = self.pipeline(depth)
        for _ in range(count - 1):
            out += self._choose.choice([" && ", " && ", " || ", "&&"]) + self.pipeline(depth)
        return out

    def pipeline(self, depth: int) -> str:
        """One element, or several with pipes."""
        elements = [self.element(depth) for _ in range(self._choose.choice([1, 1, 1, 1, 1, 2]))]
        negation = self._choose.choice(["", "", "", "", "", "", "! "])
        return negation + self._choose.choice([" | ", "|"]).join(elements)

    def element(self, depth: int) -> str:
        """A command, or a compound one."""
        if depth == 0 or self._choose.random() < 0.7:
            return self.command(depth)
        inner = self.script(depth - 1)
        semi = self._choose.choice(["; ", f"{self._newline} "]) if not inner.endswith("&") else " "
        made = {
            "if": f"if {self.chain(depth - 1)}; then {inner}{semi}fi",
            "else": f"if a; then {inner}{semi}elif b; then c; else {self.script(depth - 1)}; fi",
            "for": f"for i in {self.words()}; do {inner}{semi}done",
            "while": f"while {self.chain(0)}; do {inner}{semi}done",
            "case": f"case $x in a|'b c') {inner};; *) d ;; esac",
            "(": f"( {inner} )",
            "{": f"{{ {inner}{semi}}}",
            "function": f"f() {{ {inner}{semi}}}",
            "[[": '[[ $x == "a b" && -f y ]]',
        }
        chosen = self._choose.choice(list(made))
        redirect = self._choose.choice(["", "", f" {self._choose.choice(REDIRECTS)}"])
        return made[chosen] + (redirect if chosen in {"if", "for", "while", "(", "{"} else "")

    def words(self) -> str:
        """Some words."""
        return " ".join(self._choose.choices(WORDS, k=self._choose.randint(0, 3)))

    def command(self, depth: int) -> str:
        """A simple command."""
        parts = [self._choose.choice(NAMES)]
        if parts == ["["]:
            return "[ -f x ]"
        parts += self._choose.choices(WORDS, k=self._choose.randint(0, 3))
        if self._choose.random() < 0.2:
            parts.insert(0, self._choose.choice(["A=1", "B='x y'", 'C="$D"', "E="]))
        if self._choose.random() < 0.2:
            parts.insert(self._choose.randint(0, len(parts)), self._choose.choice(REDIRECTS))
        if depth and self._choose.random() < 0.1:
            parts.append(f"$( {self.script(depth - 1)})")
        return " ".join(parts)
