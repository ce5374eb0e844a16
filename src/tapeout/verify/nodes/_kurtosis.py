"""How rarely channels are far off their means: what is sparse has a large kurtosis."""

from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from ...circuits import Circuit
from ...models import Model, Tap, layers_of
from ...tasks import Split
from ._activity import activity, moments

STREAM = "residual"


@dataclass(frozen=True, kw_only=True)
class Kurtosis:
    """Kurtosis of a site's channels over a text, all layers together: 3 for a Gaussian.

    Attributes:
        site: one of the universe's, or `residual` for the stream as every layer leaves it.
        channels: how many vary at all; the rest is left out.
        mean, median: over those.
        circuit, circuit_median: of them, how many are in the circuit, and their median; None where
            there are none, or the site is the stream.
    """

    site: str
    channels: int
    mean: float
    median: float
    circuit: int
    circuit_median: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return asdict(self)


def kurtosis(
    model: Model, circuit: Circuit, text: Split, *, batch_size: int = 64
) -> list[Kurtosis]:
    """Kurtosis of every site of a circuit's universe, and of the residual stream.

    Args:
        model: the model; it is not changed.
        circuit: its own channels are also told apart.
        text: over whose tokens.
        batch_size: examples per forward.

    Raises:
        CircuitError: the circuit does not fit the model.
        TaskError: the text has first tokens only.

    Source: weight-sparse transformers, figure 10; the paper does not say over what it takes the
    moments, here they are those of each channel over tokens.
    """
    circuit.check(model)
    readers = [*layers_of(model.hf, model.anatomy.family)[1:]]
    readers.append(model.hf.get_submodule(model.anatomy.family.final_norm))
    streams = {(layer, STREAM): Tap(reader, "in") for layer, reader in enumerate(readers)}
    found = dict(activity(model, text, circuit.universe, batch_size=batch_size).kurtosis)
    found |= moments(model, text, streams, batch_size).kurtosis
    gates = circuit.universe.expand(circuit.active)
    rows: list[Kurtosis] = []
    for site in dict.fromkeys(site for _, site in sorted(found)):
        values: list[float] = []
        own: list[float] = []
        for where, per_channel in found.items():
            if where[1] == site:
                varies = ~per_channel.isnan()
                values += per_channel[varies].tolist()
                if where in gates:
                    own += per_channel[varies & gates[where]].tolist()
        if values:
            rows.append(
                Kurtosis(
                    site=site,
                    channels=len(values),
                    mean=fmean(values),
                    median=median(values),
                    circuit=len(own),
                    circuit_median=median(own) if own else None,
                )
            )
    return rows
