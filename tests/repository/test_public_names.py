"""No two modules of jobs_api use one public name of a class, a constant or a function for two things."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

CODE: Final = Path(__file__).parents[2] / "layers/shared/python/jobs_api"
# Each module has its own of these: they mean the same everywhere, or are a setting of that module alone.
IN_SEVERAL: Final = frozenset(
    {"ATTEMPTS", "CONNECTIONS", "ENTRIES_PER_CALL", "LEASE", "LIMIT", "Object", "PAGE", "Span", "T"}
    | {"TIMEOUT_SECONDS", "WORKERS", "logger"}
)
# Each channel has a module of this name with the same functions, the steps of a delivery.
CHANNEL: Final = re.compile(r"notifications/\w+/sending\.py")
# Callers write these with the module before them (`schedule.parse`), and each means the same everywhere: the readers of
# each kind of log, `decide` of each pure decision, `find` and `read`.
QUALIFIED: Final = frozenset(
    {
        "client",
        "decide",
        "ended",
        "errors",
        "failures",
        "find",
        "parse",
        "post",
        "publish",
        "read",
        "recognizes",
        "split",
    }
)


def names_of(tree: ast.Module) -> Iterator[str]:
    """Yield the public classes, types and constants of a module."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.TypeAlias(name=ast.Name(id=name)):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def functions_of(tree: ast.Module) -> Iterator[str]:
    """Yield the functions of a module."""
    yield from (node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def alike(names: Callable[[ast.Module], Iterator[str]]) -> dict[str, set[str]]:
    """Return the public names that several modules define, with these modules."""
    modules = defaultdict(set)
    for file in sorted(CODE.rglob("*.py")):
        for name in names(ast.parse(file.read_text())):
            if not name.startswith("_"):
                modules[name].add(CHANNEL.sub("notifications/*/sending.py", str(file.relative_to(CODE))))
    return {name: where for name, where in modules.items() if len(where) > 1}


def test_no_two_modules_use_a_public_name_for_two_things() -> None:
    found = alike(names_of)

    assert found.keys() - IN_SEVERAL == set(), found


def test_no_two_modules_have_a_public_function_of_one_name() -> None:
    found = alike(functions_of)

    assert found.keys() - QUALIFIED == set(), found


def test_no_name_is_allowed_twice_without_need() -> None:
    assert alike(functions_of).keys() >= QUALIFIED - {"client"}
