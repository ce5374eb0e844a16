"""Results as runs write them, small and made up, and a reader of pages."""

import json
import math
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import tapeout.report

Json = dict[str, Any]
HIDDEN = ("style", "script")
VOID = {"meta", "br", "col"}


def share(right: int, n: int) -> Json:
    value, z2 = right / n, 1.96**2
    center = (right + z2 / 2) / (n + z2)
    half = 1.96 * math.sqrt(right * (n - right) / n + z2 / 4) / (n + z2)
    low, high = max(center - half, 0.0), min(center + half, 1.0)
    return {"right": right, "n": n, "value": value, "low": low, "high": high}


def average(value: float) -> Json:
    return {"value": value, "low": value - 0.5, "high": value + 0.5, "n": 40}


def setting(split: str = "ioi/test", replacement: str = "mean") -> Json:
    reference = "ioi/reference (n=20)" if replacement == "mean" else ""
    return {
        "split": split,
        "replacement": replacement,
        "reference": reference,
        "positions": "all_but_first",
        "criterion": "exact",
    }


def load() -> Json:
    return {
        "source": "smollm2",
        "family": "llama",
        "layers": 2,
        "parameters": 1000,
        "weights": "f5b8",
    }


def condition(held: bool = True, degenerate: bool = False) -> Json:
    def other(split: str, before: int, after: int) -> Json:
        return {
            "split": split,
            "criterion": "exact",
            "base": share(before, 40),
            "changed": share(after, 40),
            "kl_to_base": average(0.75),
        }

    point = {
        "scale": 0.5,
        "accuracy": share(19, 20),
        "kl": average(0.25),
        "recovery": {"zero": share(18, 20)},
    }
    sweep = {
        "split": "addition/validation",
        "target": 0.9,
        "size": None if degenerate else {"share": 0.02},
        "base": share(19, 20),
        "degenerate": degenerate,
        "chosen": 0.5 if held else None,
        "points": [point],
    }
    return load() | {
        "source": "smollm2, conditioned on addition",
        "scale": 0.5,
        "held": held,
        "sweep": sweep,
        "change_norm": 1.5,
        "train": "addition/train",
        "n": 100,
        "steps": 250,
        "last": {"loss": 0.1},
        "curve": [
            {"step": 3.0 * at, "loss": 2.0 / at, "ce": 1.0 / at, "masked": 1e-6 * at}
            for at in range(1, 5)
        ],
        "on_task": other("addition/test", 36, 38),
        "others": {"text": other("text/test", 0, 0)},
    }


def train() -> Json:
    curve = [
        {"step": 10.0 * at, "loss": 5.0 - at} | ({"validation": 4.5} if at == 4 else {})
        for at in range(1, 5)
    ]
    counts = {"nonzero": 80, "kept_sparse": 1000, "asked": 0.0625, "possible": 0.03}
    return (
        load()
        | counts
        | {
            "tokens": 1000,
            "validation_loss": 4.5,
            "validation_tokens": 512,
            "curve": curve,
        }
    )


def bridge() -> Json:
    def way(above: float) -> Json:
        return {"loss": average(4.0), "above": average(above), "kl": average(0.25), "nmse": 0.125}

    places = [
        {"layer": 0, "before": before, "to_sparse": way(0.0625), "to_dense": way(-0.03125)}
        for before in ("attention", "mlp")
    ]
    found = train() | {"places": places, "crossed_tokens": 512}
    for point in found["curve"]:
        point |= {"to_sparse": 2.0, "to_dense": 1.0, "nmse": 300.0}
    return found | {"dense_loss": average(3.5), "sparse_loss": average(4.5)}


def steer(random: int = 2) -> Json:
    def channel(name: str, move: float) -> Json:
        rows = [
            {"strength": s, "own": average(0.75 - move * s)}
            | {part: average(0.25 + move * s) for part in ("other", "between")}
            for s in (0.0, 0.5, 1.0)
        ]
        return {"channel": name, "moved": average(move), "turned": average(2 * move), "rows": rows}

    return {
        "split": "quotes/test",
        "train": "quotes/train[:100]",
        "n": 40,
        "counterfactual": average(0.875),
        "steered": channel("1.attn.act_in.83", 0.5),
        "whole": channel("1.attn.act_in", 0.625),
        "random": [channel(f"1.attn.act_in.{at}", -0.0625 * at) for at in range(random)],
        "tried": [{"channel": "1.attn.act_in.83", "move": 0.5}, {"channel": "b", "move": 0.1}],
    }


