"""What a user of LitServe writes for an exported ONNX file: decode with Pillow, one photo a request.

python litserve_server.py MODEL.ONNX PORT WORKERS
"""

import io
import json
import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime
from fastapi import Request
from PIL import Image, ImageOps


class Api(litserve.LitAPI):
    """The file behind ``POST /predict``, whose multipart field is called ``request``."""

    def setup(self, device: str) -> None:
        """Load the file, one thread a worker."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
        about = json.loads(self.session.get_modelmeta().custom_metadata_map["tellapart"])
        self.none = {name: np.zeros((0, one["size"], one["size"], 3), np.uint8) for name, one in about["inputs"].items()}

    def decode_request(self, request: Request) -> Any:
        """Pixels, uint8 (h, w, 3)."""
        return np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(request["request"].file.read()))).convert("RGB"))

    def predict(self, photo: Any) -> Any:
        """Probabilities."""
        return self.session.run(["probabilities"], {**self.none, "photo": photo[None]})[0][0]

    def encode_response(self, output: Any) -> dict[str, Any]:
        """JSON."""
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="warning")
