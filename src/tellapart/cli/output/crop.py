"""What cropping has to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import first_lines, several, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count


def crop_output(found: dict[str, Any]) -> Answer:
    """How many crops are kept, who is on them, what was left out and why, what cropping is worth, and where to look."""
    kept = "written" if found["out"] else "would be kept"
    head = f"{found['crops']:,} crops of {found['photos']:,} photos {kept}"
    lines: list[Line] = [f"{head}; {count(found['set_aside'], 'photo')} set aside, {found['not_found']:,} with nothing found"]
    for label, sizes in found["people"].items():
        if sizes:
            lines.append(f"  {label}: {several([f'a person on {size:,} photos' for size in sizes])}")
    if left_out := found["left_out"]:
        lines.append(f"{len(left_out):,} could not be read:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in left_out.items()])
    if (score := found["score"]) is not None:
        whole, crops = (100 * score[name]["value"] for name in ("whole_photos", "crops"))
        lines.append(f"a quick probe: {whole:.1f} % on whole photos, {crops:.1f} % on crops; {score['verdict']}")
    lines.append(Styled(shown(Path(found["sheet"])), before="contact sheet: ", bold=True))
    if found["out"]:
        lines.append(Styled(shown(Path(found["out"])), before="crops: ", bold=True))
    else:
        lines.append("nothing else was written; --out DIR keeps the crops")
    return lines, found
