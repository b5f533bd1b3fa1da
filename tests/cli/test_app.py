from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import tellapart as package
from tellapart.cli.app import tellapart
from tellapart.commands import COMMANDS, GROUPS
from tellapart.errors import OptionError
from tellapart.results import plain
from tellapart.run_folder import Run
from tests import folders, sample_images


def called(*words: object, color: bool = False) -> Result:
    return CliRunner().invoke(tellapart, [str(word) for word in words], color=color)


def quick(folder: Path, out: Path, *words: object) -> Result:
    return called("train", folder, "--backbone", "lite0", "--n-splits", 0, "--no-learning-curve", "--out", out, *words)


def test_help_lists_every_verb_with_its_summary() -> None:
    for words in (["--help"], ["-h"]):
        result = called(*words)
        assert result.exit_code == 0
        assert all(verb in result.stdout and COMMANDS[verb].summary[:30] in result.stdout for verb in COMMANDS)
        assert all(f"{group}:" in result.stdout for group in GROUPS)


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_help_of_a_verb_says_what_and_shows_an_example(verb: str) -> None:
    result = called(verb, "--help")
    said = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert " ".join(getattr(package, COMMANDS[verb].function).__doc__.partition("\n\n")[0].split())[:60] in said
    assert f"Example: {COMMANDS[verb].example}" in said
    assert "--json" in said
    assert "Args:" not in said