def transfer() -> Json:
    def cell(circuit: str, model: str, right: int) -> Json:
        return {
            "circuit": circuit,
            "model": model,
            "own": circuit == model,
            "size": 25,
            "share": 0.25,
            "autoregressive": share(right, 40),
            "empty": share(1, 40),
            "full": share(40, 40),
        }

    names = ("before", "after")
    cells = [cell(a, b, 36 if a == b else 4) for a in names for b in names]
    return setting("addition/test", "zero") | {"n": 40, "cells": cells}


def weight_edges(**changes: Any) -> Json:
    """A neuron, and a head with one query, key and value."""
    sites = [("mlp.act_in", 1), ("mlp.post_act", 7), ("mlp.resid_delta", 3), ("attn.act_in", 3)]
    sites += [("attn.q", 5), ("attn.k", 5), ("attn.v", 6), ("attn.resid_delta", 0)]
    nodes = [
        {
            "layer": int(site.startswith("attn")),
            "site": site,
            "channel": channel,
            "head": 1 if site[5:] in "qkv" else None,
            "bias": 0.25 if site == "attn.q" else 0.0,
            "deviation": 0.5,
        }
        for site, channel in sites
    ]
    ends = [(0, 1), (1, 2), (3, 5), (3, 6), (6, 7)]
    edges = [
        {"source": a, "target": b, "weight": (-1.0) ** at, "flow": 0.5 - at / 10}
        for at, (a, b) in enumerate(ends)
    ]
    tokens = [{"token": "x\n", "weight": -0.5}, {"token": "y", "weight": 1.5}]
    streams = [
        {"channel": 0, "read": [], "written": tokens},
        {"channel": 1, "read": tokens, "written": []},
        {"channel": 3, "read": [], "written": []},
    ]
    drawn = {"nodes": nodes, "edges": edges, "streams": streams, "split": "ioi/test", "n": 40}
    drawn |= {"unconnected": 2, "more_nodes": 0, "more_edges": 0}
    layer = {"layer": 0, "nodes": 3, "edges": 2, "biases": 0, "connections": []}
    counts = {"nodes": 10, "edges": 5, "pairs": 9, "biases": 1}
    counts |= {"edges_embedding": 2, "edges_unembedding": 2}
    about = {"task": "ioi", "split": "ioi/test", "n": 40, "model": "m"}
    return about | counts | {"by_layer": [layer], "diagram": drawn} | changes


def checks() -> Json:
    losses: Json = {name: average(value) for name, value in (("full", 0.1), ("circuit", 0.15))}
    losses |= {"replacement": "mean", "reference": "text/reference (n=20)"}
    inverse = losses | {"without": average(2.25), "random": [average(0.2)]}
    binary = losses | {"first": average(0.5), "binary": average(0.4), "values": []}
    effect = {"node": "0.attn.q.5", "in_circuit": average(0.75), "in_model": average(0.05)}
    constant = {"node": "0.attn.q.5", "constant": average(0.01), "zero": average(0.02)}
    pair = {"node": "1.mlp.resid_delta.3", "earlier": "0.mlp.resid_delta.3", "correlation": 0.875}
    names = ("linear", "zero", "circuit", "dropped", "rescaled")
    pair |= {name: average(float(place)) for place, name in enumerate(names)}
    sparse = {"site": "residual", "channels": 16, "mean": 5.5, "median": 4.5, "circuit": 0}
    context = {"activation": 0.625, "before": "f(\n", "token": " x", "after": ")"}
    shown = {"percentile": 99.9, "activation": 0.6, "contexts": [context]}
    return {
        "task": "ioi",
        "split": "ioi/test",
        "n": 40,
        "nodes": 1,
        "text": "text/reference",
        "text_n": 20,
        "inverse": inverse,
        "binary": binary,
        "effects": {"rows": [effect]},
        "constants": {"rows": [constant]},
        "redundancy": {"rows": [pair]},
        "kurtosis": {"rows": [sparse | {"circuit_median": None}]},
        "contexts": {"rows": [{"node": "0.attn.q.5", "percentiles": [shown]}]},
    }


