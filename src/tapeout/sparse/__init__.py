"""Weight-sparse transformers: text to train on, and what is trained on it (paper 3)."""

from ..models import write_released
from ..models.abs_topk import abs_topk
from ..models.modeling_weight_sparse import WeightSparseConfig, WeightSparseForCausalLM
from ._bigrams import bigram_logits
from ._bpe import END, encode_documents, open_tokenizer, tokenizer_mark, train_tokenizer
from ._config import SparseTraining
from ._corpus import PYTHON, Document, collect, divide
from ._inference import run_sparse
from ._mixture import Mixture, held_out
from ._prepare import Corpus, CorpusConfig, prepare
from ._projection import Counts, count, project, sparse_parameters
from ._setup import Setup
from ._texts import prepare_texts
from ._tokens import TokenFile, write_tokens
from ._training import Trained, loss_on, train_sparse

__all__ = [
    "END",
    "PYTHON",
    "Corpus",
    "CorpusConfig",
    "Counts",
    "Document",
    "Mixture",
    "Setup",
    "SparseTraining",
    "TokenFile",
    "Trained",
    "WeightSparseConfig",
    "WeightSparseForCausalLM",
    "abs_topk",
    "bigram_logits",
    "collect",
    "count",
    "divide",
    "encode_documents",
    "held_out",
    "loss_on",
    "open_tokenizer",
    "prepare",
    "prepare_texts",
    "project",
    "run_sparse",
    "sparse_parameters",
    "tokenizer_mark",
    "train_sparse",
    "train_tokenizer",
    "write_released",
    "write_tokens",
]
