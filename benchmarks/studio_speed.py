"""How fast the studio is with many images: start, first viewport, filters, nodes of the page, memory of the server, decisions.

Makes a folder of tiny images and looks at it with headless Chromium; everything is deleted afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = 10
KEYS = 1000
REPEATS = 7


def make(folder: Path, n: int) -> None:
    import simplejpeg

    rng = np.random.default_rng(0)
    for k in range(CLASSES):
        (folder / f"class {k}").mkdir(parents=True)
    for i in range(n):
        k = i % CLASSES
        noise = np.repeat(np.repeat(rng.integers(0, 60, (6, 8, 3)), 8, 0), 8, 1)
        pixels = np.clip(np.array([25 * k, 67 * k % 256, 255 - 20 * k]) + noise - 30, 0, 255).astype(np.uint8)
        (folder / f"class {k}" / f"image {i:06}.jpg").write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=80))


class Asker:
    """Asks the studio with the key."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.address, self.token = port, f"http://127.0.0.1:{port}", token

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """The answer, from JSON."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)) as connection:
            connection.request(method, path, None if content is None else json.dumps(content), headers)
            return json.loads(connection.getresponse().read())


@contextmanager
def studio(folder: Path, work: Path) -> Iterator[tuple[Asker, int, float, float]]:
    """A running studio: whom to ask, its process, seconds until it listened, and until the folder was there."""
    command = [sys.executable, "-m", "tellapart", "studio", str(folder), "--port", "0", "--json"]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work) as process:
        assert process.stderr is not None
        found = re.search(r":(\d+)/open\?token=(\S+)", process.stderr.readline())
        assert found is not None
        asker = Asker(int(found[1]), found[2])
        while True:
            try:
                status = asker.ask("GET", "/api/status")
                break
            except OSError:
                time.sleep(0.005)
        listening = time.perf_counter() - begin
        while not status["is_ready"]:
            time.sleep(0.01)
            status = asker.ask("GET", "/api/status")
        try:
            yield asker, process.pid, listening, time.perf_counter() - begin
        finally:
            process.terminate()
            process.wait()


def memory(pid: int) -> tuple[float, float]:
    """MB that a process holds now, and held at most."""
    text = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index,return-value]


SHOWN = """() => {
  const grid = document.querySelector(".grid-view");
  if (!grid) return null;
  const box = grid.getBoundingClientRect();
  const seen = [...grid.querySelectorAll(".card img")].filter((img) => {
    const own = img.getBoundingClientRect();
    return own.bottom > box.top && own.top < box.bottom;
  });
  return seen.length && seen.every((img) => img.complete && img.naturalWidth) ? performance.now() : null;
}"""
CHANGE = """([key, value]) => {
  const select = document.querySelector(`[data-filter=${key}] select`);
  const begin = performance.now();
  select.value = value;
  select.dispatchEvent(new Event("change"));
  return new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now() - begin)));
}"""
FIND = """(words) => {
  const field = document.querySelector("input[type=search]");
  const begin = performance.now();
  field.value = words;
  field.dispatchEvent(new Event("input"));
  return new Promise((resolve) => {
    const isThere = () => document.querySelector(".status").textContent.startsWith("10 of");
    const look = () => isThere() ? resolve(performance.now() - begin) : requestAnimationFrame(look);
    look();
  });
}"""
KEYED = """(n) => new Promise((resolve) => {
  const grid = document.querySelector(".grid-view");
  const waits = [];
  const press = () => {
    if (waits.length === n) return resolve(waits);
    const begin = performance.now();
    grid.dispatchEvent(new KeyboardEvent("keydown", { key: String(1 + (waits.length % 9)), bubbles: true }));
    requestAnimationFrame(() => { waits.push(performance.now() - begin); press(); });
  };
  press();
})"""


def until_shown(page: Any) -> float:
    while (shown := page.evaluate(SHOWN)) is None:
        time.sleep(0.005)
    return float(shown)


def look(asker: Asker, n: int) -> dict[str, float]:
    """What a person at the screen would measure, in ms."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{asker.address}/open?token={asker.token}")
        page.wait_for_url(f"{asker.address}/")
        found = {}
        for name in ("first viewport, nothing in the browser's cache", "first viewport, again"):
            page.goto(f"{asker.address}/gallery")
            found[name] = until_shown(page)
        page.locator(".status", has_text=f"{n:,} of").wait_for()
        page.wait_for_timeout(1000)
        filters = [page.evaluate(CHANGE, ["class", f"class {k % CLASSES}"]) for k in range(REPEATS)]
        found["filter by class, median"], found["filter by class, longest"] = statistics.median(filters), max(filters)
        page.evaluate(CHANGE, ["class", ""])
        found["order by name, first time"] = page.evaluate(CHANGE, ["order", "name"])
        found["words in names, with 120 ms of waiting for the next letter"] = (
            page.evaluate(FIND, f"image {n // 20:06}"[:-1]) if n > 20 else 0
        )
        page.evaluate(FIND.replace('startsWith("10 of")', f'startsWith("{n:,} of")'), "")
        page.locator(".grid-view").focus()
        begin = time.perf_counter()
        page.keyboard.press("End")
        until_shown(page)
        found["jump to the end, thumbnails shown"] = 1000 * (time.perf_counter() - begin)
        found["nodes of the page"] = page.evaluate("document.querySelectorAll('*').length")
        page.keyboard.press("Home")
        waits = page.evaluate(KEYED, KEYS)
        begin = time.perf_counter()
        before = -1
        while (seq := asker.ask("GET", "/api/changes?since=1000000000")["seq"]) != before:
            before = seq
            time.sleep(0.2)
        found[f"{KEYS:,} keys: page blocked, median"] = statistics.median(waits)
        found[f"{KEYS:,} keys: page blocked, longest"] = max(waits)
        found["all written, after the last key"] = 1000 * (time.perf_counter() - begin) - 200
        chromium.close()
    return found


