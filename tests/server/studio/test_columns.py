"""What the studio takes from runs, checks and maps, beside their own files."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tellapart.dataset.options import AS_FOUND
from tellapart.errors import DataError, StorageError
from tellapart.printable import place_of
from tellapart.reports.live_page import live_page
from tellapart.run_folder import Run
from tellapart.server.studio.app import make_studio_app, studio_access
from tellapart.server.studio.cluster_names import NAMES, rename_cluster
from tellapart.server.studio.columns import check_view, map_view, predictions_view, review_of
from tellapart.server.studio.loading import load_workspace
from tellapart.server.studio.overview import overview_view
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.studio import Places, Studio
from tellapart.server.studio.workspace import Choice, Workspace
from tests.server.studio.conftest import LOCAL, TOKEN


@pytest.fixture
def studio(trained_studio: Studio) -> Studio:
    return trained_studio


@pytest.fixture
def workspace(studio: Studio) -> Workspace:
    assert studio.workspace is not None
    return studio.workspace


def column(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text), kind)


def test_every_file_has_what_the_run_says_of_it(workspace: Workspace, trained: Run) -> None:
    found = predictions_view(workspace, trained)
    predicted, confidence, own = column(found["predicted"], "<i4"), column(found["confidence"], "<u2"), column(found["own"], "<u2")
    part = column(found["part"], "u1")
    assert trained.out_of_fold is not None
    for one, code in ((trained.predictions, 3), (trained.out_of_fold, 1)):
        for number, path in enumerate(one.paths):
            row = workspace.number_of[path]
            assert found["class_names"][predicted[row]] == one.class_names[one.predicted[number]]
            assert confidence[row] / 65534 == pytest.approx(one.confidence[number], abs=1e-4)
            assert own[row] / 65534 == pytest.approx(one.probabilities[number, one.targets[number]], abs=1e-4)
            assert part[row] == code
    assert found["n"] == len(trained.predictions) + len(trained.out_of_fold)


def test_the_probability_of_the_label_follows_a_relabel(workspace: Workspace, trained: Run) -> None:
    path = trained.predictions.paths[0]
    row = workspace.number_of[path]
    workspace.decide(Choice("relabel", [row], label="a name the run does not know"))
    assert column(predictions_view(workspace, trained)["own"], "<u2")[row] == 0


def test_a_check_names_its_images_and_one_of_other_images_names_none(workspace: Workspace, reviewed: Path, pets: Path) -> None:
    review = review_of(reviewed)
    assert review is not None and review_of(reviewed / "nowhere") is None
    found = check_view(workspace, review)
    bits = column(found["bits"], "<i4")
    for place, issue in enumerate(issue for issue in review["issues"] if issue["n"]):
        paths = {review["rows"][number]["path"] for number in issue["rows"]}
        assert {workspace.rows[int(row)].path for row in np.flatnonzero(bits >> place & 1)} == paths
        assert found["issues"][place]["n"] == len(paths)
    other = load_workspace(FolderSource(pets, AS_FOUND))
    assert not review["rows"] or check_view(other, review) == {"issues": None}


def test_the_overview_counts_and_says_what_to_do_next(studio: Studio, workspace: Workspace, trained: Run) -> None:
    view = overview_view(studio, workspace)
    assert view["n"] == 90 and [row["n"] for row in view["classes"]] == [30, 30, 30]
    assert [run["name"] for run in view["runs"]] == [trained.name] and view["changed"] == 0
    workspace.decide(Choice("exclude", [0, 1, 2]))
    workspace.decide(Choice("relabel", [40], label="stripes"))
    view = overview_view(studio, workspace)
    assert view["changed"] == 4 and view["states"]["excluded"] == 3 and view["decisions"] == 2
    retrain = next(step for step in view["next"] if step["key"] == "retrain")
    assert retrain["title"] == "4 images changed: retrain" and retrain["job"] == "train"
    workspace.undo()
    workspace.undo()
    assert overview_view(studio, workspace)["changed"] == 0


def test_without_a_check_and_a_run_these_come_first(pets: Path, tmp_path: Path) -> None:
    made = Studio(FolderSource(pets, AS_FOUND), Places(runs=tmp_path / "runs", check=tmp_path / "check"))
    made.use(load_workspace(made.source))
    assert made.workspace is not None
    assert [(step["key"], step["job"]) for step in overview_view(made, made.workspace)["next"]] == [("check", "check"), ("train", "train")]
    made.close()


def test_runs_of_other_folders_are_named_but_not_offered(studio: Studio, trained: Run, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(trained.folder, runs / trained.name)
    for name, created in (("newer-1", "2099"), ("newer-2", "2098"), ("newer-3", "2097")):
        shutil.copytree(trained.folder, runs / name)
        metrics = json.loads((runs / name / "metrics.json").read_text())
        (runs / name / "metrics.json").write_text(json.dumps({**metrics, "folder": "/photos/of another", "created": created}))
    studio.places = Places(runs=runs)
    assert [run.name for run in studio.runs()] == [trained.name]
    assert [entry.name for entry in studio.listed_runs().runs] == [trained.name]
    words = "Not shown, as they are of other folders: newer-1, newer-2 and 1 more of /photos/of another."
    assert studio.other_runs() == words
    with pytest.raises(DataError):
        studio.run("newer-1")
    client = opened(studio)
    for address in ("/api/runs", "/api/leaderboard"):
        assert client.get(address).json()["others"] == words
    shutil.rmtree(runs / trained.name)
    assert studio.runs() == [] and studio.listed_runs().groups == () and studio.other_runs() == words


def test_only_a_training_of_this_folder_that_runs_is_live(studio: Studio, tmp_path: Path) -> None:
    studio.places = Places(runs=tmp_path)
    with live_page(tmp_path / "a.training.html", "another", folder="/photos/of another"):
        assert studio.live() is None
        with live_page(tmp_path / "b.training.html", "this", folder=place_of(studio.source.folder)):
            live = studio.live()
            assert live is not None and live["title"] == "this"
            killed = tmp_path / "b.training.json"
            killed.write_text(json.dumps({**json.loads(killed.read_text()), "process": 2**22 + 1}))
            assert studio.live() is None
            with live_page(tmp_path / "c.training.html", "next", folder="/photos"):
                assert {file.name[0] for file in tmp_path.glob("*.training.*")} == {"a", "c"}


def opened(studio: Studio) -> TestClient:
    """A client that may ask."""
    client = TestClient(make_studio_app(studio, studio_access(frozenset({"127.0.0.1"}), TOKEN, 1)), base_url=LOCAL)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    return client


def test_the_routes_of_runs(studio: Studio, trained: Run) -> None:
    client = opened(studio)
    assert [run["name"] for run in client.get("/api/runs").json()["runs"]] == [trained.name]
    assert client.get(f"/api/runs/{trained.name}/predictions").status_code == 200
    for name in ("nothing", "..", "%2e%2e", "..%2f..%2f" + trained.name):
        assert client.get(f"/api/runs/{name}/predictions").status_code in (404, 409)
    assert client.get("/api/check").status_code == 200 and client.get("/api/overview").status_code == 200
    assert client.post("/api/jobs", json={"kind": "rm-run"}).status_code == 400
    assert client.post("/api/jobs", json={"kind": "train", "options": {"out": "/etc"}}).status_code == 400
    assert client.get("/api/jobs").json() == {"jobs": [], "live": None}
    assert client.post("/api/jobs/7/stop", json={}).status_code == 409


def explored(folder: Path, workspace: Workspace, **columns: Any) -> Path:
    """An ``explore.json`` of all readable files and of one that is gone."""
    rows = [row for row in workspace.undecided if row.image_id]
    n = len(rows) + 1
    drawn = {
        "method": "t-SNE",
        "x": [float(k) for k in range(n)],
        "y": [-2.0 * k for k in range(n)],
        "cluster": [k % 2 for k in range(n - 1)] + [None],
        "image_id": [row.image_id for row in rows] + ["0" * 64],
        "path": [row.path for row in rows] + ["gone.jpg"],
        **columns,
    }
    clusters = [{"number": 0, "name": None, "size": 5, "words": ["tabby", "fur", "paw", "sofa"]}, {"number": 1, "name": "dogs", "size": 4}]
    content = {"header": {"made": "2026-01-01"}, "map": drawn, "clusters": {"clusters": clusters}}
    folder.mkdir(exist_ok=True)
    (folder / "explore.json").write_text(json.dumps(content))
    return folder


def numbers(text: str, kind: str) -> list[int]:
    return [int(value) for value in np.frombuffer(base64.b64decode(text), kind)]


def test_every_image_has_its_place_and_cluster_and_one_that_is_gone_none(studio: Studio, tmp_path: Path) -> None:
    workspace = studio.workspace
    assert workspace is not None
    found = map_view(workspace, explored(tmp_path / "explore", workspace))
    readable = [number for number, row in enumerate(workspace.undecided) if row.image_id]
    assert found["n"] == len(readable) and numbers(found["row"], "<i4") == readable
    x, y = numbers(found["x"], "<u2"), numbers(found["y"], "<u2")
    assert max(y) == 65535 and max(x) == pytest.approx(65535 / 2, abs=1)  # one scale for both, so that shapes stay
    assert x == sorted(x) and y == sorted(y, reverse=True)
    assert numbers(found["cluster"], "<i4") == [k % 2 for k in range(len(readable))]
    assert [one["name"] for one in found["clusters"]] == ["tabby, fur, paw", "dogs"]


def test_a_cluster_is_called_otherwise_until_there_are_other_clusters(studio: Studio, tmp_path: Path) -> None:
    workspace, folder = studio.workspace, tmp_path / "explore"
    assert workspace is not None
    explored(folder, workspace)
    assert rename_cluster(workspace, folder, 0, " on sofas ") == "on sofas" and rename_cluster(workspace, folder, 1, "x") == "x"
    assert [one["name"] for one in map_view(workspace, folder)["clusters"]] == ["on sofas", "x"]
    assert rename_cluster(workspace, folder, 1, "") == "dogs"
    with pytest.raises(DataError, match="no such cluster"):
        rename_cluster(workspace, folder, 7, "x")
    (workspace.snapshot.state / NAMES).write_text("{")
    assert [one["name"] for one in map_view(workspace, folder)["clusters"]] == ["tabby, fur, paw", "dogs"]
    rename_cluster(workspace, folder, 0, "on sofas")
    readable = sum(row.image_id is not None for row in workspace.undecided)
    explored(folder, workspace, cluster=[0] * readable + [None])
    assert [one["name"] for one in map_view(workspace, folder)["clusters"]] == ["tabby, fur, paw", "dogs"]


def test_no_map_and_one_of_other_images_are_none_and_a_damaged_one_is_said(studio: Studio, tmp_path: Path) -> None:
    workspace = studio.workspace
    assert workspace is not None
    assert map_view(workspace, tmp_path) == {"n": 0}
    ids = ["1" * 64] * (1 + sum(row.image_id is not None for row in workspace.undecided))
    assert map_view(workspace, explored(tmp_path / "explore", workspace, image_id=ids)) == {"n": 0}
    (tmp_path / "explore" / "explore.json").write_text("{")
    with pytest.raises(StorageError, match=r"explore\.json"):
        map_view(workspace, tmp_path / "explore")
