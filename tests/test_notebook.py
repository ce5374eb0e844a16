from html.parser import HTMLParser

import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import EdgeCircuit, Scores, Universe
from tapeout.interventions import edges_of
from tapeout.notebook import shown
from tapeout.verify import frontier, recovery

from .tiny import tiny
from .words import learnable, word_model, word_task

TEXT = st.text(st.characters(), max_size=400)


class Cells(HTMLParser):
    """What a browser would read of a table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, TEXT)
def test_text_is_text_and_nothing_else(caption: str, cell: str):
    found = shown(caption, ("a", "b"), [(cell,)])
    found.encode("utf-8")
    assert Cells(found).tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_tags_and_lone_surrogates():
    found = Cells(shown("<script>x</script>", ("a",), [("\ud800<b>",), ("y" * 500,)]))
    assert "<script>x</script>" in found.text and "\\ud800<b>" in found.text
    assert "(500 characters)" in found.text and "y" * 301 not in found.text


def test_circuits_evidence_and_frontiers_show_their_numbers():
    model = word_model()
    task = learnable(word_task(), model)
    universe = Universe.of(model.shape, "attn.z:head,mlp.post_act")
    scores = Scores(universe, torch.rand(universe.size, generator=torch.Generator().manual_seed(0)))
    circuit = scores.top(5)
    assert f"5 of {universe.size} nodes" in Cells(circuit._repr_html_()).text
    assert all(part in circuit._repr_html_() for part in circuit.by_part())
    proof = recovery(model, circuit, task.test, "zero", random_seeds=1)
    text = Cells(proof._repr_html_()).text
    assert str(proof.autoregressive) in text and str(proof.empty) in text
    assert text.count("random circuit") == 2 and "zero replacement" in text
    line = frontier(model, scores, task.test, "zero", shares=(0.0, 0.5, 1.0))
    assert all(str(point.accuracy) in line._repr_html_() for point in line.points)


def test_a_circuit_of_edges_shows_itself_too():
    edges = edges_of(tiny("llama"))
    kept = torch.arange(edges.size) < 3
    assert "edges" in EdgeCircuit(edges, kept)._repr_html_()
