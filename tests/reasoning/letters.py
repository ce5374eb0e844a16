"""A tokenizer of single characters, with or without a chat template."""

import string

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def letters(*, chat: str | None = None, adds_bos: bool = False) -> PreTrainedTokenizerFast:
    vocabulary = {"[UNK]": 0, "[BOS]": 1, "<|end|>": 2, "<|user|>": 3, "<|assistant|>": 4}
    for character in string.printable:
        vocabulary.setdefault(character, len(vocabulary))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[BOS] $A", special_tokens=[("[BOS]", 1)]
        )
    found = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        bos_token="[BOS]",
        additional_special_tokens=["<|end|>", "<|user|>", "<|assistant|>"],
    )
    found.chat_template = chat
    return found
