"""How fast the map page is with many points: first paint, hover, zoom, choosing, and its size.

    python benchmarks/explore_page.py [--points 100000]

Opens the page from disk five times in headless Chromium (medians); then moves the pointer over the map some hundreds of
times and measures each move from its event to the end of the frame that shows it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tellapart.reports.explore_page import write_exploration

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.report_opening import FLAGS, PAINTED
from tests.reports.synthetic_exploration import exploration_view, thumbnails_of_exploration

MOVES = 400
NOTED = """
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    window.drawnAt ??= performance.now();
    return put.apply(this, given);
  };
"""
HOVER = """(moves) => new Promise((told) => {
  const canvas = document.querySelector("[data-map=frame] canvas");
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const tip = document.querySelector(".tip");
  const [handler, frame] = [[], []];
  let [seed, shown] = [1, 0];
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
  const move = () => {
    if (handler.length === moves) return told({ handler, frame, shown });
    const start = performance.now();
    const [clientX, clientY] = [left + width * (0.15 + 0.7 * random()), top + height * (0.15 + 0.7 * random())];
    canvas.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    handler.push(performance.now() - start);
    shown += tip.hidden ? 0 : 1;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { frame.push(performance.now() - start); requestAnimationFrame(move); };
    requestAnimationFrame(() => 0);
    port2.postMessage(0);
  };
  requestAnimationFrame(move);
})"""
ZOOM = """() => new Promise((told) => {
  const canvas = document.querySelector("[data-map=frame] canvas");
  const waits = [];
  const step = () => {
    if (waits.length === 20) return told(waits);
    const [before, start] = [canvas.dataset.drawn, performance.now()];
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: waits.length % 2 ? "-" : "+", bubbles: true }));
    const look = () => (canvas.dataset.drawn === before ? requestAnimationFrame(look) : (waits.push(performance.now() - start), step()));
    look();
  };
  step();
})"""
CHOOSE = """() => {
  const canvas = document.querySelector("[data-map=frame] canvas");
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const tell = (kind, t) => canvas.dispatchEvent(new PointerEvent(kind, {
    clientX: left + width * (0.5 + 0.3 * Math.cos(t)), clientY: top + height * (0.5 + 0.3 * Math.sin(t)),
    shiftKey: true, button: 0, pointerId: 1, bubbles: true,
  }));
  canvas.setPointerCapture = () => 0;
  tell("pointerdown", 0);
  for (let t = 0; t < 6.2; t += 0.05) tell("pointermove", t);
  const start = performance.now();
  tell("pointerup", 6.2);
  return performance.now() - start;
}"""


def opened(browser: Any, page_file: Path) -> tuple[float, float]:
    """Seconds to the first paint and to the map's points."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(NOTED)
    page.goto(page_file.as_uri(), wait_until="commit")
    page.wait_for_selector("[data-bar=counts]:not(:empty)", timeout=60_000)
    drawn = page.evaluate("() => window.drawnAt") / 1000
    painted = page.evaluate(PAINTED) / 1000
    page.close()
    return painted, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    chosen = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no Chromium on the path")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        view = exploration_view(n=chosen.points, k=20)
        page_file = write_exploration(Path(folder), view, thumbnails_of_exploration(view))
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        found = [opened(browser, page_file) for _ in range(6)][1:]
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        page.wait_for_selector("[data-bar=counts]:not(:empty)", timeout=60_000)
        page.locator("[data-map=frame]").scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        hover, zoom, choose = page.evaluate(HOVER, MOVES), page.evaluate(ZOOM), page.evaluate(CHOOSE)
        many = page.locator("[data-chosen=count]").inner_text()
        browser.close()
        size = page_file.stat().st_size / 1e6
    painted, drawn = (statistics.median(values) for values in zip(*found, strict=True))
    print(f"{chosen.points:,} points, {size:.1f} MB: first paint after {painted:.2f} s, points drawn after {drawn:.2f} s")
    for name in ("handler", "frame"):
        times = sorted(hover[name])
        most = times[int(0.99 * len(times))]
        print(f"hover, {name}: median {statistics.median(times):.1f} ms, 99 % below {most:.1f}, worst {times[-1]:.1f}")
    print(f"of {MOVES} moves {hover['shown']} showed an image; zoom: median {statistics.median(zoom):.0f} ms, worst {max(zoom):.0f} ms")
    print(f"drawing around: {many} after {choose:.0f} ms")


if __name__ == "__main__":
    main()
