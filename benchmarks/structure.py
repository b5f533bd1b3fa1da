"""Count the structure of the package: modules, functions, parameters, circles of imports, modules with one importer, untyped returns.

python benchmarks/structure.py [SOURCE]
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LONG, MANY, UNTYPED = 40, 8, "dict[str, Any]"
REGISTERED = ("tellapart.commands.", "tellapart.cli.output.", "tellapart.collection.sources.")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path, source: Path) -> str:
    parts = path.relative_to(source.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Modules of the package that a module imports, inside functions and for types included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from ([full] if full in known else [node.module] if node.module in known else [])
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def lines_of(function: Function) -> tuple[int, int]:
    """Lines with and without the docstring."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    return whole, whole - ((first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) is not None else 0)


def parameters_of(function: Function) -> int:
    given = function.args
    return sum(one.arg not in ("self", "cls") for one in given.posonlyargs + given.args + given.kwonlyargs)


def main() -> None:
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "src/tellapart")
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(source.rglob("*.py"))}
    names = {module_name(path, source): path for path in trees}
    sizes = [len(path.read_text(encoding="utf-8").splitlines()) for path in trees if path.name != "__init__.py"]
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function)]
    lengths, parameters = [lines_of(one) for one in functions], [parameters_of(one) for one in functions]
    print(f"modules: {len(sizes)}, median {statistics.median(sizes):g} lines, longest {max(sizes)}")
    print(f"functions: {len(functions)}, {sum(whole > LONG for whole, _ in lengths)} of more than {LONG} lines,", end=" ")
    print(f"longest {max(lengths)[0]}, without docstring {max(code for _, code in lengths)}")
    print(f"most parameters: {max(parameters)}, {sum(count > MANY for count in parameters)} functions with more than {MANY}")
    print(
        f"functions whose return type mentions {UNTYPED}: {sum(UNTYPED in ast.unparse(one.returns or ast.Name('')) for one in functions)}"
    )
    imported = {name: set(imports_of(trees[path], set(names))) - {name} for name, path in names.items()}
    importers = Counter(target for targets in imported.values() for target in targets)
    exported = {target for name, targets in imported.items() if names[name].name == "__init__.py" for target in targets}
    single = [name for name, path in names.items() if importers[name] == 1 and path.name != "__init__.py"]
    others = [name for name in single if not name.startswith(REGISTERED) and name not in exported]
    print(f"modules with one importer: {len(single)}, {len(others)} without commands, sources and what an __init__.py re-exports")
    try:
        TopologicalSorter(imported).prepare()
        print("circles of imports: none")
    except CycleError as error:
        print(f"circles of imports: {' -> '.join(error.args[1])}")


if __name__ == "__main__":
    main()
