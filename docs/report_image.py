"""Draw a small set of fruit, train on it, and take screenshots of its report and of the studio: docs/report.png and docs/studio.png.

    python docs/report_image.py FOLDER [--draw-only | --studio-only]

Every image is drawn by this script, so the screenshot may be shown anywhere. Needs Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 192
PER_CLASS = 120
GALLERY = 520
"""Height of the part of the gallery that is shown, in pixels."""
FRUITS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "apple": ((196, 40, 44), (150, 178, 58), (222, 120, 52), (228, 190, 80)),
    "lemon": ((240, 206, 50), (216, 200, 84), (150, 176, 60)),
    "orange": ((238, 140, 34), (222, 104, 40), (216, 170, 60)),
    "pear": ((178, 190, 70), (214, 192, 80), (196, 112, 62)),
}


def outline(fruit: str, angle: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Radius of a fruit at each angle (radians, 0 is down), as a share of its largest; shape (n,), float64."""
    if fruit == "lemon":
        return 0.74 + 0.26 * np.abs(np.cos(angle)) ** rng.uniform(4, 9)
    if fruit == "pear":
        return 0.62 + 0.2 * np.cos(angle) + rng.uniform(0.1, 0.2) * np.cos(2 * angle)
    if fruit == "apple":
        return 0.86 - rng.uniform(0.06, 0.16) * np.exp(-(((np.abs(angle) - np.pi) / 0.45) ** 2)) + 0.03 * np.cos(2 * angle)
    return np.full_like(angle, 0.84)


def draw_fruit(fruit: str, rng: np.random.Generator) -> Image.Image:
    """One image, SIDE x SIDE, RGB: a shaded fruit on a table, with a shadow."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    background = rng.uniform(120, 240, 3)
    pixels = background + (rng.uniform(-0.3, 0.3) * (y - SIDE / 2) + rng.uniform(-0.3, 0.3) * (x - SIDE / 2))[..., None]
    for _ in range(rng.integers(3, 9)):
        spot, radius = rng.uniform(0, SIDE, 2), rng.uniform(0.05, 0.35) * SIDE
        pixels += rng.normal(0, 45, 3) * (np.hypot(x - spot[0], y - spot[1]) < radius)[..., None]
    center, size = rng.uniform(0.3, 0.7, 2) * SIDE, rng.uniform(0.16, 0.42) * SIDE
    turn = rng.normal(0, 0.9)
    dx, dy = x - center[0], y - center[1]
    angle = np.arctan2(dx, dy) - turn
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    share = np.hypot(dx, dy) / (size * outline(fruit, angle, rng))
    shadow = np.exp(-(((x - center[0] - size / 3) / size) ** 2 + ((y - center[1] - size * 0.75) / (size / 2.4)) ** 2))
    pixels = pixels * (1 - 0.45 * shadow[..., None])
    light = np.clip(1 - 0.55 * share**2 - 0.25 * (dx + dy) / size, 0.25, 1.25)
    gloss = np.exp(-(((dx + size / 3) / (size / 6)) ** 2 + ((dy + size / 3) / (size / 6)) ** 2))
    color = np.array(FRUITS[fruit][rng.integers(len(FRUITS[fruit]))]) + rng.normal(0, 12, 3)
    skin = color * light[..., None] + 70 * gloss[..., None] + rng.normal(0, 6, (SIDE, SIDE, 1))
    pixels = np.where((share < 1)[..., None], skin, pixels)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if fruit in ("apple", "pear") and rng.random() < 0.8:
        _draw_stem(image, center, size, turn)
    if rng.random() < 0.5:
        _draw_leaf(image, center, size, rng)
    noise = rng.normal(0, rng.uniform(1, 9), (SIDE, SIDE, 3))
    image = image.filter(ImageFilter.GaussianBlur(float(rng.choice([0.4, 1.0, 2.0, 5.0], p=[0.4, 0.3, 0.2, 0.1]))))
    return Image.fromarray(np.clip(np.asarray(image) * rng.uniform(0.45, 1.1) + noise, 0, 255).astype(np.uint8))


def _draw_stem(image: Image.Image, center: np.ndarray, size: float, turn: float) -> None:
    up = np.array([-np.sin(turn), -np.cos(turn)])
    start, end = center + up * size * 0.62, center + up * size * 1.08 + (4, 0)
    ImageDraw.Draw(image).line([tuple(start), tuple(end)], fill=(88, 62, 40), width=max(3, round(size / 12)))


def _draw_leaf(image: Image.Image, center: np.ndarray, size: float, rng: np.random.Generator) -> None:
    side = round(size * rng.uniform(0.8, 1.6))
    leaf = Image.new("RGBA", (side, side))
    ImageDraw.Draw(leaf).ellipse((0, side / 3, side, side * 2 / 3), fill=(*(int(v) for v in rng.uniform((40, 90, 30), (90, 150, 70))), 255))
    leaf = leaf.rotate(rng.uniform(0, 180), expand=True)
    place = center + rng.normal(0, size / 2, 2) - leaf.width / 2
    image.paste(leaf, (round(place[0]), round(place[1])), leaf)


def draw_set(folder: Path) -> None:
    """Write PER_CLASS images of each fruit into class folders; the same bytes each time."""
    for number, fruit in enumerate(FRUITS):
        (folder / fruit).mkdir(parents=True, exist_ok=True)
        for index in range(PER_CLASS):
            rng = np.random.default_rng([number, index])
            draw_fruit(fruit, rng).save(folder / fruit / f"{fruit} {index:03}.jpg", quality=88)


def take_screenshot(page: Path, target: Path) -> None:
    """Save the summary and the gallery of a report below each other, 1280 pixels wide."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": 1280, "height": 3000}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.wait_for_timeout(2000)
        bottom = tab.locator("#summary").bounding_box()["y"] + tab.locator("#summary").bounding_box()["height"]
        gallery = tab.locator("#images").bounding_box()["y"]
        clips = [(0, bottom + 24), (gallery - 16, GALLERY)]
        parts = [tab.screenshot(clip={"x": 0, "y": top, "width": 1280, "height": height}) for top, height in clips]
        browser.close()
    images = [Image.open(io.BytesIO(part)).convert("RGB") for part in parts]
    whole = Image.new("RGB", (1280, sum(image.height for image in images)))
    for image, top in zip(images, (0, images[0].height), strict=True):
        whole.paste(image, (0, top))
    whole.quantize(256).save(target, optimize=True)


