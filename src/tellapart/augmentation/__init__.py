"""Augmentation: images as they could also have been taken, in training and at prediction time (TTA)."""
