"""The commands of a script: its skeleton read by tree-sitter's bash grammar, and walked without recursion."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from wherry.dockerfile.shell.segments import Segment, Statement
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node, Parser

    from wherry.dockerfile.shell.tokens import Lexed
    from wherry.dockerfile.source import Joined

MAX_NESTING: Final = 60
"""How deep commands may nest in one another."""

MAX_BROKEN_BYTES: Final = 4096
"""How long a script may be that is no proper one: mending takes the grammar the square of its length."""

_TERMINATORS: Final = frozenset({";", "&", ";;", ";&", ";;&"})
_SUBSTITUTIONS: Final = frozenset({"command_substitution", "process_substitution"})


class Found(Frozen):
    """One simple command, as offsets in the script."""

    start: int
    end: int
    before: str
    nesting: tuple[str, ...]
    segment: Segment


class Tree:
    """The commands of a script in the order of the text, and whether some of it was guessed."""

    __slots__ = ("commands", "errors")

    def __init__(self, *, errors: bool = False) -> None:
        self.commands: list[Found] = []
        self.errors = errors


class _Place(Frozen):
    """Where a node stands."""

    before: str
    nesting: tuple[str, ...]
    segment: Segment


class _Block(Frozen):
    """Statements, and what is around them."""

    children: list[Node]
    nesting: tuple[str, ...]
    before: str
    is_editable: bool


def read_tree(
    text: Joined, lexed: Lexed, before: str, nesting: tuple[str, ...], *, is_editable: bool
) -> Tree:
    """The commands of a script.

    Args:
        text: The script.
        lexed: The same, taken apart.
        before: The operator in front of it.
        nesting: What it stands in.
        is_editable: Bytes of it can be deleted from the file as they are.

    """
    if lexed.is_broken and len(text.data) > MAX_BROKEN_BYTES:
        return Tree(errors=True)
    root = _parser().parse(bytes(lexed.skeleton)).root_node
    walk = _Walk(text, lexed)
    walk.tree.errors = lexed.is_broken or root.has_error
    walk.run(_Block(root.children, nesting, before, is_editable and not walk.tree.errors))
    return walk.tree


@lru_cache(maxsize=1)
def _parser() -> Parser:
    """The grammar, loaded when the first script is read."""
    import tree_sitter  # noqa: PLC0415 - most runs of wherry read no shell

    return tree_sitter.Parser(tree_sitter.Language(_binding().language()))


def _binding() -> Any:  # noqa: ANN401 - a module
    """The grammar's compiled module. Its package first loads what reads queries for editors, in 4 ms."""
    from importlib.machinery import PathFinder  # noqa: PLC0415 - the same
    from importlib.util import module_from_spec  # noqa: PLC0415 - the same

    name = "tree_sitter_bash"
    package = PathFinder.find_spec(name)
    spec = package and PathFinder.find_spec(f"{name}._binding", package.submodule_search_locations)
    if not spec or not spec.loader:
        return import_module(f"{name}._binding")  # no directory holds it: an archive, or nothing
    binding = module_from_spec(spec)
    spec.loader.exec_module(binding)
    return binding


