"""How well each method finds a circuit that was planted (see planted.py).

    python benchmarks/planted_circuits.py

AUROC: the chance that a node (or edge) of the task's own branch scores above one of the other
branch; 0.5 is chance. An edge belongs to the branch if both of its ends do; edges between branches
count as the other's, and those from the embedding to the logits are left out.
"""

import argparse
import time

from _result import write

MASK = {"batch_size": 16, "learning_rate": 0.1, "steps": 400}


def auroc(scores, positive) -> float:
    """Probability that a positive is above a negative, ties counting half."""
    import torch

    order = torch.argsort(scores)
    ranks = torch.empty(len(scores), dtype=torch.float64)
    ranks[order] = torch.arange(1, len(scores) + 1, dtype=torch.float64)
    for value in scores.unique():
        same = scores == value
        ranks[same] = ranks[same].mean()
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def node_methods(model, task, means):
    """Name -> scores of all nodes."""
    from planted import SPEC

    import tapeout.find as find
    from tapeout.find.masks import HardConcrete, Heaviside, MaskConfig, Penalty, learn_mask

    def attribution(**options):
        return find.attribution(model, task.train, SPEC, means=means, **options).values

    def mask(**options):
        config = MaskConfig(**(MASK | options))
        return learn_mask(model, task.train, SPEC, means=means, config=config).scores.values

    small = Penalty(weight=0.3)
    return {
        "random": lambda: find.random(model, SPEC).values,
        "frequency": lambda: find.frequency(model, task.train, SPEC).values,
        "gradient x activation": lambda: attribution(baseline="zero"),
        "attribution patching": lambda: attribution(baseline="counterfactual"),
        "attribution, means": lambda: attribution(baseline="mean"),
        "integrated gradients, inputs": lambda: attribution(integrate="inputs"),
        "integrated gradients, activations": lambda: attribution(integrate="activations"),
        "mask: hard concrete, KL": lambda: mask(gate=HardConcrete(), size=small),
        "mask: hard concrete, task": lambda: mask(objective="task", size=small),
        "mask: Heaviside, means, task": lambda: mask(
            gate=Heaviside(), replacement="mean", objective="task", size=small, learning_rate=0.02
        ),
    }


def edge_methods(model, task):
    """Name -> scores of all edges."""
    import tapeout.find as find
    from tapeout.find.masks import MaskConfig, Penalty, learn_edges

    def attribution(**options):
        return find.edge_attribution(model, task.train, **options).values.abs()

    return {
        "EAP": lambda: attribution(),
        "EAP-IG, inputs": lambda: attribution(integrate="inputs"),
        "clean-corrupted": lambda: attribution(integrate="ends"),
        "edge pruning": lambda: (
            learn_edges(
                model, task.train, config=MaskConfig(**MASK, size=Penalty(weight=0.3))
            ).scores.values
        ),
    }


def edge_truth(model, kind, universe):
    """Which edges are the branch's, and which count at all. An MLP belongs to both branches."""
    import torch

    heads = model.shape.heads(0)
    own = range(heads // 2) if kind == "max" else range(heads // 2, heads)

    def belongs(name):
        head = name.partition(".h")[2].partition("<")[0]
        return not head or int(head) in own

    def is_head(name):
        return ".h" in name

    truth, counts = [], []
    for edge in range(universe.size):
        writer, _, reader = universe.name(edge).partition("->")
        truth.append(belongs(writer) and belongs(reader))
        counts.append(is_head(writer) or is_head(reader))
    return torch.tensor(truth), torch.tensor(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default="gpt2,llama")
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()

    from planted import SPEC, branch, planted, task_of

    from tapeout.interventions import edges_of, means_over

    began, rows = time.perf_counter(), []
    for family in asked.families.split(","):
        for seed in range(asked.seeds):
            model, accuracy = planted(family, seed)
            print(model.name, f"{accuracy:.3f} right")
            for kind in ("max", "min"):
                task = task_of(model, kind)
                about = {"model": model.name, "task": kind, "accuracy": round(accuracy, 4)}
                truth, means = branch(model, kind), means_over(model, task.reference, SPEC)
                heads = truth.clone().fill_(False)
                heads[: 2 * model.shape.heads(0)] = True
                for method, scores in node_methods(model, task, means).items():
                    values = scores()
                    for level, part in (("head", heads), ("channel", ~heads)):
                        score = auroc(values[part], truth[part])
                        rows.append(about | {"method": method, "level": level, "auroc": score})
                edges = edges_of(model)
                truth, counts = edge_truth(model, kind, edges)
                for method, scores in edge_methods(model, task).items():
                    score = auroc(scores()[counts], truth[counts])
                    rows.append(about | {"method": method, "level": "edge", "auroc": score})
    for row in rows:
        row["auroc"] = round(row["auroc"], 4)
    write("planted-circuits", rows, time.perf_counter() - began)


if __name__ == "__main__":
    main()