def decide(asker: Asker, n: int) -> dict[str, float]:
    """Milliseconds of decisions, from request to confirmed answer."""
    version = asker.ask("GET", "/api/index")["version"]

    def timed(path: str, content: Any) -> float:
        begin = time.perf_counter()
        answer = asker.ask("POST", path, content)
        assert answer.get("batch"), answer
        return 1000 * (time.perf_counter() - begin)

    def relabel(rows: list[int], label: str) -> float:
        seq = asker.ask("GET", "/api/changes?since=1000000000")["seq"]
        return timed("/api/decisions", {"version": version, "seq": seq, "choices": [{"action": "relabel", "rows": rows, "label": label}]})

    many = [relabel(list(range(1000 * k, 1000 * k + 500)), f"new {k}") for k in range(min(REPEATS, n // 1000))]
    single = [relabel([n - 1 - k], "one") for k in range(50)]
    return {
        "relabel 500, median": statistics.median(many),
        "relabel 500, longest": max(many),
        "one decision, median": statistics.median(single),
        "one decision, longest": max(single),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="a folder that was made by this script before; by default one is made and deleted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        folder = options.folder or work / "photos"
        if options.folder is None:
            os.environ["TELLAPART_CACHE"] = str(work / "cache")
            make(folder, options.images)
            with studio(folder, work) as (_, _, _, ready):
                print(f"the first time, every image read: {ready:.1f} s")
        with studio(folder, work) as (asker, pid, listening, ready):
            print(f"listening after {listening:.2f} s, the folder there after {ready:.2f} s")
            print("server: {:.0f} MB, at most {:.0f} MB".format(*memory(pid)))
            figures = {**decide(asker, options.images), **look(asker, options.images)}
            for name, value in figures.items():
                print(f"{name}: {value:,.1f}{'' if name.startswith('nodes') else ' ms'}")
            print("server at the end: {:.0f} MB, at most {:.0f} MB".format(*memory(pid)))
        print(f"load average {os.getloadavg()[0]:.1f}")
        (folder / ".tellapart" / "decisions.jsonl").unlink()


if __name__ == "__main__":
    main()