class _Walk:
    """Goes through a tree in the order of the text, with what is still to be seen on a stack."""

    def __init__(self, text: Joined, lexed: Lexed) -> None:
        self.tree = Tree()
        self._text = text
        self._lexed = lexed
        self._skeleton = lexed.skeleton
        self._trailing = [redirect for redirect in lexed.redirects if redirect.is_trailing]
        self._is_editable = False
        self._todo: list[tuple[Node, _Place] | _Block] = []
        self._steps: dict[str, Callable[[Node, _Place], None]] = {
            "command": self._command,
            "pipeline": self._pipeline,
            "negated_command": self._transparent,
            "redirected_statement": self._transparent,
            "subshell": self._subshell,
            "compound_statement": self._group,
            "if_statement": self._if,
            "elif_clause": self._elif,
            "else_clause": self._else,
            "while_statement": self._while,
            "for_statement": self._for,
            "c_style_for_statement": self._for,
            "function_definition": self._function,
            "ERROR": self._error,
        }

    def run(self, block: _Block) -> None:
        """See everything in *block*."""
        self._is_editable = block.is_editable
        self._todo.append(block)
        while self._todo:
            task = self._todo.pop()
            if isinstance(task, _Block):
                self._statements(task)
            else:
                self._node(*task)

    # ---- statements

    def _statements(self, block: _Block) -> None:
        """Chains, what ends each, and their elements; the elements are seen next."""
        if len(block.nesting) > MAX_NESTING:
            self.tree.errors = True
            return
        places: list[tuple[Node, _Place]] = []
        last: Statement | None = None
        before = block.before
        for child in block.children:
            if child.type in _TERMINATORS:
                if last is not None and not last.terminator:
                    last.terminator, last.terminator_at = child.type, child.start_byte
                continue
            if not child.is_named:
                continue
            statement = Statement(last, is_editable=block.is_editable)
            if last is not None:
                last.following = statement
                self._end_line(last, child.start_byte)
                before = last.terminator
            places += self._chain(child, statement, before, block.nesting)
            last = statement
        self._todo += reversed(places)

    def _end_line(self, statement: Statement, next_start: int) -> None:
        if not statement.terminator:
            newline = self._skeleton.find(b"\n", statement.end, next_start)
            statement.terminator, statement.terminator_at = "\n", max(newline, statement.end)

    def _chain(
        self, node: Node, statement: Statement, before: str, nesting: tuple[str, ...]
    ) -> Iterator[tuple[Node, _Place]]:
        """The elements of a chain of ``&&`` and ``||``, each with its place."""
        operator, operator_at = "", 0
        previous: Segment | None = None
        for element, joint in _flattened(node, "list"):
            if joint is not None:
                operator, operator_at = joint.type, joint.start_byte
            segment = Segment(self._text, element.start_byte, self._end(element), statement)
            segment.operator, segment.operator_at, segment.previous = operator, operator_at, previous
            statement.segments.append(segment)
            if previous is not None:
                previous.following = segment
            previous = segment
            inner = (*nesting, "||") if operator == "||" else nesting
            yield element, _Place(operator or before, inner, segment)

    def _end(self, node: Node) -> int:
        """Where an element ends, with the redirections behind a compound command."""
        end = self._lexed.ends.get(node.end_byte, node.end_byte)
        if node.type == "command":
            return end
        for redirect in self._trailing:
            if redirect.start >= end and not self._skeleton[end : redirect.start].strip(b" "):
                end = redirect.end
        return end

    # ---- nodes

    def _node(self, node: Node, place: _Place) -> None:
        self._steps.get(node.type, self._substitutions)(node, place)

    def _transparent(self, node: Node, place: _Place) -> None:
        self._todo += [(child, place) for child in reversed(node.named_children)]

    def _subshell(self, node: Node, place: _Place) -> None:
        is_branch = node.start_byte in self._lexed.branches
        self._push(node.children, place, "case" if is_branch else "subshell")

    def _group(self, node: Node, place: _Place) -> None:
        if node.start_byte in self._lexed.cases:
            self._push(node.children, place, is_editable=False)
        else:
            self._push(node.children, place, "group")

    def _function(self, node: Node, place: _Place) -> None:
        body = node.child_by_field_name("body")
        if body is not None:
            self._todo.append((body, _Place(place.before, (*place.nesting, "function"), place.segment)))

    def _error(self, node: Node, place: _Place) -> None:
        self._push(node.children, place)

    def _if(self, node: Node, place: _Place) -> None:
        self._branches(node, place, "if")

    def _elif(self, node: Node, place: _Place) -> None:
        self._branches(node, place, "elif")

    def _else(self, node: Node, place: _Place) -> None:
        self._push(node.children, place, "else")

    def _push(
        self, children: list[Node], place: _Place, *names: str, is_editable: bool = True, before: str = ""
    ) -> None:
        editable = is_editable and self._is_editable
        self._todo.append(_Block(children, (*place.nesting, *names), before, editable))

    def _command(self, node: Node, place: _Place) -> None:
        place.segment.commands += 1
        start, end = node.start_byte, node.end_byte
        self.tree.commands.append(Found(start, end, place.before, place.nesting, place.segment))
        self._substitutions(node, place)

    def _substitutions(self, node: Node, place: _Place) -> None:
        """The substitutions below a node, but for those inside of them."""
        skeleton = self._skeleton[node.start_byte : node.end_byte]
        if b"$(" not in skeleton and b"`" not in skeleton:
            return
        found: list[Node] = []
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one.type in _SUBSTITUTIONS:
                found.append(one)
            else:
                waiting += one.children
        for one in sorted(found, key=lambda one: -one.start_byte):
            self._push(one.children, place, "substitution")

    def _pipeline(self, node: Node, place: _Place) -> None:
        places = []
        for element, joint in _flattened(node, "pipeline"):
            before = joint.type if joint is not None else place.before
            places.append((element, _Place(before, place.nesting, place.segment)))
        self._todo += reversed(places)

    def _branches(self, node: Node, place: _Place, name: str) -> None:
        """``if`` or ``elif``: a condition, what follows ``then``, and further branches."""
        children = node.children
        then = next((at for at, child in enumerate(children) if child.type == "then"), len(children))
        clauses = ("elif_clause", "else_clause")
        body = [child for child in children[then + 1 :] if child.type not in clauses]
        around = () if name == "if" else (name,)
        for clause in reversed([child for child in children if child.type in clauses]):
            self._todo.append((clause, place))
        self._push(body, place, name)
        self._push(children[1:then], place, *around, "condition", is_editable=False)

    def _while(self, node: Node, place: _Place) -> None:
        children = node.children
        condition = [child for child in children if child.type != "do_group"]
        self._bodies(node, place, condition[0].type if condition else "while")
        self._push(condition[1:], place, "condition", is_editable=False)

    def _for(self, node: Node, place: _Place) -> None:
        self._bodies(node, place, "for")
        for child in reversed(node.children):
            if child.type not in {"do_group", "compound_statement"}:
                self._substitutions(child, place)

    def _bodies(self, node: Node, place: _Place, name: str) -> None:
        for child in node.children:
            if child.type in {"do_group", "compound_statement"}:
                self._push(child.children, place, name)


def _flattened(node: Node, kind: str) -> Iterator[tuple[Node, Node | None]]:
    """The elements of a chain, which leans to the left, and the operator before each."""
    parts: list[tuple[Node, Node | None]] = []
    while node.type == kind:
        children = [child for child in node.children if child.is_named or child.type in _JOINTS]
        for at in range(len(children) - 1, 0, -1):
            if children[at].is_named:
                joint = children[at - 1]
                parts.append((children[at], joint if not joint.is_named else None))
        node = children[0]
    yield node, None
    yield from reversed(parts)


_JOINTS: Final = frozenset({"&&", "||", "|", "|&"})
