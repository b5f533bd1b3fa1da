"""The law of the house (docs/concepts/architecture.md): imports go down only, in no circle, and heavy packages load on use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

import tellapart

SOURCE = Path(tellapart.__file__).parent

LEVELS = (
    (
        *("version", "errors", "counts", "durations", "array_types", "options", "results", "progress"),
        *("cache_dir", "printable", "shared_options", "atomic_files", "sqlite", "concurrency", "csv_writer", "json_files", "parquet_files"),
        "large_arrays",
    ),
    (
        "calibration",
        "conformal",
        "images",
        "dataset",
        "features",
        "predictions",
        "decision_rule",
        "interval",
        "part_metrics",
        "run_metrics",
        "autoencoder_metrics",
        "run_folder",
    ),
    ("augmentation", "collection", "curation", "dataset_export", "evaluation", "exploration", "kaggle", "models"),
    ("feature_spec", "feature_extraction", "predictor", "analyzed_folder", "output_guards", "onnx_predictor", "model_export"),
    ("training",),
    ("cropping", "reports"),
    ("workflows",),
    ("server",),
    ("classifier", "commands"),
    ("cli",),
    ("__main__",),
)
IN_ORDER = (0, 1, 3)
"""Levels whose rooms may use the rooms named before them; in the other levels rooms never meet."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

TORCH = {"torch", "torchvision", "timm", "safetensors.torch"}
TORCH_ROOMS = {"augmentation", "models", "training"}
CLIENTS = {"socket", "urllib.request", "http", "requests", "aiohttp", "httpx", "playwright"}
WEB = {"starlette", "uvicorn", "python_multipart"}
NETWORK = {"collection": WEB, "server": CLIENTS - {"socket"}}
"""By room, what of both it must not import; every other room may import none."""
LAZY = {
    "obstore",
    "playwright",
    "cv2",
    "pandas",
    "pyarrow",
    "sklearn",
    "jinja2",
    "rich",
    "simplejpeg",
    "scipy",
    "threadpoolctl",
    "onnx",
    "onnxruntime",
    "openTSNE",
    "umap",
}
SKLEARN_MODULES = {"classifier.py"}


def modules() -> list[str]:
    return sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(module: str, *, at_load: bool = False) -> Iterator[str]:
    """Full names of what a module imports; ``at_load``: only what runs when the module is loaded."""
    tree = parsed(SOURCE / module)
    package = ("tellapart", *Path(module).parent.parts)
    for node in _loaded(tree) if at_load else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "import_module":
            argument = node.args[0]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def _loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        yield child
        yield from _loaded(child)


def room_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "tellapart" and len(parts) > 1 and parts[1] in {*LEVEL, *rooms()} else None


@cache
def rooms() -> set[str]:
    return {Path(module).parts[0].removesuffix(".py") for module in modules()} - {"__init__"}


def forbidden(module: str, name: str) -> str | None:
    """What is wrong with a module importing a name, or None."""
    own, other = Path(module).parts[0].removesuffix(".py"), room_of(name)
    if own == "__init__" or other is None or own == other:
        return None
    here, there = LEVEL[own], LEVEL[other]
    if there > here:
        return f"{module} imports {name}, which lies above it"
    if there == here and here not in IN_ORDER:
        return f"{module} imports {name}, its sibling"
    if there == here and LEVELS[here].index(other) > LEVELS[here].index(own):
        return f"{module} imports {name}, which is named after it"
    return None


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports, in order; empty where there is none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for other in sorted(imports.get(module, ())):
            if found := visit(other, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(imports) if (found := visit(module, []))), [])


def module_imports() -> dict[str, set[str]]:
    """By module, the other modules it imports anywhere: at the top, in functions, for types."""
    names = {module: ".".join(("tellapart", *Path(module).with_suffix("").parts)).removesuffix(".__init__") for module in modules()}
    known = set(names.values())
    found: dict[str, set[str]] = {}
    for module, own in names.items():
        parts = [name if name in known else name.rpartition(".")[0] for name in imported(module)]
        found[own] = {name for name in parts if name in known and name != own}
    return found


