"""What to collect: classes and keywords, or lists of URLs."""