def mean_size() -> Json:
    names = ("nodes", "edges", "edges_embedding", "edges_unembedding", "biases")
    means = {name: 1.5 + place for place, name in enumerate(names)}
    return {"n": 2, "tasks": ["ioi", "other"], "geometric_mean": means}


def compose() -> Json:
    trial = {"trial": "union", "size": 30, "share": 0.3, "routed": False}
    turns = trial | {"trial": "by step", "size": 35, "routed": True}
    local = {"interface": "digit-0", "size": 10, "share": 0.1, "recovery": share(19, 20)}
    trials = [trial | {"autoregressive": share(20, 40)}, turns | {"autoregressive": share(30, 40)}]
    about = {"n": 40, "interfaces": [local], "trials": trials}
    return select() | setting("addition/test", "zero") | about


def route() -> Json:
    routing = {
        "routing": "same-budget",
        "size": 30,
        "sizes": {"none": 20, "full cascade": 20},
        "overall": share(30, 40),
        "by_regime": {"none": share(18, 20), "full cascade": share(12, 20)},
    }
    about = {"n": 40, "stratum": "carry", "routings": [routing]}
    return setting("addition/test", "zero") | about


def smallest() -> Json:
    def found(replacement: str, size: int | None) -> Json:
        point = {"size": size, "share": (size or 0) / 100, "accuracy": share(19, 20)}
        return setting("addition/test", replacement) | {
            "full": share(20, 20),
            "points": [],
            "absolute": point if size else None,
            "relative": point if size else None,
        }

    return {
        "universe": "mlp.post_act:channel",
        "nodes": 100,
        "target": 0.9,
        "n": 20,
        "replacements": {"zero": found("zero", 3), "counterfactual": found("counterfactual", None)},
    }


def task(right: int = 19) -> Json:
    return {
        "task": "ioi",
        "config": {"name": "ioi", "n": {"train": 40, "test": 40}, "seed": 0},
        "sizes": {"train": 40, "validation": 20, "test": 40, "reference": 20},
        "worth": {
            "task": "ioi",
            "split": "ioi/validation",
            "criterion": "exact",
            "accuracy": share(right, 20),
            "metrics": {"logit_difference": average(6.0), "above_foil": average(1.0)},
        },
    }


def find() -> Json:
    metric = {"name": "logit_difference", "definition": "right tokens less the foils"}
    return {
        "method": "attribution",
        "split": "ioi/train",
        "n": 40,
        "metric": metric,
        "universe": "mlp.post_act:channel,attn.z:head",
        "nodes": 100,
    }


def frontier(
    points: list[tuple[int, int]] | None = None,
    *,
    full: int = 19,
    smallest: int | None = 25,
    replacement: str = "mean",
    nodes: int = 100,
) -> Json:
    """Points are (size, right of 20)."""
    points = [(0, 0), (10, 4), (25, 18), (100, 19)] if points is None else points
    rows = []
    for size, right in points:
        accuracy = share(right, 20)
        accuracy["accuracy"] = accuracy.pop("value")
        rows.append({"size": size, "share": size / nodes} | accuracy)
    found = {"size": smallest, "share": smallest / nodes} if smallest is not None else None
    return setting("ioi/validation", replacement) | {
        "full": share(full, 20),
        "points": rows,
        "target": 0.9,
        "relative": True,
        "smallest": found,
    }


def select(size: int = 25) -> Json:
    rows = [
        {"layer": layer, "site": site, "granularity": kind, "kept": kept, "total": total}
        for site, kind, total, counts in (
            ("mlp.post_act", "channel", 46, (20, 0)),
            ("attn.z", "head", 4, (4, 1)),
        )
        for layer, kept in enumerate(counts)
    ]
    sizes = {"size": size, "share": size / 100, "by_part": parts(), "by_layer": rows}
    return sizes | {"summary": summary()}


