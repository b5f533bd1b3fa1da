"""``GET /metrics``: counters of the service as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tellapart.server.service import BUCKETS_S, Service


def metrics_text(service: Service) -> str:
    """All counters, gauges and the histogram of seconds."""
    counts = service.counts
    lines = [
        *_family("tellapart_requests_total", "counter", "Answers by route and status code."),
        *(_line("tellapart_requests_total", {"route": r, "status": str(s)}, n) for (r, s), n in sorted(counts.requests.items())),
        *_family("tellapart_images_total", "counter", "Images by model and by what became of them."),
        *(_line("tellapart_images_total", {"model": m, "outcome": o}, n) for (m, o), n in sorted(counts.images.items())),
        *_family("tellapart_predicted_total", "counter", "Answers by model and predicted class."),
        *(
            _line("tellapart_predicted_total", {"model": m, "predicted": predicted}, n)
            for (m, predicted), n in sorted(counts.predicted.items())
        ),
        *_family("tellapart_requests_inside", "gauge", "Requests being read, waiting or computed."),
        _line("tellapart_requests_inside", {}, service.admission.inside),
        *_family("tellapart_model_reloads_total", "counter", "Models loaded anew because their files changed."),
        _line("tellapart_model_reloads_total", {}, counts.reloads),
        *_family("tellapart_predict_seconds", "histogram", "Seconds from the beginning of a request to its answer."),
        *_histogram(service),
    ]
    for model in service.models.values():
        drift = model.drift.as_dict()
        if drift["confidence"] is not None:
            lines.append(_line("tellapart_confidence_mean", {"model": model.name}, drift["confidence"]))
        if drift["expected_confidence"] is not None:
            lines.append(_line("tellapart_confidence_mean_expected", {"model": model.name}, drift["expected_confidence"]))
    return "\n".join(lines) + "\n"


def _histogram(service: Service) -> Iterable[str]:
    below = 0
    for bound in BUCKETS_S:
        below += service.counts.seconds[bound]
        yield _line("tellapart_predict_seconds_bucket", {"le": f"{bound:g}"}, below)
    total = service.counts.seconds.total()
    yield _line("tellapart_predict_seconds_bucket", {"le": "+Inf"}, total)
    yield _line("tellapart_predict_seconds_sum", {}, service.counts.total_s)
    yield _line("tellapart_predict_seconds_count", {}, total)


def _family(name: str, kind: str, help: str) -> list[str]:
    return [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
