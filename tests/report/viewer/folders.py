"""Folders of runs with circuits of any size, as a run leaves them, without a model."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tapeout.circuits import Circuit, EdgeScores, EdgeUniverse, Scores, Universe, save_edges
from tapeout.models import ModelShape

from .. import samples
from ..samples import Json, stage

UNIVERSE = "attn.z:head,mlp.post_act:channel"


def shape(layers: int = 3, hidden: int = 24, heads: int = 2, family: str = "llama") -> ModelShape:
    width = 8 * heads
    sites = ("act_in", "q", "k", "v", "z", "resid_delta")
    widths: dict[str, tuple[int, ...]] = {f"attn.{site}": (width,) * layers for site in sites}
    widths |= {"mlp.act_in": (width,) * layers, "mlp.resid_delta": (width,) * layers}
    widths |= {"mlp.post_act": (hidden,) * layers, "embed": (width, *(0,) * (layers - 1))}
    return ModelShape(family=family, head_dim=8, widths=widths)  # pyright: ignore[reportArgumentType]


class Folder:
    """A run's folder that grows stage by stage; `write` writes its results."""

    def __init__(self, root: Path, recipe: str = "a run") -> None:
        self.root, self.recipe = root, recipe
        self.stages: dict[str, Json] = {"task": stage("task")}
        self.circuits: dict[str, Circuit] = {}

    def place(self, name: str) -> Path:
        folder = self.root / "stages" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def nodes(self, name: str, universe: Universe, *, share: float, seed: int = 0) -> Circuit:
        """A circuit of nodes and the scores that it was selected by."""
        values = torch.randn(universe.size, generator=torch.Generator().manual_seed(seed))
        scores = Scores(universe, values)
        scores.save(self.place(f"{name} scores"))
        metrics = {"method": f"method {seed}", "split": "t/train", "n": 3, "nodes": universe.size}
        self.stages[f"{name} scores"] = stage("find", metrics)
        circuit = scores.top(share=share)
        circuit.save(self.place(name))
        self.circuits[name] = circuit
        self._select(name, circuit.size, circuit.share)
        return circuit

    def edges(self, name: str, of: ModelShape, *, share: float, seed: int = 0) -> None:
        universe = EdgeUniverse(of)
        values = torch.randn(universe.size, generator=torch.Generator().manual_seed(seed))
        scores = EdgeScores(universe, values)
        save_edges(scores, self.place(f"{name} scores"))
        self.stages[f"{name} scores"] = stage("edges", {"method": "edges", "split": "t", "n": 3})
        circuit = scores.top(share=share)
        save_edges(circuit, self.place(name))
        self._select(name, circuit.size, circuit.share)

    def _select(self, name: str, size: int, share: float) -> None:
        inputs = {"scores": f"{name} scores", "task": "task"}
        metrics = samples.stage("select")["metrics"] | {"size": size, "share": share}
        self.stages[name] = stage("select", metrics, inputs=inputs)
        proof = stage("verify", inputs={"circuit": name, "task": "task"}, peak_mb=10.0)
        self.stages[f"{name} proof"] = proof

    def activations(
        self, name: str, circuit: Circuit, pairs: int, words: list[str], *, tokens: int = 6
    ) -> None:
        """What an `activations` stage leaves, of made up numbers."""
        nodes, generator = circuit.nodes(), torch.Generator().manual_seed(0)
        wide = len(nodes), 7
        tensors = {"pairs": torch.randn(len(nodes), pairs, 2, generator=generator)}
        tensors |= {"levels": torch.randn(*wide, generator=generator).sort(dim=1).values}
        tensors |= {"context_values": torch.randn(*wide, 2, generator=generator)}
        places = torch.randint(0, 20, (*wide, 2, 2), generator=generator, dtype=torch.int32)
        tensors |= {"context_places": places}
        heads = sorted({head_of(node) for node in nodes if ".attn." in node})
        tensors |= followed(len(nodes), len(heads), tokens, generator)
        save_file(tensors, self.place(name) / "activations.safetensors")
        about: dict[str, Any] = {"nodes": nodes, "split": words[0], "text": words[0]}
        about["pairs"] = [[f"{words[n % len(words)]} {n}", words[0], "x"] for n in range(pairs)]
        about["percentiles"] = [0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9]
        about["documents"] = [[words[n % len(words)]] * 20 for n in range(20)]
        said = [words[n % len(words)] for n in range(tokens)]
        about["prompts"] = {"heads": heads, "head_dim": 8, "scale": 8**-0.5, "cut": [0, 2]}
        about["prompts"] |= {"tokens": [[said, [*said[:-1], "other"]]] * 2}
        (self.place(name) / "activations.json").write_text(json.dumps(about), encoding="utf-8")
        of = next(n for n, own in self.circuits.items() if own is circuit)
        self.stages[name] = stage("activations", {}, inputs={"circuit": of})

    def write(self) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        results = samples.results(self.stages) | {"recipe": self.recipe}
        (self.root / "results.json").write_text(json.dumps(results), encoding="utf-8")
        return self.root


def head_of(node: str) -> tuple[int, int, int]:
    """Layer, head and key of a node of attention, where every head has a key of its own."""
    layer, _, _, last = node.split(".")
    head = int(last.removeprefix("head")) if last.startswith("head") else int(last) // 8
    return int(layer), head, head


def followed(
    nodes: int, heads: int, tokens: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Two pairs, token by token."""
    tensors: dict[str, torch.Tensor] = {}
    later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    for pair in range(2):
        for side in range(2):
            held = torch.randn(nodes, tokens, generator=generator)
            scores = torch.randn(heads, tokens, tokens, generator=generator)
            weights = scores.masked_fill(later, -torch.inf).softmax(dim=-1)
            tensors[f"held.{pair}.{side}"] = held
            tensors[f"attention.{pair}.{side}"] = weights.half()
    return tensors