def summary() -> Json:
    """Two layers of four heads and 46 MLP channels; the second MLP is gone."""
    rows = [
        {
            "layer": layer,
            "attention": True,
            "mlp": hidden > 0,
            "heads": kept(len(heads), 4),
            "kept_heads": heads,
            "head_channels": kept(8 * len(heads), 32),
            "hidden": kept(hidden, 46),
            "outputs": kept(32 if hidden else 0, 32),
        }
        for layer, heads, hidden in ((0, [0, 1, 2, 3], 20), (1, [2], 0))
    ]
    parts = {
        "attn.z:head": kept(5, 8) | {"gated": True},
        "mlp.resid_delta:block": kept(1, 2) | {"gated": False},
    }
    counts = {"edges": kept(31, 71), "parameters": kept(900, 1800)}
    counts |= {"paper_edges": kept(40, 74), "paper_parameters": kept(950, 1900)}
    return {"granularities": parts, "layers": rows} | counts


def kept(some: int, total: int) -> Json:
    return {"kept": some, "total": total}


def parts() -> Json:
    return {
        "mlp.post_act:channel": {"kept": 20, "total": 92},
        "attn.z:head": {"kept": 5, "total": 8},
    }


def verify(**changes: Any) -> Json:
    full, circuit = share(37, 40), share(36, 40)
    return (
        setting()
        | {
            "size": 25,
            "share": 0.25,
            "by_part": parts(),
            "n": 40,
            "full": full,
            "teacher_forced": circuit,
            "autoregressive": circuit,
            "ar_by": "induction",
            "relative": 36 / 37,
            "kl": average(0.18),
            "metrics": {"logit_difference": {"full": average(6.08), "circuit": average(5.39)}},
            "empty": share(0, 40),
            "empty_leaks": False,
            "random": [share(0, 40), share(2, 40)],
            "necessity": share(1, 40),
            "necessity_random": [share(30, 40), share(34, 40)],
        }
        | changes
    )


def extract(replacement: str = "mean") -> Json:
    return {
        "replacement": replacement,
        "layout": "per_layer",
        "parameters": {"full": 1000, "extracted": 820},
        "file_bytes": 3280,
    }


def measure(speed: float = 1.3, **changes: Any) -> Json:
    models = [
        {
            "what": what,
            "parameters": parameters,
            "bytes": 4 * parameters,
            "flops_per_token": 2.0 * parameters,
            "tokens_per_second": 100.0 * times,
            "tokens_per_second_range": [95.0 * times, 105.0 * times],
            "forwards": 7,
            "load_seconds": 1.5,
            "peak_mb": 500.0,
        }
        for what, parameters, times in (
            ("full", 1000, 1.0),
            ("masked", 1000, 0.9),
            ("extracted", 820, speed),
        )
    ]
    rest = {"max_logit_difference": 3.7e-5, "same_argmax": 40, "rows": 40, "length": 21}
    how = {"logit_scale": 20.0, "dtype": "float32", "threads": 2}
    return {"models": models} | rest | how | changes


KINDS: dict[str, Callable[[], Json]] = {
    "load": load,
    "task": task,
    "means": lambda: {"reference": "ioi/reference (n=20)", "positions": "all_but_first"},
    "find": find,
    "frontier": frontier,
    "select": select,
    "verify": verify,
    "extract": extract,
    "measure": measure,
}


def stage(kind: str, metrics: Json | None = None, **more: Any) -> Json:
    metrics = KINDS[kind]() if metrics is None else metrics
    return {"kind": kind, "key": "95817caa3f6cb42d", "seconds": 2.5, "metrics": metrics} | more


def whole() -> Json:
    """One stage of each kind, named after it."""
    return {kind: stage(kind) for kind in KINDS}


def results(stages: Json, recipe: str = "demo") -> Json:
    return {"schema_version": 1, "recipe": recipe, "stages": stages}


def page_of(folder: Path, stages: Json, recipe: str = "demo") -> str:
    """The page of a run with these stages."""
    (folder / "results.json").write_text(json.dumps(results(stages, recipe)), encoding="utf-8")
    return tapeout.report.write_report(folder).read_bytes().decode("utf-8")


class Page(HTMLParser):
    """What a browser sees: the elements with their attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.pieces: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append((self.open[-1] if self.open else "", data))

    @property
    def structure(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]

    @property
    def text(self) -> str:
        return "".join(piece for tag, piece in self.pieces if tag not in HIDDEN)