def test_the_version_is_the_packages() -> None:
    assert called("--version").stdout == f"tellapart {package.__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"), [("trian", "train"), ("pridict", "predict"), ("compair", "compare"), ("export", "export-dataset' or 'export-model")]
)
def test_an_unknown_verb_names_the_closest(word: str, hint: str) -> None:
    result = called(word)
    assert result.exit_code == 2
    assert f"there is no command '{word}'; did you mean '{hint}'?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["train"],
        ["train", ".", "--no-such-flag"],
        ["train", ".", "--resize", "corp"],
        ["train", ".", "--seed", "one"],
        ["compare", "one"],
        ["predict", "run"],
        ["train", ".", "--seed", "-1"],
        ["predict", "run", "x.jpg", "--out", "x.txt"],
    ],
)
def test_wrong_usage_is_exit_code_2_on_stderr(words: list[str]) -> None:
    result = called(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr


def test_our_errors_are_two_lines_on_stderr_and_exit_code_1(tmp_path: Path) -> None:
    result = called("train", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert result.stdout == ""
    error, hint = result.stderr.splitlines()
    assert error == f"error: there is no folder {tmp_path / 'nowhere'}"
    assert hint.startswith("hint: ")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.commands.doctor._cpu_features", lambda: 1 // 0)
    assert isinstance(called("doctor").exception, ZeroDivisionError)


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tellapart.commands.doctor._cpu_features", interrupted)
    result = called("doctor")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert "interrupted" in result.stderr


def test_train_says_the_rungs_and_where_the_report_lies(photos: Path, trained: Run, tmp_path: Path) -> None:
    result = quick(photos, tmp_path / "runs", "--state", tmp_path / "state")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("18 test images, never seen in training")
    assert [line.split()[0] for line in lines[2:5]] == ["majority", "5", "probe"]
    assert "90 of 90 files used; 0 unreadable, 0 excluded" in result.stdout
    assert result.stdout.rstrip().endswith("runs/photos-1/report.html")
    assert "\x1b[" not in result.stdout


def test_train_json_is_the_metrics_with_the_paths(photos: Path, trained: Run, tmp_path: Path) -> None:
    result = called("train", photos, "--backbone", "lite0", "--out", tmp_path / "runs", "--state", tmp_path / "state", "--json")
    content = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert content["path"] == str(tmp_path / "runs/photos-1")
    assert content["report"] == str(tmp_path / "runs/photos-1/report.html")
    stored = json.loads((tmp_path / "runs/photos-1/metrics.json").read_text())
    assert {key: value for key, value in content.items() if key not in ("path", "report")} == stored
    assert content["test"] == trained.metrics.parts["test"].as_dict()
    assert content["split_sensitivity"] == plain(trained.metrics.split_sensitivity)
    assert content["learning_curve"] == plain(trained.metrics.learning_curve)


def test_notes_go_to_stderr_and_quiet_silences_them(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=4)
    loud, hushed = quick(root, tmp_path / "runs", "--json"), quick(root, tmp_path / "runs", "--json", "-q")
    assert "'dots' has only 4 images" in loud.stderr
    assert hushed.stderr == ""
    assert json.loads(loud.stdout)["notes"] == json.loads(hushed.stdout)["notes"]


def test_every_reporting_verb_speaks_json(trained: Run, photos: Path, tmp_path: Path) -> None:
    new = folders.write(tmp_path / "new", {f"{kind}/1.jpg": folders.class_photo(kind, 401) for kind in folders.KINDS} | {"bad.jpg": b""})
    predicted = json.loads(called("predict", trained.folder, new, "--json").stdout)
    assert [row["status"] for row in predicted] == ["unreadable", "ok", "ok", "ok"]
    assert json.loads(called("evaluate", trained.folder, new, "--json").stdout)["n"] == 3
    assert json.loads(called("compare", trained.folder, trained.folder, "--json").stdout)["n"] == 18
    assert json.loads(called("report", trained.folder, "--json").stdout) == {"report": str(trained.report)}
    assert json.loads(called("doctor", "--json").stdout)["problems"] == []


def test_every_reporting_verb_speaks_plainly(trained: Run, tmp_path: Path) -> None:
    files = {f"{kind}/{i}.jpg": folders.class_photo(kind, 401 + i) for kind in folders.KINDS for i in range(8)}
    new = folders.write(tmp_path / "new", files | {"bad.jpg": b"", "checks/1.jpg": sample_images.photo(5)})
    predicted = called("predict", trained.folder, new).stdout
    assert "... and 6 more" in predicted
    assert "1 of 26 files could not be read" in predicted
    assert "(empty file)" in predicted
    evaluated = called("evaluate", trained.folder, new).stdout
    assert evaluated.startswith("24 images: accuracy ")
    assert "1 left out: they are of classes the run does not know (checks 1)" in evaluated
    assert "do not differ significantly" in called("compare", trained.folder, trained.folder).stdout
    assert called("report", trained.folder).stdout.strip().endswith("photos-1/report.html")
    assert "no problems" in called("doctor").stdout


def test_several_files_can_be_named(trained: Run, tmp_path: Path) -> None:
    root = folders.write(tmp_path, {f"{i}.jpg": folders.class_photo("dots", 401 + i) for i in range(2)})
    out = tmp_path / "answers.csv"
    assert called("predict", trained.folder, root / "0.jpg", root / "1.jpg", "--out", out).exit_code == 0
    assert len(out.read_text().splitlines()) == 3


def test_colors_only_where_they_are_welcome(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in called("doctor", color=True).stdout
    assert "\x1b[" in called("train", "/nowhere", color=True).stderr
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in called("doctor", color=True).stdout
    assert "\x1b[" not in called("train", "/nowhere", color=True).stderr


def odd_photos(photos: Path, to: Path) -> Path:
    root = folders.some_of(photos, to / os.fsdecode(b"caf\xe9"), each=5)
    (root / os.fsdecode(b"dots/\xff broken.jpg")).write_bytes(b"")
    return root


def test_names_of_any_bytes_can_be_said(photos: Path, tmp_path: Path) -> None:
    root = odd_photos(photos, tmp_path)
    plain, spoken = quick(root, tmp_path / "runs"), quick(root, tmp_path / "runs", "--json")
    assert plain.exit_code == 0, plain.output
    assert spoken.exit_code == 0, spoken.output
    assert json.loads(spoken.stdout)["run"] == "caf\\xe9-1"
    answered = called(
        "predict", tmp_path / "runs/caf\\xe9-1", root / os.fsdecode(b"dots/\xff broken.jpg"), sorted((root / "dots").iterdir())[0]
    )
    assert "\\xff broken.jpg" in answered.stdout


def test_runs_can_lie_in_a_folder_whose_name_is_not_utf8(photos: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"runs\xff")
    spoken = quick(odd_photos(photos, tmp_path), odd, "--json")
    assert spoken.exit_code == 0, spoken.output
    assert json.loads(spoken.stdout)["path"] == str(odd / "caf\\xe9-1")


def test_option_errors_from_the_command_line_name_the_flags_problem() -> None:
    result = called("train", ".", "--test-share", "7", "--seed", "-1")
    assert "test_share must be at most 0.9, got 7.0" in result.stderr
    assert "seed must be at least 0, got -1" in result.stderr
    with pytest.raises(OptionError):
        package.train(".", test_share=7.0)


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)


def test_importing_the_package_and_the_door_loads_nothing_heavy() -> None:
    code = "import sys, tellapart, tellapart.cli.app, tellapart.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(python(code).stdout.split())
    assert loaded.isdisjoint({"torch", "torchvision", "timm", "sklearn", "scipy", "pandas", "pyarrow", "numpy", "PIL", "jinja2", "rich"})


def test_the_help_of_a_verb_loads_no_torch() -> None:
    code = (
        "import sys\nfrom tellapart.cli.app import tellapart\n"
        "tellapart.main(sys.argv[1:], standalone_mode=False)\nprint('LOADED', *sorted({n.partition('.')[0] for n in sys.modules}))"
    )
    loaded = set(python(code, "train", "--help").stdout.partition("LOADED")[2].split())
    assert loaded.isdisjoint({"torch", "timm", "sklearn", "pandas", "pyarrow"})


def test_the_help_of_all_loads_next_to_nothing() -> None:
    """What makes it slow is what it loads; benchmarks/start_up.py measures the seconds."""
    code = (
        "import sys\nfrom tellapart.cli.app import tellapart\n"
        "tellapart.main(['--help'], standalone_mode=False)\nprint('LOADED', *sorted({n.partition('.')[0] for n in sys.modules}))"
    )
    loaded = set(python(code).stdout.partition("LOADED")[2].split())
    assert loaded.isdisjoint({"numpy", "PIL", "torch", "sklearn", "pandas", "pyarrow", "rich", "cv2", "scipy", "aiohttp", "asyncio"})


SLEEP = """
import sys, time
import click
from tellapart.cli import main
def wait(self, ctx):
    print("here", flush=True)
    time.sleep(60)
click.Group.invoke = wait
sys.argv[1:] = ["doctor"]
main()
"""


@pytest.mark.parametrize(
    ("how", "code", "is_interrupt_ignored"),
    [
        (signal.SIGINT, 130, False),
        (signal.SIGTERM, 143, False),
        (signal.SIGHUP, 129, False),
        (signal.SIGTERM, 143, True),
        (signal.SIGHUP, 129, True),
    ],
)
def test_term_and_hangup_end_as_ctrl_c_does(how: signal.Signals, code: int, is_interrupt_ignored: bool) -> None:
    """A job in the background of a script ignores SIGINT, and still ends in order on the others."""

    def ignore() -> None:
        if is_interrupt_ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    with subprocess.Popen(
        [sys.executable, "-c", SLEEP], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignore
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(how)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert said == "interrupted; what is finished is kept, and the same command goes on from there\n"


def test_an_interruption_while_the_command_line_is_read_is_said_alike() -> None:
    """click itself would say "Aborted!" with exit code 1."""
    with subprocess.Popen(
        [sys.executable, "-c", SLEEP.replace("Group.invoke = wait", "Group.make_context = wait").replace("(self, ctx)", "(self, *rest)")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=60)[1] == "interrupted; what is finished is kept, and the same command goes on from there\n"
    assert process.returncode == 129


SLOW_IMPORT = """
import sys
print("importing", flush=True)
try:
    sys.stdin.readline()
except KeyboardInterrupt:
    print("lost")
print("imported")
"""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_during_an_import_waits_until_it_is_done(how: signal.Signals, code: int, tmp_path: Path) -> None:
    """While torch was imported, one in ten was lost, or ended the process with SIGABRT (an exception within C++)."""
    (tmp_path / "slow_import.py").write_text(SLOW_IMPORT)
    code_of = SLEEP.replace('print("here", flush=True)', "import slow_import")
    with subprocess.Popen(
        [sys.executable, "-c", code_of],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(how)
        out, said = process.communicate("\n", timeout=50)
    assert (out, process.returncode) == ("imported\n", code)
    assert said == "interrupted; what is finished is kept, and the same command goes on from there\n"


def test_nohup_stays_in_force() -> None:
    code = SLEEP.replace("time.sleep(60)", "import os, signal; os.kill(os.getpid(), signal.SIGHUP); print('on', flush=True)")
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    said = subprocess.run([sys.executable, "-c", ignore + code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["here", "on"]