def is_of(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_every_room_has_its_level() -> None:
    assert rooms() <= LEVEL.keys()


def test_imports_go_down_and_siblings_never_meet() -> None:
    assert [found for module in modules() for name in imported(module) if (found := forbidden(module, name))] == []


def test_no_import_goes_in_a_circle() -> None:
    assert circle(module_imports()) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_heavy_packages_are_loaded_only_where_they_are_used() -> None:
    """torch at the top of a module only where networks run, scikit-learn only in the classifier, other slow ones nowhere."""
    found = []
    for module in modules():
        allowed = {*(TORCH if Path(module).parts[0] in TORCH_ROOMS else ()), *({"sklearn"} if module in SKLEARN_MODULES else ())}
        loaded = {name for name in imported(module, at_load=True) if is_of(name, TORCH | LAZY)}
        found += [f"{module} loads {name}" for name in loaded if not is_of(name, allowed)]
    assert found == []


def test_only_collecting_and_serving_speak_to_the_network_and_nothing_unpickles() -> None:
    found = []
    for module in modules():
        banned = {"pickle", *NETWORK.get(Path(module).parts[0], CLIENTS | WEB)}
        found += [f"{module} imports {name}" for name in imported(module) if is_of(name, banned)]
    assert found == []


def test_the_library_never_prints_exits_or_asks() -> None:
    found = []
    for module in modules():
        if module.startswith("cli/"):
            continue
        tree = ast.parse((SOURCE / module).read_text(encoding="utf-8"))
        calls = {getattr(node.func, "id", "") for node in ast.walk(tree) if isinstance(node, ast.Call)}
        found += [f"{module} calls {name}" for name in calls & {"print", "exit", "quit", "input", "breakpoint"}]
        found += [f"{module} imports click" for name in imported(module) if is_of(name, {"click"})]
    assert found == []


def test_the_page_and_its_picture_name_every_room() -> None:
    """And no other: the first column of names in the table of levels, and the boxes of the picture; the page names packages in rooms."""
    concepts = SOURCE.parents[1] / "docs" / "concepts"
    page = (concepts / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| level |")[2].partition("\n\n")[0]
    named = [name.strip("/") for line in table.splitlines() for name in re.findall(r"`(\w+/?)`", "|".join(line.split("|")[1:3]))]
    boxes = re.findall(r'<text class="small"[^>]*>([^<]*)', (concepts / "levels.svg").read_text(encoding="utf-8"))
    drawn = [name for box in boxes for name in re.split(r",\s*", box.strip(" ,"))]
    assert sorted(named) == sorted(drawn) == sorted(LEVEL)
    assert [path.parent.name for path in sorted(SOURCE.glob("*/*/__init__.py")) if f"{path.parent.name}/" not in page] == []


def test_what_is_public_returns_records_and_typed_mappings() -> None:
    """``as_dict`` alone makes plain dictionaries, for ``--json`` and files."""
    untyped = [
        f"{module}: {name}" for module in modules() for name, returned in _public_functions(parsed(SOURCE / module)) if ANY in returned
    ]
    assert untyped == []


ANY = "dict[str, Any]"


def _public_functions(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Name and return annotation of each public function and method."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public_functions(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_") and node.name != "as_dict":
            yield node.name, ast.unparse(node.returns) if node.returns else ""


def test_what_benchmarks_and_examples_import_exists() -> None:
    """Code in a string, for a process of its own, and imports inside functions included."""
    top = SOURCE.parents[1]
    missing = []
    for path in sorted([*(top / "benchmarks").rglob("*.py"), *(top / "examples").rglob("*.py")]):
        for code in (parsed(path), *_code_in_strings(parsed(path))):
            missing += [f"{path.relative_to(top)}: {name}" for name in _imports_of_ours(code) if not _exists(*name)]
    assert missing == []


def _imports_of_ours(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of everything that is imported from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tellapart":
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("tellapart.")]
            yield from ((name.rpartition(".")[0], name.rpartition(".")[2]) for name in names)


def _code_in_strings(tree: ast.AST) -> Iterator[ast.Module]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"^(from|import) tellapart", node.value, re.M):
            with suppress(SyntaxError):
                yield ast.parse(node.value)


def _exists(module: str, name: str) -> bool:
    """Whether a module of the package binds a name at its top, or has a module of that name beneath it."""
    place = SOURCE.parent.joinpath(*module.split("."))
    file = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
    if (place / f"{name}.py").is_file() or (place / name).is_dir():
        return True
    if not file.is_file():
        return False
    bound = {getattr(node, "name", None) for node in parsed(file).body}
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ImportFrom | ast.Import):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    return name in bound or module == "tellapart"


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("images/decoding.py", "tellapart.models.heads", "above"),
        ("dataset/file_rows.py", "tellapart.run_folder.Run", "after"),
        ("curation/near_duplicates.py", "tellapart.models.heads", "sibling"),
        ("commands/train.py", "tellapart.cli.app", "above"),
        ("atomic_files.py", "tellapart.dataset.Dataset", "above"),
        ("classifier.py", "tellapart.commands.train", "sibling"),
    ],
)
def test_the_law_itself_forbids(module: str, name: str, said: str) -> None:
    assert said in str(forbidden(module, name))


def test_the_law_sees_every_kind_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "atomic_files.py").write_text(
        "import tellapart.commands\nfrom .cli import app\nfrom . import run_folder\n"
        "def f():\n    from tellapart.models import saved\n    import_module('tellapart.training.linear_probe')\n"
    )
    monkeypatch.setitem(globals(), "SOURCE", tmp_path)
    assert {room_of(name) for name in imported("atomic_files.py")} == {"commands", "cli", "run_folder", "models", "training"}
    assert {room_of(name) for name in imported("atomic_files.py", at_load=True)} == {"commands", "cli", "run_folder"}
