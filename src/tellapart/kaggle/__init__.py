"""Kaggle submissions: reading the sample submission, matching ids to files and columns to classes, and writing the table."""
