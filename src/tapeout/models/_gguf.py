"""Reading a GGUF file into an ordinary model that can be saved again."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ..errors import ModelError


def read_gguf(path: Path, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """A causal LM with dequantised weights, and its tokenizer.

    Raises:
        ModelError: the file is damaged, or of an architecture that transformers cannot read.
    """
    source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    try:
        read = AutoModelForCausalLM.from_pretrained(**source, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(**source)
    except Exception as error:  # the readers raise whatever the damaged bytes lead them into
        raise ModelError(f"cannot read {path.name} as a GGUF model: {error}") from error
    # transformers marks a model read from GGUF as quantised and then refuses to save it
    config: Any = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = type(read)(config)
    model.load_state_dict(read.state_dict(), assign=True)
    model.tie_weights()
    return model.eval(), tokenizer
