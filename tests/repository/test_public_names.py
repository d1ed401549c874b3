"""No two modules of jobs_api use one public name of a class or a constant for two things."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CODE: Final = Path(__file__).parents[2] / "layers/shared/python/jobs_api"
# Each module has its own of these: they mean the same everywhere, or are a setting of that module alone.
IN_SEVERAL: Final = frozenset(
    {"ATTEMPTS", "CONNECTIONS", "Clock", "ENTRIES_PER_CALL", "LEASE", "LIMIT", "Object", "PAGE", "Span", "T"}
    | {"TIMEOUT_SECONDS", "WORKERS", "logger"}
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


def test_no_two_modules_use_a_public_name_for_two_things() -> None:
    modules = defaultdict(list)
    for file in sorted(CODE.rglob("*.py")):
        for name in names_of(ast.parse(file.read_text())):
            if not name.startswith("_"):
                modules[name].append(str(file.relative_to(CODE)))

    alike = {name: where for name, where in modules.items() if len(where) > 1}
    assert alike.keys() - IN_SEVERAL == set(), alike
