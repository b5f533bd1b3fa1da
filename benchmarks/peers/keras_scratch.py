"""Keras's own way to the classic small convnet: image_dataset_from_directory, augmentation layers, fit.

    python peers/keras_scratch.py PHOTOS/train SIZE EPOCHS [--cache]       prints seconds of each epoch

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
from keras import layers


class Seconds(keras.callbacks.Callback):  # type: ignore[misc]
    """Wall seconds of each epoch."""

    def on_train_begin(self, logs: object = None) -> None:
        """Start the list."""
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the clock."""
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self.begin)


def main() -> None:
    folder, size, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    photos = keras.utils.image_dataset_from_directory(folder, image_size=(size, size), batch_size=32, verbose=False)
    photos = (photos.cache() if "--cache" in sys.argv else photos).prefetch(2)
    augmentation = [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(10 / 360),
        layers.RandomTranslation(0.08, 0.08),
        layers.RandomZoom(0.1),
    ]
    blocks = [
        layer for width in (32, 32, 64) for layer in (layers.Conv2D(width, 3, padding="same", activation="relu"), layers.MaxPooling2D())
    ]
    top = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.5), layers.Dense(2)]
    model = keras.Sequential([keras.Input((size, size, 3)), layers.Rescaling(1 / 255), *augmentation, *blocks, *top])
    model.compile("adamw", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    timer = Seconds()
    model.fit(photos, epochs=epochs, verbose=0, callbacks=[timer])
    print(json.dumps(timer.seconds))


if __name__ == "__main__":
    main()
