"""Training: from features and labels to a calibrated classifier, its evaluation, and how much its scores vary."""
