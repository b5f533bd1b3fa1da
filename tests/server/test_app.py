from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

import tellapart
from tellapart.commands.serve import asgi
from tellapart.run_folder import Run
from tests.server.conftest import LOCAL


def test_a_form_json_and_a_bare_body_get_the_answer_of_predict(client: TestClient, trained: Run, image: bytes) -> None:
    expected = tellapart.predict(trained.folder, image).predictions
    text = base64.b64encode(image).decode()
    answers = [
        client.post("/predict", files={"file": ("a.jpg", image, "image/jpeg")}),
        client.post("/predict", json={"images": [{"name": "a.jpg", "data": text}]}),
        client.post("/predict", json={"images": [f"data:image/jpeg;base64,{text}"]}),
        client.post("/predict", content=image, headers={"content-type": "image/jpeg"}),
    ]
    for answer in answers:
        assert answer.status_code == 200
        (one,) = answer.json()["images"]
        assert one["predicted"] == expected.class_names[int(expected.predicted[0])]
        assert one["familiarity"] == pytest.approx(tellapart.predict(trained.folder, image).familiarity[0], abs=0.03)
        assert list(one["probabilities"].values()) == pytest.approx(sorted(expected.probabilities[0], reverse=True), abs=1e-6)
    assert answers[0].json()["images"][0]["name"] == "a.jpg"


def test_several_images_keep_their_order_and_an_unreadable_one_has_its_reason(client: TestClient, image: bytes) -> None:
    files = [("file", ("one.jpg", image)), ("file", ("two.txt", b"no picture")), ("file", ("three.jpg", image))]
    answer = client.post("/predict?top=1", files=files)
    assert answer.status_code == 200
    first, broken, last = answer.json()["images"]
    assert (first["name"], broken["name"], last["name"]) == ("one.jpg", "two.txt", "three.jpg")
    assert broken["predicted"] is None and broken["reason"]
    assert len(first["probabilities"]) == 1 and first["probabilities"] == last["probabilities"]


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ({"content": b"no picture", "headers": {"content-type": "image/png"}}, 422, "body: "),
        ({"content": b"", "headers": {"content-type": "image/png"}}, 400, "no image"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not JSON"),
        ({"json": {"pictures": []}}, 400, '"images"'),
        ({"json": {"images": ["%%%"]}}, 400, "image 1 is not base64"),
        ({"json": {"images": [3]}}, 400, "image 1 has no base64 text"),
        ({"json": {"images": []}}, 400, "no image"),
        ({"json": {"images": ["aGk="] * 5}}, 413, "at most 4"),
        ({"files": [("file", (f"{n}.jpg", b"x")) for n in range(10)]}, 413, "Too many files"),
        ({"content": b"a=b", "headers": {"content-type": "text/plain"}}, 415, "text/plain"),
        ({"content": b"--x\r\nnonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, ""),
        ({"content": b"x" * 1_000_001, "headers": {"content-type": "image/png"}}, 413, "at most 1,000,000"),
        ({"content": iter([b"x" * 600_000] * 2), "headers": {"content-type": "image/png"}}, 413, "larger than 1,000,000"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_with_a_sentence(
    client: TestClient, how: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("/predict", **how)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert said in answer.json()["error"]


def test_unknown_models_routes_and_methods_are_refused(client: TestClient, image: bytes) -> None:
    assert client.post("/predict?run=nobody", content=image).status_code == 404
    assert client.post("/predict?top=0", content=image).status_code == 400
    assert client.get("/nowhere").status_code == 404
    assert client.get("/../etc/passwd").status_code == 404
    assert client.get("/predict").status_code == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8000"}, 421),
        ({"host": "localhost:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://localhost:8000"}, 200),
    ],
)
def test_foreign_hosts_and_origins_are_refused(client: TestClient, image: bytes, headers: dict[str, str], status: int) -> None:
    answer = client.post("/predict", content=image, headers={"content-type": "image/jpeg", **headers})
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"


def test_with_a_key_nothing_but_page_and_health_is_open(trained: Run, image: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "0123456789abcdef0123"
    monkeypatch.setenv("TELLAPART_API_KEY", key)
    client = TestClient(asgi(trained.folder, num_workers=1), base_url=LOCAL)
    for path in ("/status", "/metrics", "/openapi.json", "/v2"):
        assert client.get(path).status_code == 401
    assert client.get("/").status_code == client.get("/v2/health/ready").status_code == 200
    assert client.post("/predict", content=image, headers={"authorization": "Bearer wrong"}).status_code == 401
    for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
        assert client.post("/predict", content=image, headers={"content-type": "image/jpeg", **headers}).status_code == 200


def test_counters_and_drift_speak_of_what_was_answered(app: Any, trained: Run, image: bytes) -> None:
    client = TestClient(app, base_url=LOCAL)
    before = client.get("/status").json()["models"][0]["drift"]["answers"]
    client.post("/predict", content=image, headers={"content-type": "image/jpeg"})
    (model,) = client.get("/status").json()["models"]
    assert model["drift"]["answers"] == before + 1
    assert sum(model["drift"]["expected"].values()) == pytest.approx(1)
    text = client.get("/metrics").text
    assert f'tellapart_images_total{{model="{trained.name}",outcome="answered"}}' in text
    assert "tellapart_requests_inside 0" in text and 'tellapart_predict_seconds_bucket{le="+Inf"}' in text


def test_the_interface_is_described(client: TestClient, trained: Run) -> None:
    content = client.get("/openapi.json").json()
    assert content["openapi"].startswith("3.1") and {"/predict", "/v2/models/{name}/infer"} <= set(content["paths"])
    assert content["paths"]["/predict"]["post"]["parameters"][0]["schema"]["enum"] == [trained.name]
