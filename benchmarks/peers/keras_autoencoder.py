"""The autoencoder of the animal-faces project in Keras, as its author wrote it: Adam, mean squared error, batches of 32.

    python peers/keras_autoencoder.py TRAIN.npy TEST.npy EPOCHS       prints seconds of each epoch and the error on TEST

Runs in an environment of its own (`pip install keras tensorflow-cpu`); needs nothing of tellapart.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers


class Seconds(keras.callbacks.Callback):  # type: ignore[misc]
    """Wall and processor seconds of each epoch."""

    def on_train_begin(self, logs: object = None) -> None:
        """Start the lists."""
        self.seconds: list[float] = []
        self.processor_seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the clocks."""
        self.begin, self.work = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop them."""
        self.seconds.append(time.perf_counter() - self.begin)
        self.processor_seconds.append(time.process_time() - self.work)


def main() -> None:
    train, test = (np.load(path).astype(np.float32) / 255 for path in sys.argv[1:3])
    keras.utils.set_random_seed(0)
    same = {"padding": "same", "activation": "relu"}
    model = keras.Sequential(
        [
            keras.Input(train.shape[1:]),
            layers.Conv2D(64, 3, **same),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(8, 3, **same),
            layers.Flatten(),
            layers.Reshape((train.shape[1] // 2, train.shape[2] // 2, 8)),
            layers.Conv2D(8, 3, **same),
            layers.UpSampling2D(2),
            layers.Conv2D(32, 3, **same),
            layers.Conv2D(3, 3, padding="same", activation="sigmoid"),
        ]
    )
    model.compile("adam", "mean_squared_error")
    timer = Seconds()
    model.fit(train, train, epochs=int(sys.argv[3]), batch_size=32, verbose=0, callbacks=[timer])
    errors = [np.square(model.predict_on_batch(part) - part).mean(axis=(1, 2, 3)) for part in np.array_split(test, max(1, len(test) // 64))]
    error = float(np.concatenate(errors).mean())
    print(json.dumps({"seconds": timer.seconds, "processor_seconds": timer.processor_seconds, "error": error}))


if __name__ == "__main__":
    main()
