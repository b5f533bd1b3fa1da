"""Metrics of predictions with 95 % intervals; numpy only."""

from tellapart.evaluation.comparison import Comparison, compare
from tellapart.evaluation.intervals import effective_size, wilson
from tellapart.evaluation.power_law import PowerLaw, fit_power_law
from tellapart.evaluation.summary import accuracy_interval, evaluate, log_loss_interval
from tellapart.interval import Interval
from tellapart.part_metrics import PartMetrics

__all__ = [
    "Comparison",
    "Interval",
    "PartMetrics",
    "PowerLaw",
    "accuracy_interval",
    "compare",
    "effective_size",
    "evaluate",
    "fit_power_law",
    "log_loss_interval",
    "wilson",
]
