"""The source of a function as a syntax tree, where it can be had.

Touches: the source files of the functions.
"""

import ast
import inspect
from types import CodeType

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def definition_of(code: CodeType) -> Definition | None:
    """The definition that a code object was compiled from, with its lines as in its file.

    None where the source cannot be had, or is no longer that: a lambda, an interactive session, a
    file that has changed since it was imported.
    """
    try:
        lines, first = inspect.getsourcelines(code)
        is_indented = lines[0][:1].isspace()
        # A block keeps its indentation, and texts of several lines stay as they are.
        tree = ast.parse("if 1:\n" + "".join(lines) if is_indented else "".join(lines))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, Definition) and node.name == code.co_name:
            ast.increment_lineno(tree, first - 1 - is_indented)
            return node
    return None
