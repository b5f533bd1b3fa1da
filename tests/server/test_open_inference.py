from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from starlette.testclient import TestClient

from tellapart.run_folder import Run


def request_of(images: list[bytes], **more: Any) -> dict[str, Any]:
    data = [base64.b64encode(one).decode() for one in images]
    return {"id": "7", "inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(images)], "data": data}], **more}


def test_metadata_and_health(client: TestClient, trained: Run) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    model = client.get(f"/v2/models/{trained.name}").json()
    assert model["outputs"][0]["shape"] == [-1, 3] and model["parameters"]["class_names"] == list(trained.class_names)
    assert client.get("/v2/models/nobody").status_code == 404


def test_json_and_binary_get_the_same_answer(client: TestClient, trained: Run, image: bytes) -> None:
    address = f"/v2/models/{trained.name}/infer"
    plain = client.post(address, json=request_of([image, image]))
    assert plain.status_code == 200
    assert plain.json()["id"] == "7" and plain.json()["outputs"][0]["shape"] == [2, 3]
    binary = b"".join(struct.pack("<I", len(one)) + one for one in (image, image))
    tensor = {"name": "image", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(binary)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    answer = client.post(address, content=head + binary, headers={"inference-header-content-length": str(len(head))})
    assert answer.json()["outputs"] == plain.json()["outputs"]
    only = client.post(address, json=request_of([image], outputs=[{"name": "predicted"}])).json()["outputs"]
    assert [one["name"] for one in only] == ["predicted"] and only[0]["data"][0] in trained.class_names


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"[]", {}, 400),
        (json.dumps({"inputs": []}).encode(), {}, 400),
        (json.dumps({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1], "data": [1.0]}]}).encode(), {}, 400),
        (json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2], "data": ["aGk="]}]}).encode(), {}, 400),
        (json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aGk="]}]}).encode(), {}, 422),
        (json.dumps(request_of([b"x"] * 5)).encode(), {}, 413),
        (json.dumps(request_of([b"x"])).encode(), {"inference-header-content-length": "999999"}, 400),
        (json.dumps(request_of([b"x"])).encode(), {"inference-header-content-length": "1e3"}, 400),
    ],
)
def test_what_is_not_the_protocol_is_refused(client: TestClient, trained: Run, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = client.post(f"/v2/models/{trained.name}/infer", content=body, headers=headers)
    assert answer.status_code == status and list(answer.json()) == ["error"]


def test_lengths_that_do_not_fit_are_refused(client: TestClient, trained: Run, image: bytes) -> None:
    for binary in (b"\x01", struct.pack("<I", 100) + b"short", struct.pack("<I", 2**32 - 1)):
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(binary)}}
        head = json.dumps({"inputs": [tensor]}).encode()
        answer = client.post(
            f"/v2/models/{trained.name}/infer", content=head + binary, headers={"inference-header-content-length": str(len(head))}
        )
        assert answer.status_code == 400
