"""How long a report takes to open in headless Chromium, and how many elements its gallery holds.

    python benchmarks/report_opening.py [--images 5000]

Opens the page from disk five times; says when the first pixels and the gallery's first images are there (medians).
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

from tellapart.reports import write_report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.reports.synthetic import thumbnails_of, write_run

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"


def opened(browser: Any, page_file: Path, selector: str) -> tuple[float, float, int]:
    """Seconds to the first paint and to the first image, and the number of elements matching ``selector``'s parent."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_file.as_uri(), wait_until="commit")
    page.wait_for_selector(selector, state="attached", timeout=30_000)
    shown = page.evaluate("() => performance.now()") / 1000
    page.wait_for_load_state("load")
    painted = page.evaluate(PAINTED) / 1000
    elements = page.evaluate("() => document.querySelectorAll('*').length")
    page.close()
    return painted, shown, elements


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    chosen = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no Chromium on the path")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = write_run(Path(folder) / "run", n_test=chosen.images)
        report = write_report(run, thumbnails_of(run))
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        found = [opened(browser, report, "#grid .card img") for _ in range(6)][1:]
        browser.close()
        size = report.stat().st_size / 1e6
    painted, shown, elements = (statistics.median(values) for values in zip(*found, strict=True))
    print(
        f"{chosen.images:,} images, {size:.1f} MB, {elements:.0f} elements in the page:"
        f" first paint after {painted:.2f} s, first image of the gallery after {shown:.2f} s"
    )


if __name__ == "__main__":
    main()
