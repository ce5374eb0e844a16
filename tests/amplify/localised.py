"""A small error-localisation set and circuits of the sites that an update reaches."""

import torch

from tapeout.amplify import LocalisationSet, Record
from tapeout.circuits import Circuit
from tapeout.models import Fingerprint, Model

from ..tiny import VOCAB, random_circuit

PARTS = "attn.q:head, attn.k:head, attn.v:head, mlp.post_act:channel"


def some_records(n: int = 5, *, prefix: int = 4, seed: int = 0) -> LocalisationSet:
    """Random tokens of three lengths; every third record's greedy answer is right."""
    generator = torch.Generator().manual_seed(seed)

    def draw(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, VOCAB, (count,), generator=generator).tolist())

    records = []
    for number in range(n):
        desired, undesired = draw(2)
        records.append(
            Record(
                tokens=draw(2 + number % 3),
                desired=desired,
                undesired=undesired if undesired != desired else 3 + (desired - 2) % 50,
                template_id="random",
                instance_id=number,
                greedy_right=number % 3 == 0,
                method="branching",
            )
        )
    return LocalisationSet(
        name="random", prefix=draw(prefix), records=tuple(records), model=Fingerprint("none", "")
    )


def some_circuit(model: Model, spec: str = PARTS, *, share: float = 0.3, seed: int = 0) -> Circuit:
    """A random one, that is not empty."""
    circuit = random_circuit(model, spec, share=share, seed=seed)
    return circuit | Circuit.of(circuit.universe, [0])
