"""Training: from features and labels to a calibrated head, and what else could have come out."""