def take_studio_screenshot(folder: Path, run: str, target: Path) -> None:
    """Save the gallery of the studio with the mistakes of a run, one of them relabeled and one excluded."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "tellapart", "studio", "fruit", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as studio, sync_playwright() as playwright:
        found = re.search(r"(http://\S+)/open\S+", studio.stderr.readline() if studio.stderr else "")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
        tab.goto(found[0])
        tab.wait_for_url(f"{found[1]}/")
        tab.goto(f"{found[1]}/gallery?run={run}&show=mistakes&order=loss")
        tab.wait_for_selector(".card")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("x")
        tab.locator(".class-list .is-suggested").first.click()
        tab.wait_for_selector(".card.is-relabel")
        tab.locator(".card").first.click()
        tab.wait_for_timeout(2000)
        image = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        browser.close()
        studio.terminate()
    image.quantize(256).save(target, optimize=True)


def main() -> None:
    """Draw, train and take the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the images and the run go")
    parser.add_argument("--draw-only", action="store_true", help="draw the images, train nothing")
    parser.add_argument("--studio-only", action="store_true", help="take no screenshot of the report")
    options = parser.parse_args()
    draw_set(options.folder / "fruit")
    if options.draw_only:
        return
    import tellapart

    run = tellapart.train(options.folder / "fruit", out=options.folder / "runs")
    if not options.studio_only:
        take_screenshot(run.folder / "report.html", Path(__file__).parent / "report.png")
    take_studio_screenshot(options.folder, run.name, Path(__file__).parent / "studio.png")


if __name__ == "__main__":
    main()
