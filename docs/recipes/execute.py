"""Execute the notebooks of this folder without Jupyter, and write what they print into them: ``python docs/recipes/execute.py NAME ...``.

A cell that begins with ``%%bash`` is run by bash, every other one by this Python. All cells of a notebook run in one new
folder, which is deleted at the end. Only what a cell prints is kept; a cell that fails ends the notebook with an error.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MAGIC = "%%bash\n"


def execute(file: Path) -> None:
    """Run a notebook and rewrite it with its outputs, the time and the machine."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    started, names = time.monotonic(), {"__name__": "__main__"}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
            for number, cell in enumerate(cells, 1):
                text = run("".join(cell["source"]), names).replace(folder, ".")
                cell["execution_count"] = number
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []
        finally:
            os.chdir(before)
    seconds = round(time.monotonic() - started)
    notebook["metadata"]["executed"] = (
        f"in {seconds} s on {platform.machine()} with {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    file.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{file.name}: {seconds} s")


def run(source: str, names: dict[str, Any]) -> str:
    """What a cell prints.

    Raises:
        RuntimeError: a command failed; with what it said.
    """
    if source.startswith(MAGIC):
        shell = subprocess.run(["bash", "-euo", "pipefail", "-c", source.removeprefix(MAGIC)], capture_output=True, text=True, check=False)
        if shell.returncode:
            raise RuntimeError(f"{source}\n{shell.stdout}{shell.stderr}")
        return shell.stdout
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "<cell>", "exec"), names)  # noqa: S102  (our own notebooks)
    return printed.getvalue()


if __name__ == "__main__":
    chosen = [HERE / f"{name.removesuffix('.ipynb')}.ipynb" for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb"))
    for one in chosen:
        execute(one)
