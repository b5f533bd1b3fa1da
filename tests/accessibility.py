"""axe-core in a page: what it finds that is serious. A development dependency; without it the tests skip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
FINDINGS = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const isSerious = ({ impact }) => impact === "serious" || impact === "critical";
  return found.violations.filter(isSerious).map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0].html.slice(0, 200)}`);
}"""
SCREENS = [
    {"viewport": {"width": 1280, "height": 720}, "color_scheme": "light"},
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
]


def serious_findings(page: Any) -> list[str]:
    """The serious and critical findings of axe-core in a page; skips the test where it isn't installed."""
    if not AXE.is_file():
        pytest.skip("no axe-core: npm install")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return list(page.evaluate(FINDINGS))
