"""Made-up YAML files, each in one hand: what edits are tried on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from random import Random

Json: TypeAlias = Any
"""What a YAML library reads."""


class Writer:
    """A made-up YAML file: blocks and flows, comments, anchors and merges, in one hand."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.step = random.choice([2, 2, 4, 3])
        self.dash = random.choice([0, self.step, 2])
        self.quote = random.choice(["", "", "'", '"'])
        self.is_wild = random.random() < 0.4
        self.anchors: list[str] = []
        self.anchored = 0

    def text(self) -> str:
        lines: list[str] = []
        count = self.random.choice([1, 1, 2])
        for _ in range(count):
            self.anchors = []
            lines += ["---", *self.mapping(self.tree(3), 0)]
        return "\n".join(lines[self.random.random() < 0.5 :] if count == 1 else lines)

    def tree(self, depth: int) -> dict[str, Json]:
        names = ["build", "deploy", "resources", "limits", "x y", "é", "volumeMounts", "shm_size", "a"]
        return {name: self.value(depth) for name in self.random.sample(names, self.random.randrange(1, 4))}

    def value(self, depth: int) -> Json:
        kinds = ["scalar", "scalar", "none", "text"] + (["mapping", "mapping", "list"] if depth else [])
        match self.random.choice(kinds):
            case "mapping":
                return self.tree(depth - 1)
            case "list":
                return [self.value(depth - 1) for _ in range(self.random.randrange(1, 3))]
            case "none":
                return None
            case "text":
                return self.random.choice(["x\ny\n", "x\n\n# y\n"])
        return self.random.choice([1, True, "C:\\a", "ä", "8gb", "- x", "a # b", "", "{{x}}"])

    def mapping(self, tree: dict[str, Json], indent: int) -> list[str]:
        lines: list[str] = []
        for key, value in tree.items():
            lines += self.random.choice([[], [], [], [""], [" " * indent + "# a: b"], ["# at the margin"]])
            lines += self.pair(f"{' ' * indent}{self.key(key)}:", value, indent)
        if self.is_wild and self.anchors and self.random.random() < 0.3:
            lines.append(f"{' ' * indent}<<: *{self.random.choice(self.anchors)}")
        return lines

    def pair(self, head: str, value: Json, indent: int) -> list[str]:
        if self.is_wild and self.anchors and self.random.random() < 0.1:
            return [f"{head} *{self.random.choice(self.anchors)}"]
        anchor = ""
        if self.is_wild and isinstance(value, dict) and self.random.random() < 0.2:
            self.anchored += 1
            anchor = f" &n{self.anchored}"
        is_flow = self.random.random() < 0.25 and "\n" not in str(value) + repr(value).replace("\\n", "\n")
        if is_flow or value in ([], {}):
            lines = [f"{head}{anchor} {self.flow(value)}{self.remark()}"]
        elif isinstance(value, dict):
            lines = [f"{head}{anchor}{self.remark()}", *self.mapping(value, indent + self.step)]
        elif isinstance(value, list):
            lines = [f"{head}{self.remark()}"]
            for one in value:
                lines += self.element(one, indent + self.dash)
        elif isinstance(value, str) and "\n" in value:
            inner = [f"{' ' * (indent + self.step)}{line}".rstrip() for line in value.splitlines()]
            lines = [f"{head} {self.random.choice(['|', '>', '|-', '|+'])}", *inner]
        else:
            lines = [f"{head}{'' if value is None else f' {self.flow(value)}'}{self.remark()}"]
        if anchor:
            self.anchors.append(anchor[2:])
        return lines

    def element(self, value: Json, indent: int) -> list[str]:
        if isinstance(value, dict):
            lines = self.mapping(value, indent + 2)
            while lines and (not lines[0].strip() or lines[0].lstrip().startswith("#")):
                lines.pop(0)
            return [f"{' ' * indent}- {lines[0].lstrip()}", *lines[1:]]
        if isinstance(value, list):
            return [f"{' ' * indent}- {self.flow(value)}"]
        return self.pair(f"{' ' * indent}-", value, indent)

    def key(self, key: str) -> str:
        return f"{self.quote}{key}{self.quote}" if self.quote == '"' else key

    def flow(self, value: Json) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.key(key)}: {self.flow(one)}" for key, one in value.items()) + "}"
        if isinstance(value, list):
            return f"[{', '.join(self.flow(one) for one in value)}]"
        return json.dumps(value, ensure_ascii=False)

    def remark(self) -> str:
        return self.random.choice(["", "", "", " # why", "  "])
