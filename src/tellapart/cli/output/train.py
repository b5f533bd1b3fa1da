"""What a verb's result looks like as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.cli.columns import aligned
from tellapart.cli.intervals import number, share
from tellapart.cli.listing import SHOWN_ROWS, first_lines, several, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count
from tellapart.durations import in_words

if TYPE_CHECKING:
    from tellapart.commands.submit import Submission
    from tellapart.evaluation import Comparison
    from tellapart.predictor import PredictedFiles
    from tellapart.runs import Run

PART_WORDS = {"test": "test images, never seen in training", "val": "images of your validation folder"}
LADDER_HEAD = ("", "accuracy (95 %)", "log loss (95 %)", "gain", "p", "time", "images/s", "put right", "got wrong")


def of_train(run: Run) -> Answer:
    """The rungs of each reported part, what the split and more data would change, and where the report lies."""
    metrics = run.metrics
    lines: list[Line] = []
    for part in ("test", "val"):
        if part in metrics:
            lines += _rungs(part, metrics[part])
    data = metrics["data"]
    lines.append(
        f"{data['used']:,} of {data['files']:,} files used; {data['unreadable']:,} unreadable,"
        f" {data['set_aside']:,} set aside (reasons in the report)"
    )
    lines += _training(metrics) + _other_splits(metrics) + _more_data(metrics) + _leak(metrics["leak"])
    lines += [f"model:  {shown(run.model_folder)}", Styled(shown(run.report), before="report: ", bold=True)]
    return lines, run.summary()


def of_ladder(run: Run) -> Answer:
    """Each rung with its intervals, what it gains and costs, and how many images it put right or got wrong; and which one was saved."""
    metrics = run.metrics
    lines: list[Line] = []
    for part in PART_WORDS:
        if part in metrics:
            rungs = metrics[part]["rungs"]
            table = aligned([LADDER_HEAD, *(_ladder_row(rung) for rung in rungs)], before="  ")
            is_saved = [rung["name"] == metrics["ladder"]["saved"] for rung in rungs]
            lines += [f"{metrics[part]['n']:,} {PART_WORDS[part]}", table[0]]
            lines += [Styled(line, bold=True) if saved else line for line, saved in zip(table[1:], is_saved, strict=True)]
    lines.append(f"saved: {metrics['ladder']['saved']}, by log loss on training images it did not learn from")
    lines += [f"model:  {shown(run.model_folder)}", Styled(shown(run.report), before="report: ", bold=True)]
    return lines, run.summary()


def of_predict(found: PredictedFiles) -> Answer:
    """A line a file, up to a screenful, and how many could not be read."""
    rows = found.records()
    where = "all of them are in the table" if found.out else "all of them with --out FILE.csv or --json"
    lines: list[Line] = [
        f"{row['predicted'] or 'unreadable':<20} {_percent(row['probability']):>7}  {row['path']}"
        + (f"  ({row['reason']})" if row["reason"] else "")
        for row in rows[:SHOWN_ROWS]
    ]
    if len(rows) > SHOWN_ROWS:
        counts = Counter(row["predicted"] for row in rows if row["predicted"])
        lines.append(f"... and {len(rows) - SHOWN_ROWS:,} more ({where})")
        lines.append("in all: " + ", ".join(f"{count:,} {name}" for name, count in counts.most_common()))
    if found.unreadable:
        lines.append(f"{len(found.unreadable):,} of {count(len(found.files), 'file')} could not be read")
    if found.views > 1:
        changed = int((found.predictions.predicted != found.first_view.predicted).sum())
        lines.append(f"averaged over {count(found.views, 'view')} of each image; {changed:,} answers are others than with one")
    if found.out:
        lines.append(Styled(shown(found.out), before=f"{count(len(rows), 'row')} written to ", bold=True))
    return lines, rows


def of_submit(submission: Submission) -> Answer:
    """What was written, the clip, what to expect, and the files that could not be read or have no id."""
    held = [f"{column} = {'predicted class' if name is None else f'p({name})'}" for column, name in submission.columns.items()]
    own = "the run's own, fitted out of fold" if submission.clip_source == "run" else f"--clip; the run's own is {submission.run_clip:.3g}"
    lines = [
        f"{count(submission.rows, 'row')}, {submission.id_column} = {submission.matched_by}, {several(held)}",
        f"clip {submission.clip:.3g} ({own})",
    ]
    if submission.expected_log_loss:
        lines.append(f"expected log loss {number(submission.expected_log_loss.as_dict())}, as on the images the run was judged on")
    elif submission.expected_accuracy:
        lines.append(f"expected accuracy {share(submission.expected_accuracy.as_dict())}, as on the images the run was judged on")
    if submission.views > 1:
        lines.append(f"averaged over {count(submission.views, 'view')} of each image; the run was judged with one")
    if submission.unreadable:
        shares = several([f"{name} {_percent(part)}" for name, part in submission.shares.items()])
        lines.append(
            f"{len(submission.unreadable):,} of {count(submission.rows, 'image')} could not be read;"
            f" their rows hold the training images' class shares ({shares}):"
        )
        lines += first_lines([f"  {name}  ({reason})" for name, reason in submission.unreadable.items()])
    if unused := submission.unused:
        lines.append(
            f"{len(unused):,} of {count(submission.rows + len(unused), 'image has', 'images have')} no id in the sample and were left out:"
        )
        lines += first_lines([f"  {path}" for path in unused])
    return [*lines, Styled(shown(submission.path), bold=True)], submission.as_dict()


def of_evaluate(numbers: dict[str, Any]) -> Answer:
    """Accuracy and log loss with their intervals, the classes, and what was left out."""
    lines = [f"{count(numbers['n'], 'image')}: accuracy {share(numbers['accuracy'])}, log loss {number(numbers['log_loss'])}"]
    lines += [
        f"  {c['name']:<20} precision {_percent(c['precision'])}  recall {_percent(c['recall'])}  of {c['support']:,}"
        for c in numbers["per_class"]
    ]
    left_out = {
        "seen_in_training": "were in the training part",
        "near_duplicate_of_training": "are near-duplicates of training images",
        "group_in_training": "are of a group that was trained on",
        "unknown_class": "are of a class the run does not know",
        "unlabeled": "have no label",
        "unreadable": "could not be read",
    }
    lines += [f"{numbers[key]:,} left out: they {why}" for key, why in left_out.items() if numbers[key]]
    return [*lines, *_views(numbers["views"])], numbers


def of_compare(comparison: Comparison) -> Answer:
    """Both runs by name with their scores, the verdict, both differences, and the images that flipped."""
    content = comparison.as_dict()
    first, second = comparison.names
    scores = comparison.scores or ()
    rows = [
        (letter, name, model, share(score.accuracy.as_dict()), number(score.log_loss.as_dict()))
        for letter, name, model, score in zip("AB", comparison.names, comparison.models, scores, strict=False)
    ]
    lines: list[Line] = [
        *aligned([("", "run", "model", "accuracy", "log loss"), *rows]),
        Styled(comparison.verdict, bold=True),
        f"B minus A, accuracy: {comparison.accuracy.points()}, McNemar p = {comparison.p_value:.3g}",
        f"B minus A, log loss: {_signed(comparison.log_loss.as_dict())}",
        f"right only by A ({first}): {len(comparison.right_to_wrong):,}; only by B ({second}): {len(comparison.wrong_to_right):,}",
    ]
    return lines, content


def of_curve(found: dict[str, Any]) -> Answer:
    """A line a size, and what twice the photos promise."""
    lines = [
        f"{found['recipe']}, judged on {count(found['n'], found['part'] + ' photo')}",
        f"  {'training photos':>15}  accuracy, each draw",
    ]
    for point in found["points"]:
        lines.append(f"  {point['n_train']:>15,}  " + "  ".join(_percent(value) for value in point["accuracy"]))
    return [*lines, *_more_data({"learning_curve": found})], found


def of_ensemble(run: Run) -> Answer:
    """How much each run counts, and what is said of any run."""
    lines, content = of_train(run)
    members = [f"{member['name']} {_percent(member['weight'])}" for member in run.metrics["selection"]["runs"]]
    return [f"weights: {several(members, most=12)}", *lines], content


def of_report(path: Path) -> Answer:
    """Where the report lies."""
    return [shown(path)], {"report": str(path)}


def of_augment(found: dict[str, Any]) -> Answer:
    """How many images went in and came out, which were left out and why, and where the result lies."""
    lines: list[Line] = [f"{count(found['originals'], 'photo')}, {count(found['copies'], 'varied copy', 'varied copies')}"]
    left_out = found["left_out"]
    if left_out:
        lines.append(f"{len(left_out):,} left out:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in left_out.items()])
    lines.append(Styled(shown(Path(found["out"])), bold=True))
    return lines, found


def of_explain(found: dict[str, Any]) -> Answer:
    """What is said of each image, the files that could not be read, and where the sheet lies."""
    lines = first_lines([f"{one['class']:<20} {_percent(one['probability']):>7}  {one['path']}" for one in found["images"]])
    lines += first_lines([f"  {path}  ({reason})" for path, reason in found["unreadable"].items()])
    return [*lines, Styled(shown(Path(found["out"])), bold=True)], found


def of_doctor(found: dict[str, Any]) -> Answer:
    """A line a subject, and the problems last."""
    processor, cache, torch = found["processor"], found["cache"], found["torch"]
    graphics = torch.get("cuda") or ("Apple" if torch.get("mps") else "none")
    lines: list[Line] = [
        f"tellapart {found['tellapart']}, Python {found['python']}, {found['platform']}",
        "packages:  " + ", ".join(f"{name} {version or 'missing'}" for name, version in found["versions"].items()),
        f"processor: {processor['cores']} cores, {' '.join(processor['features']) or 'no known vector features'}",
        f"torch:     {'fits' if torch.get('fits_torchvision') else 'does NOT fit'} torchvision, GPU {graphics}",
        f"cache:     {cache['folder']}, {cache['size_bytes'] / 1e6:,.0f} MB{'' if cache['can_be_written'] else ', NOT writable'}",
        "backbones: "
        + ", ".join(f"{name} {'ready' if here else 'missing'}" for name, here in found["backbones"].items())
        + "; any other timm name with --weights or from the hub",
    ]
    lines += [Styled(f"problem:   {problem}", fg="red") for problem in found["problems"]] or [Styled("all well", fg="green")]
    return lines, found


def _rungs(part: str, numbers: Mapping[str, Any]) -> list[Line]:
    width = max(24, *(len(rung["name"]) for rung in numbers["rungs"]))
    rows: list[Line] = [f"{numbers['n']:,} {PART_WORDS[part]}", f"  {'':<{width}} {'accuracy (95 %)':<28} log loss (95 %)"]
    for rung in numbers["rungs"]:
        line = f"  {rung['name']:<{width}} {share(rung['accuracy']):<28} {number(rung['log_loss'])}"
        rows.append(Styled(line, bold=True) if rung is numbers["rungs"][-1] else line)
    from tellapart.evaluation.intervals import groups_sentence

    if sentence := groups_sentence(numbers):
        rows.append(f"  {sentence}")
    return rows


def _ladder_row(rung: Mapping[str, Any]) -> list[str]:
    gain, speed, seconds = rung.get("gain"), rung.get("images_per_s"), rung.get("seconds")
    p_value = gain["p_value"] if gain else None
    return [
        rung["name"],
        share(rung["accuracy"]),
        number(rung["log_loss"]),
        f"{100 * gain['accuracy']['value']:+.1f} points" if gain else "",
        "" if p_value is None else "< 0.001" if p_value < 0.001 else f"{p_value:.3f}",
        in_words(seconds) if seconds else "",
        f"{speed:,.0f}" if speed else "",
        *(f"{rung[name]['n']:,}" if rung.get(name) else "" for name in ("fixed", "broke")),
    ]


def _training(metrics: Mapping[str, Any]) -> list[str]:
    """What the training of a network took, and how far its folds agree."""
    cost = metrics.get("training")
    if not cost:
        return []
    lines = [f"trained for {in_words(cost['seconds'])}: {cost['images']:,} images, {cost['images_per_s']:,.0f} a second"]
    members = (metrics.get("selection") or {}).get("members") or []
    if len(members) > 1:
        found = [member["accuracy"] for member in members]
        mean = sum(found) / len(found)
        lines.append(
            f"{count(len(found), 'fold')}, each judged by the network that did not see it: accuracy {_percent(mean)} on average"
            f" ({100 * min(found):.1f} to {100 * max(found):.1f})"
        )
    return lines


def _other_splits(metrics: Mapping[str, Any]) -> list[str]:
    found = metrics["split_sensitivity"]
    if not found:
        return []
    a, first = found["accuracy"], found["first"]
    return [
        f"{len(found['splits'])} other splits of the same photos: accuracy {_percent(a['low'])} to {_percent(a['high'])};"
        f" the first {count(first['per_class'], 'file')} of each class would have said {_percent(first['accuracy']['value'])}"
    ]


def _more_data(metrics: Mapping[str, Any]) -> list[str]:
    curve = metrics["learning_curve"]
    if not curve:
        return []
    twice = curve["twice"]
    gain = {key: 100 * value for key, value in twice["gain"].items()}
    return [
        f"twice the training photos ({twice['n_train']:,}) would be worth about {gain['value']:+.1f} points of accuracy"
        f" ({gain['low']:+.1f} to {gain['high']:+.1f})"
    ]


def _leak(leak: Mapping[str, Any] | None) -> list[str]:
    if not leak:
        return []
    naive, honest = leak["naive"]["accuracy"]["value"], leak["honest"]["accuracy"]["value"]
    return [
        f"{count(leak['images'], 'training photo')} also stand in your {leak['part']} folder and were left out:"
        f" with them {_percent(naive)}, honestly {_percent(honest)}"
    ]


def _views(found: Mapping[str, Any] | None) -> list[str]:
    """What several views changed, beside one."""
    if not found:
        return []
    gain = {key: 100 * value for key, value in found["accuracy"].items()}
    points = f"{gain['value']:+.1f} points ({gain['low']:+.1f} to {gain['high']:+.1f})"
    return [
        found["verdict"],
        f"  accuracy: {points}, log loss: {_signed(found['log_loss'])}",
        f"  right to wrong: {len(found['right_to_wrong'])}, wrong to right: {len(found['wrong_to_right'])}",
    ]


def _signed(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
