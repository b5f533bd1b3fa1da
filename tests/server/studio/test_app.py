from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tellapart.dataset.decisions import read_decisions
from tellapart.dataset.options import AS_FOUND
from tellapart.reports.studio_pages import PAGES, studio_module
from tellapart.server.studio.app import make_studio_app, studio_access
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.studio import Studio
from tests.server.studio.conftest import LOCAL, NASTY, TOKEN

ADDRESSES = [page.path for page in PAGES] + ["/static/studio.css", "/static/dom.js", "/api/index", "/api/states", "/api/status"]


def index(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/index").json()
    return found


def post(client: TestClient, *, seq: int = 0, version: str | None = None, **choice: Any) -> Any:
    content = {"version": version or index(client)["version"], "seq": seq, "choices": [choice]}
    return client.post("/api/decisions", json=content)


def column(text: str, kind: Any) -> list[int]:
    return [int(value) for value in np.frombuffer(base64.b64decode(text), kind)]


@pytest.mark.parametrize("path", ADDRESSES)
def test_nothing_is_answered_without_the_token(studio: Studio, path: str) -> None:
    app = make_studio_app(studio, studio_access(frozenset({"127.0.0.1"}), TOKEN, 8001))
    stranger = TestClient(app, base_url=LOCAL)
    assert stranger.get(path).status_code == 401
    assert stranger.get("/open", params={"token": "guessed"}).status_code == 401
    assert stranger.get(path, headers={"cookie": "tellapart-studio-8001=guessed"}).status_code == 401
    assert stranger.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_token_goes_into_a_cookie_that_no_script_and_no_other_page_has(client: TestClient) -> None:
    answer = client.get("/open", params={"token": TOKEN})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "tellapart-studio-8001=" in cookie
    assert TOKEN not in answer.text


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_answer_has_the_strict_headers_and_no_page_an_inline_script(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
    if answer.headers["content-type"].startswith("text/html"):
        assert "<script>" not in answer.text and "style=" not in answer.text and " on" not in answer.text.split("<body")[0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8001"}, 421),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),  # another program of this machine
        ({"origin": "https://127.0.0.1:8001"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"cookie": ""}, 401),
    ],
)
def test_foreign_pages_and_hosts_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.get("/api/states", headers=headers).status_code == status
    answer = client.post("/api/decisions", json={}, headers=headers)
    assert answer.status_code == status and "error" in answer.json()


def test_a_write_without_an_origin_needs_the_key_in_a_header(studio: Studio, client: TestClient) -> None:
    bare = TestClient(client.app, base_url=LOCAL, cookies=dict(client.cookies))
    assert bare.get("/api/states").status_code == 200
    assert bare.post("/api/undo", json={"seq": 0}).status_code == 403
    assert bare.post("/api/undo", json={"seq": 0}, headers={"x-api-key": TOKEN}).status_code == 409  # nothing to undo


@pytest.mark.parametrize("word", ["-1", "99", "1e3", "٣", "..%2f..%2fetc%2fpasswd", "%2e%2e", "0x1", "0/..", "cats%2fcats%200.jpg", ""])
def test_images_are_named_by_their_number_and_nothing_else(client: TestClient, word: str) -> None:
    version = index(client)["version"]
    for path in (f"/thumbs/{version}/{word}", f"/images/{version}/{word}", f"/api/images/{word}"):
        answer = client.get(path)
        assert answer.status_code == 404 and answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["app.py", "..%2fhtml_shell.py", "../studio.html", "page.css", "studio.html", "%00"])
