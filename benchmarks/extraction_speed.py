"""From files to features: ours beside a plain timm loop, OpenVINO bf16 and ONNX Runtime fp32.

    python benchmarks/extraction_speed.py PHOTOS [--backbone lite0] [--images 400] [--rounds 5]

Ours, OpenVINO and ONNX Runtime get the same decoder, the same pixels and as many worker threads as cores; the plain
loop is what most people write (``peers/plain_loop.py``: ImageFolder, Pillow, a DataLoader, eager float32). Rounds are
interleaved, the first is not counted. OpenVINO reads the exported ONNX file with its core only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellapart.concurrency import available_cores
from tellapart.images import decode, resize
from tellapart.models.backbone_card import BackboneCard
from tellapart.models.backbones import find_backbones
from tellapart.models.feature_network import FeatureNetwork
from tellapart.models.malloc import tune_malloc
from tellapart.models.timm_networks import build_network

BATCH = 8
Features = Callable[[Any], Any]


def ours(card: BackboneCard, tensors: Path) -> Features:
    network = FeatureNetwork(card, tensors, device="cpu")
    print(f"ours computes in {network.dtype}")
    return lambda pixels: network.features(pixels, mirror=False)


def exported(card: BackboneCard, tensors: Path, folder: Path) -> Path:
    from safetensors.torch import load_file

    model = build_network(card.architecture)
    model.reset_classifier(0)
    model.load_state_dict(load_file(tensors))
    file = folder / "network.onnx"
    sample = torch.randn(BATCH, 3, card.image_size, card.image_size)
    torch.onnx.export(model, (sample,), file, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    return file


def openvino_bf16(network: Path) -> Features:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}
    requests = [core.compile_model(core.read_model(network), "CPU", settings).create_infer_request() for _ in range(available_cores())]

    def features(pixels: Any) -> Any:
        request = requests.pop()
        found = request.infer({0: normalized(pixels)})[0]
        requests.append(request)
        return found

    return features


def onnxruntime_fp32(network: Path) -> Features:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"x": normalized(pixels)})[0]


def normalized(pixels: Any) -> Any:
    return np.ascontiguousarray(((pixels.astype(np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2))


def seconds(features: Features, files: Sequence[Path], size: int) -> float:
    def batch(start: int) -> None:
        features(np.stack([resize(decode(f.read_bytes(), min_size=size).pixels, size, "crop") for f in files[start : start + BATCH]]))

    begin = time.perf_counter()
    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(batch, range(0, len(files), BATCH)))
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    every = sorted(chosen.photos.rglob("*.jpg"))
    files = every[:: max(1, len(every) // chosen.images)][: chosen.images]
    tune_malloc()
    torch.set_num_threads(1)
    backbone = find_backbones(chosen.backbone)[0]
    card = backbone.card
    with tempfile.TemporaryDirectory() as folder:
        network = exported(card, backbone.tensors, Path(folder))
        ways = {
            "ours": ours(card, backbone.tensors),
            "OpenVINO bf16": openvino_bf16(network),
            "ONNX Runtime fp32": onnxruntime_fp32(network),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(chosen.rounds + 1):
            for name, features in ways.items():
                rates[name].append(len(files) / seconds(features, files, card.image_size))
    script = Path(__file__).parent / "peers" / "plain_loop.py"
    listing = "\n".join(map(str, files[:160]))
    plain = [
        float(subprocess.run([sys.executable, script, chosen.backbone], input=listing, text=True, capture_output=True, check=True).stdout)
        for _ in range(2)
    ]
    rates["plain timm loop"] = [0.0, *plain]
    best = statistics.median(rates["ours"][1:])
    print(
        f"{chosen.backbone} at {card.image_size} px, {len(files)} photos, {os.cpu_count()} cores, median of {chosen.rounds} rounds,"
        " images a second from file to feature"
    )
    for name, found in rates.items():
        rate = statistics.median(found[1:])
        print(f"{name:<20} {rate:7.1f}  (min {min(found[1:]):.1f}, max {max(found[1:]):.1f})  ours / this = {best / rate:.2f}")


if __name__ == "__main__":
    main()
