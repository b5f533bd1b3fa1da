"""Finding issues in a set of images: duplicates, label errors, outliers, low quality and imbalance."""
