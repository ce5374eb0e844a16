import json
import re
from pathlib import Path

import pytest

from tapeout.errors import CorpusError
from tapeout.sparse import END, Corpus, CorpusConfig, Document, TokenFile, prepare
from tapeout.sparse._prepare import _names
from tapeout.tasks.python import programs, usability

from ..code_tokenizer import bytes_only, source_texts


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> CorpusConfig:
    folder = tmp_path_factory.mktemp("source")
    for row, text in enumerate(source_texts()[:4]):
        (folder / f"{row}.py").write_text(text[:60_000], encoding="utf-8")
    return CorpusConfig(
        source=str(folder),
        vocabulary=1200,
        validation=0.2,
        tokenizer_programs=1500,
        programs=300,
        tasks=("single_double_quote", "var_swap"),
    )


@pytest.fixture(scope="module")
def folder(config: CorpusConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made") / "corpus"
    seen = []
    prepare(place, config, progress=lambda *about: seen.append(about))
    assert seen[0] == ("tokenizer", 0, 1)
    assert {what for what, _, _ in seen} == {
        *("tokenizer", "train", "validation", "programs", "validation_programs")
    }
    return place


def text_of(corpus: Corpus, file: TokenFile) -> str:
    return str(corpus.tokenizer.decode(file.window(0, len(file)).tolist()))


def test_what_is_in_it(folder: Path, config: CorpusConfig):
    corpus = Corpus.open(folder)
    assert (corpus.train.documents, corpus.validation.documents) == (3, 1)
    assert (corpus.programs.documents, corpus.validation_programs.documents) == (300, 15)
    assert len(corpus.tokenizer) == corpus.train.vocabulary == 1200
    documents = {path.read_text() for path in Path(config.source).glob("*.py")}
    held = text_of(corpus, corpus.validation)
    trained = text_of(corpus, corpus.train).split(END)[1:-1]
    assert len(trained) == 3 and {*trained, *held.split(END)[1:-1]} == documents
    mixed = text_of(corpus, corpus.programs)
    listed = "".join(programs(2000, split=None))
    assert mixed.count(END) == 301
    assert len(set(re.findall(r"[a-z]+", mixed)) - set(re.findall(r"[a-z]+", listed))) > 20
    assert sum(fit.usable > 0 for fit in usability(corpus.tokenizer)) >= 18


def test_names_do_not_change_with_the_process():
    """Python's hashes do, so the order of equally frequent words is that of the text."""
    words = [first + second + "x" for first in "zyxwvu" for second in "mabc"]
    documents = [Document(f"{row}.py", " ".join(words), str(row)) for row in range(3)]
    assert _names(documents) == words


def test_a_finished_corpus_is_opened(folder: Path, config: CorpusConfig):
    before = (folder / "train.safetensors").stat().st_mtime_ns
    prepare(folder, config)
    assert (folder / "train.safetensors").stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]
    with pytest.raises(CorpusError, match="is made of something else"):
        prepare(folder, CorpusConfig(source=config.source))


def test_what_is_damaged_or_foreign(folder: Path, config: CorpusConfig, tmp_path: Path):
    with pytest.raises(CorpusError, match="holds no corpus: use another folder"):
        prepare(tmp_path, config)
    with pytest.raises(CorpusError, match="there is no tokenizer"):
        Corpus.open(tmp_path)
    bytes_only().save_pretrained(tmp_path / "tokenizer")
    for path in folder.glob("*.safetensors"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CorpusError, match=r"train.safetensors was made with another tokenizer"):
        Corpus.open(tmp_path)
    (tmp_path / "corpus.json").write_text(json.dumps({"source": "other"}))
    with pytest.raises(CorpusError, match="is made of something else"):
        prepare(tmp_path, config)


def test_nothing_is_left_of_a_failed_one(tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CorpusError, match="no usable text"):
        prepare(tmp_path / "corpus", CorpusConfig(source=str(empty)))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
