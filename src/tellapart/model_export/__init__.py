"""Exporting a run's model: formats that other programs run, each checked against the run before it counts as exported."""
