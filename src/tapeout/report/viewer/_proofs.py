"""Every verified circuit of a run as one row: size, loss, time, memory."""

from typing import Any

from .._results import MODELS, Results
from ._values import bounds


def proofs(results: Results) -> list[dict[str, Any]]:
    """A row per `verify` stage."""
    rows: list[dict[str, Any]] = []
    for stage, found in results.proofs:
        circuit = results.circuit_of(stage)
        scored = results.stage(circuit.inputs.get("scores", "")) if circuit else None
        model = results.input(stage, "model", *MODELS)
        makers = [item for item in (scored, circuit) if item is not None]
        peaks = [item.peak_mb for item in makers if item.peak_mb is not None]
        rows.append(
            {
                "name": stage.name,
                "circuit": circuit.name if circuit else "",
                "model": model.name if model else "",
                "method": scored.metrics.text("method", "") if scored else "",
                "task": found.setting.task,
                "split": found.setting.split,
                "replacement": found.setting.replacement,
                "n": found.n,
                "size": found.sizes.size,
                "share": found.sizes.share,
                "kl": bounds(found.kl),
                "full": found.full.value,
                "accuracy": found.autoregressive.value,
                "recovery": found.relative,
                "without": found.necessity.value,
                "seconds": sum(item.seconds for item in makers) if makers else None,
                "peak_mb": max(peaks, default=None),
            }
        )
    return rows
