"""Submissions to the circuit track of MIB (Mueller et al. 2025): nine circuits in a folder.

The other form of a submission is one graph with scores, see `write_eap_graph`. A submission has a
folder for each task and model, named such as `ioi_gpt2`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from ..errors import CircuitError
from ._eap_files import read_eap_graph, write_eap_graph
from ._eap_graph import EapGraph, EapLayout
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_universe import EdgeUniverse

MIB_LIMITS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Which part of a model's edges each of the nine circuits may have."""


def mib_circuits(scores: EdgeScores, *, absolute: bool = False) -> list[EdgeCircuit]:
    """The nine circuits of the highest-scored edges, as large as MIB allows.

    Edges are counted as MIB counts them: under grouped-query attention a key or value edge of a
    group is one for each of its query heads.

    Args:
        scores: what ranks the edges.
        absolute: rank by the score's absolute value, as MIB does for CMD.
    """
    layout = EapLayout(scores.universe)
    ranked = scores.values.abs() if absolute else scores.values
    order = torch.sort(ranked, descending=True, stable=True).indices
    sizes = layout.weights[order].cumsum(0)
    circuits = []
    for limit in MIB_LIMITS:
        kept = torch.zeros(scores.universe.size, dtype=torch.bool)
        kept[order[sizes <= int(limit * int(sizes[-1]))]] = True
        origin = {**scores.origin, "selection": {"mib_limit": limit, "absolute": absolute}}
        circuits.append(EdgeCircuit(scores.universe, kept, scores.fingerprint, origin))
    return circuits


def write_mib_circuits(
    circuits: Sequence[EdgeCircuit | EapGraph],
    folder: str | Path,
    *,
    form: Literal["json", "pt"] = "json",
) -> list[Path]:
    """Write nine circuits, the smallest first, as `0.001.json` to `0.5.json`.

    Returns the files. Of a circuit of edges its active ones are written.

    Raises:
        CircuitError: there are not nine, one is larger than MIB allows, or the folder cannot be
            written.
    """
    graphs = [EapGraph.of(c) if isinstance(c, EdgeCircuit) else c for c in circuits]
    graphs.sort(key=lambda graph: graph.size)
    if len(graphs) != len(MIB_LIMITS):
        raise CircuitError(f"MIB takes {len(MIB_LIMITS)} circuits, not {len(graphs)}")
    total = int(EapLayout(graphs[0].universe).real.sum())
    for limit, graph in zip(MIB_LIMITS, graphs, strict=True):
        if graph.size > limit * total:
            raise CircuitError(
                f"a circuit of {graph.size:,.0f} of MIB's {total:,} edges is too large to stand "
                f"for {limit:.1%}"
            )
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CircuitError(f"cannot write to {folder}: {error}") from error
    paths = [Path(folder) / f"{limit}.{form}" for limit in MIB_LIMITS]
    for path, graph in zip(paths, graphs, strict=True):
        write_eap_graph(graph, path)
    return paths


def read_mib_circuits(folder: str | Path, universe: EdgeUniverse) -> list[EapGraph]:
    """Read the nine circuits of a folder, whatever its files are called, the smallest first.

    Raises:
        CircuitError: there are not nine, or one is damaged or of another model.
    """
    paths = sorted(p for p in Path(folder).glob("*") if p.suffix in (".json", ".pt"))
    if len(paths) != len(MIB_LIMITS):
        raise CircuitError(
            f"{folder} has {len(paths)} .json or .pt files; MIB's circuits are {len(MIB_LIMITS)}"
        )
    return sorted((read_eap_graph(path, universe) for path in paths), key=lambda graph: graph.size)
