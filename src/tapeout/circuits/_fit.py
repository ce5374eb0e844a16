"""Whether a circuit may be applied to a model."""

from ..errors import CircuitError
from ..models import Fingerprint, Model, ModelShape


def check_fit(shape: ModelShape, found: Fingerprint | None, model: Model, transfer: bool) -> None:
    """Refuse a model that a circuit does not fit.

    Raises:
        CircuitError: with the reason: another shape, or (without `transfer`) other weights.
    """
    if reason := shape.difference(model.shape):
        raise CircuitError(f"this circuit does not fit {model.name}: {reason}")
    if transfer or found is None or found.weights == model.fingerprint.weights:
        return
    raise CircuitError(
        f"this circuit was found in {found.name} (weights {found.weights[:12]}), not in "
        f"{model.name} (weights {model.fingerprint.weights[:12]}): the shapes agree, the "
        "weights do not. Pass transfer=True if that is what you want to measure"
    )