def test_only_modules_are_static(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_pictures_are_encoded_anew_and_what_is_no_image_is_not_shown(client: TestClient, studio: Studio, pets: Path) -> None:
    assert studio.workspace is not None
    version, number_of = studio.workspace.version, studio.workspace.number_of
    cat, drawing = number_of["cats/cats 1.jpg"], number_of["dogs/drawing.jpg"]
    for kind in ("thumbs", "images"):
        answer = client.get(f"/{kind}/{version}/{cat}")
        assert answer.headers["content-type"] == "image/jpeg" and answer.content[:2] == b"\xff\xd8"
        assert answer.content != (pets / "cats/cats 1.jpg").read_bytes() and "immutable" in answer.headers["cache-control"]
        assert client.get(f"/{kind}/{version}/{drawing}").status_code == 404
        assert client.get(f"/{kind}/of-yesterday/{cat}").status_code == 409
    (pets / "cats/cats 1.jpg").write_bytes((pets / "dogs/dogs 1.jpg").read_bytes())
    assert client.get(f"/images/{version}/{cat}").status_code == 404


def test_the_index_names_every_file_and_the_states_say_what_is_decided(client: TestClient, studio: Studio) -> None:
    assert studio.workspace is not None
    found, states = index(client), client.get("/api/states").json()
    folder = column(found["names"]["folder"], "<i4")
    paths = [f"{found['names']['folders'][k]}/{name}" for k, name in zip(folder, found["names"]["files"], strict=True)]
    assert paths == [row.path for row in studio.workspace.undecided]
    assert NASTY in states["class_names"]
    assert column(states["label"], "<i4") == column(found["original"], "<i4")
    assert len(column(states["state"], "u1")) == found["n"] == len(paths)


def test_names_with_markup_are_text_everywhere(client: TestClient) -> None:
    for page in PAGES:
        assert NASTY not in client.get(page.path).text
    assert client.get("/api/states").headers["content-type"] == "application/json"


def test_a_decision_answers_with_its_batch_and_every_change_the_page_does_not_know(client: TestClient, studio: Studio) -> None:
    assert studio.workspace is not None
    one, two, three = (studio.workspace.number_of[f"dogs/dogs {i}.jpg"] for i in (1, 2, 3))
    first = post(client, action="exclude", rows=[one, two]).json()
    assert (first["batch"], first["changed"], first["seq"]) == (1, 2, 2)
    second = post(client, action="relabel", rows=[three], label="cats", seq=2).json()
    assert second["rows"] == [[three, second["class_names"].index("cats"), 0, 0]]
    assert [row[0] for row in client.get("/api/changes", params={"since": 0}).json()["rows"]] == [one, two, three]
    undone = client.post("/api/undo", json={"seq": second["seq"], "batch": 1}).json()
    assert undone["undone"] == 1 and [row[0] for row in undone["rows"]] == [one, two]
    assert client.post("/api/undo", json={"seq": 0, "batch": 1}).status_code == 409
    details = client.get(f"/api/images/{one}").json()
    assert details["state"] == "used" and [decided["holds"] for decided in details["decisions"]] == [False]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"action": "delete", "rows": [1]}, 400),
        ({"action": "exclude", "rows": []}, 400),
        ({"action": "exclude", "rows": ["cats/cats 1.jpg"]}, 400),
        ({"action": "exclude", "rows": [-1]}, 400),
        ({"action": "exclude", "rows": [10_000]}, 404),
        ({"action": "exclude", "rows": [1], "path": "/etc/passwd"}, 400),
        ({"action": "relabel", "rows": [1]}, 400),
        ({"action": "exclude", "rows": [1], "version": "old"}, 409),
    ],
)
def test_a_wrong_request_decides_nothing(client: TestClient, pets: Path, content: dict[str, Any], status: int) -> None:
    answer = post(client, **content)
    assert answer.status_code == status and answer.json()["error"]
    assert not (pets / ".tellapart" / "decisions.jsonl").exists()


def test_a_form_cannot_decide(client: TestClient) -> None:
    assert client.post("/api/decisions", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_it_answers_while_the_folder_is_read_and_says_why_it_cannot_be(tmp_path: Path) -> None:
    made = Studio(FolderSource(tmp_path, AS_FOUND))
    with TestClient(make_studio_app(made, studio_access(frozenset({"127.0.0.1"}), TOKEN, 1)), base_url=LOCAL) as waiting:
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert waiting.get("/gallery", headers=headers).status_code == 200
        assert waiting.get("/api/index", headers=headers).status_code == 503
        assert made.loader is not None
        made.loader.thread.join()
        said = waiting.get("/api/status", headers=headers).json()
    assert not said["is_ready"] and "there are no images" in said["error"]


def test_modules_name_each_other_by_address_and_a_page_asks_for_all_of_them_at_once(client: TestClient) -> None:
    for page in PAGES:
        html = client.get(page.path).text
        asked = set(re.findall(r'rel="modulepreload" href="/static/([^"]+)"', html))
        named = {other for name in asked for other in re.findall(r'from "/static/([^"]+)"', studio_module(name) or "")}
        assert f"studio_{page.name}.js" in asked and named <= asked
        source = studio_module(f"studio_{page.name}.js")
        assert source is not None and '"tellapart/' not in source and 'from "/static/' in source


def test_a_file_of_decisions_is_taken_over_after_a_trial_that_shows_what_contradicts(
    client: TestClient, studio: Studio, pets: Path
) -> None:
    assert studio.workspace is not None
    one, two = (studio.workspace.number_of[f"dogs/dogs {i}.jpg"] for i in (1, 2))
    rows = studio.workspace.undecided
    lines = [
        {"action": "relabel", "path": rows[one].path, "image_id": rows[one].image_id, "old": "dogs", "new": "cats"},
        {"action": "exclude", "path": rows[two].path, "image_id": rows[two].image_id, "old": "dogs", "why": "blurred"},
        {"action": "exclude", "path": "gone.jpg", "image_id": "0" * 64},
    ]
    content = {"seq": 0, "name": "decisions.jsonl", "text": "".join(json.dumps(line) + "\n" for line in lines), "is_trial": True}
    post(client, action="exclude", rows=[one])
    trial = client.post("/api/apply", json=content).json()
    assert (trial["new"], trial["unmet"], trial["batch"]) == (2, 1, None)
    assert trial["conflicts"] == [{"path": rows[one].path, "before": "exclude", "applied": "relabel to cats"}]
    taken = client.post("/api/apply", json={**content, "is_trial": False, "seq": trial["seq"]}).json()
    assert taken["batch"] == 2 and {row[0] for row in taken["rows"]} == {one, two}
    assert [decided.why for decided in read_decisions(pets / ".tellapart").log[1:]] == ["from decisions.jsonl", "blurred"]
    assert client.post("/api/apply", json={**content, "seq": 0, "is_trial": False}).json()["batch"] is None  # it is all so already
    assert client.post("/api/apply", json={**content, "text": "no decision"}).status_code == 400
