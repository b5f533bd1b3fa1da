"""How long a review page takes to open in headless Chromium, how large it is, and whether scrolling shows blanks.

    python benchmarks/review_opening.py [--rows 10000]

Opens the page from disk five times (medians); then jumps through 10,000 images as fast as frames come, and counts the
frames in which a card in sight has no image yet, and the longest wait for a frame.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tellapart.reports.review_page import write_review

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.report_opening import FLAGS, opened
from tests.reports.synthetic_review import review_view, thumbnails_of_view

SCROLL = """() => new Promise((told) => {
  const root = document.getElementById("grid");
  const [waits, steps] = [[], 120];
  let [step, blank, before] = [0, 0, performance.now()];
  const isBlank = (card) => {
    const [{ top, bottom }, box] = [card.getBoundingClientRect(), root.getBoundingClientRect()];
    return bottom > box.top && top < box.bottom && [...card.querySelectorAll("img")].some((img) => !img.complete || !img.naturalWidth);
  };
  const tick = () => {
    const now = performance.now();
    waits.push(now - before);
    before = now;
    if ([...root.querySelectorAll(".card")].some(isBlank)) blank += 1;
    if (step === steps) return told({ blank, frames: steps, longest: Math.max(...waits.slice(2)) });
    step += 1;
    root.scrollTop = (step / steps) * (root.scrollHeight - root.clientHeight);
    requestAnimationFrame(() => requestAnimationFrame(tick));
  };
  requestAnimationFrame(tick);
})"""

DECIDE = """() => {
  const start = performance.now();
  document.querySelector("[data-look=whole] button").click();
  return performance.now() - start;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    chosen = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no Chromium on the path")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        view = review_view(each=chosen.rows * 3 // 5 // 6, groups=chosen.rows * 2 // 5 // 18)
        page_file = write_review(Path(folder), view, thumbnails_of_view(view))
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        found = [opened(browser, page_file, "#grid .card") for _ in range(6)][1:]
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        page.locator("[data-open=mislabeled]").click()
        scrolled = page.evaluate(SCROLL)
        decided = page.evaluate(DECIDE)
        browser.close()
        size = page_file.stat().st_size / 1e6
    painted, shown, elements = (statistics.median(values) for values in zip(*found, strict=True))
    print(
        f"{len(view['rows']):,} rows, {size:.1f} MB, {elements:.0f} elements:"
        f" first paint after {painted:.2f} s, first card after {shown:.2f} s;"
        f" scrolling: {scrolled['blank']} of {scrolled['frames']} frames with a blank,"
        f" longest wait for a frame {scrolled['longest']:.0f} ms; deciding about a whole finding {decided:.0f} ms"
    )


if __name__ == "__main__":
    main()
