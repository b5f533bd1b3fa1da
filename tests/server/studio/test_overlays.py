"""What the studio takes from runs and checks, beside their own files."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tellapart.dataset.options import AS_FOUND
from tellapart.run_folder import Run
from tellapart.server.studio.app import make_studio_app, studio_access
from tellapart.server.studio.loading import load_workspace
from tellapart.server.studio.overlays import check_view, predictions_view, review_of
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


def test_the_routes_of_runs(studio: Studio, trained: Run) -> None:
    client = TestClient(make_studio_app(studio, studio_access(frozenset({"127.0.0.1"}), TOKEN, 1)), base_url=LOCAL)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    assert [run["name"] for run in client.get("/api/runs").json()["runs"]] == [trained.name]
    assert client.get(f"/api/runs/{trained.name}/predictions").status_code == 200
    for name in ("nothing", "..", "%2e%2e", "..%2f..%2f" + trained.name):
        assert client.get(f"/api/runs/{name}/predictions").status_code in (404, 409)
    assert client.get("/api/check").status_code == 200 and client.get("/api/overview").status_code == 200
    assert client.post("/api/jobs", json={"kind": "rm-run"}).status_code == 400
    assert client.post("/api/jobs", json={"kind": "train", "options": {"out": "/etc"}}).status_code == 400
    assert client.get("/api/jobs").json() == {"jobs": [], "live": None}
    assert client.post("/api/jobs/7/stop", json={}).status_code == 409
