"""What ``tellapart demo`` prints."""

from __future__ import annotations

from tellapart.cli.output.train import train_output as demo_output

__all__ = ["demo_output"]
