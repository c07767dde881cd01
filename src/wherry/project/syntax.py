"""Small questions to a Python syntax tree: what runs at module level, what is assigned, what guards main."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def name_of(node: ast.expr | None) -> str:
    """The plain name an expression is, or nothing."""
    return node.id if isinstance(node, ast.Name) else ""


def is_main_guard(node: ast.stmt) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``."""
    if (
        not isinstance(node, ast.If)
        or not isinstance(node.test, ast.Compare)
        or len(node.test.comparators) != 1
    ):
        return False
    sides = (node.test.left, node.test.comparators[0])
    has_name = any(name_of(side) == "__name__" for side in sides)
    has_main = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return has_name and has_main and isinstance(node.test.ops[0], ast.Eq)


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run with the body: in branches and blocks, not in functions, classes or main guards."""
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or is_main_guard(node):
            continue
        yield node
        inner = [
            child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)
        ]
        for child in reversed(inner):
            waiting.extend(reversed(child.body) if isinstance(child, ast.ExceptHandler) else [child])


def own_expressions(node: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, without those of statements inside it."""
    waiting: list[ast.AST] = [
        child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)
    ]
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting.extend(
            child for child in ast.iter_child_nodes(inner) if not isinstance(child, ast.stmt | ast.Lambda)
        )


def assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Names and what is assigned to them."""
    for node in statements(body):
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None:
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))


def has_required_arguments(arguments: ast.arguments) -> bool:
    """Whether a function cannot be called with nothing."""
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return positional > 0 or any(default is None for default in arguments.kw_defaults)
