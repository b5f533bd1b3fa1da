"""Run folders made once for all tests of the report, and a Chromium to open what is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tellapart.reports import report_view, write_report

from .synthetic import NASTY, as_ladder, as_network, class_names, thumbnails_of, write_run

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two classes with its report."""
    return reported(write_run(tmp_path_factory.mktemp("runs") / "two", n_test=400, n_train=800))


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Classes whose names try to break out of the page, reported on val."""
    return reported(write_run(tmp_path_factory.mktemp("runs") / "nasty", names=NASTY, n_test=120, n_train=240, sharpness=3, part="val"))


@pytest.fixture(scope="session")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty classes."""
    return reported(write_run(tmp_path_factory.mktemp("runs") / "sixty", names=class_names(60), n_test=900, n_train=1200, sharpness=4.5))


@pytest.fixture(scope="session")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fine-tuning with five folds."""
    return reported(as_network(write_run(tmp_path_factory.mktemp("runs") / "folds", n_test=200, n_train=400)))


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ladder of eight rungs whose class names try to break out of the page."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "ladder", names=NASTY, n_test=120, n_train=240, sharpness=3)
    return reported(as_ladder(as_network(folder)))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 reported images of four classes."""
    return reported(write_run(tmp_path_factory.mktemp("runs") / "large", names=class_names(4), n_test=10_000, n_train=4000, sharpness=4))


@pytest.fixture(scope="session")
def view(two: Path) -> dict[str, Any]:
    return report_view(two, thumbnails_of(two))


def reported(folder: Path) -> Path:
    write_report(folder, thumbnails_of(folder))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, or the test is skipped. A loop runs in this thread while it is open, so it closes with its module."""
    path = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on PATH (chromium, chromium-browser or google-chrome)")
    sync_playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").sync_playwright
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()
