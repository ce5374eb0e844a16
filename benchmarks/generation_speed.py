"""Writing behind a few worked examples: ours against transformers' `generate`, same work, same run.

    python benchmarks/generation_speed.py

`generate` is given the whole prompt in every row; `copied` is `generate` with the examples run once
and their keys and values copied to every row; `ours` shares them without a copy. All write the same
number of tokens without a stop, greedily. The routes take turns; each keeps its fastest of
`--rounds`. `ratio` is to `generate` in the same dtype and batch, `ratio_float32` to `generate` in
float32, and `same` counts the rows that are token for token those of `generate`.
"""

import argparse
import copy
import random
import time

from _result import write

SHOT = (
    "Q: Mia has {a} apples and buys {b} bags of {c} apples each. How many apples does she have?\n"
    "A: Let's think step by step. Mia buys {b} * {c} = {e} apples. {a} + {e} = {f}. "
    "The answer is {f}.\n\n"
)
SHOTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--batches", default="32")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--new", type=int, default=35)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--routes", default="generate,copied,ours")
    asked = parser.parse_args()

    import torch

    import tapeout

    began = time.perf_counter()
    rows, base = [], {}
    for dtype in asked.dtypes.split(","):
        model = tapeout.load(asked.model, dtype=dtype)
        model.hf.generation_config.eos_token_id = None
        for batch in map(int, asked.batches.split(",")):
            prefix, prompts = questions(model.tokenizer, batch)
            found = measured(model, prefix, prompts, asked)
            plain = found["generate"]
            base.setdefault(batch, plain["seconds"])  # of the first dtype that was asked for
            for route, result in found.items():
                speed = batch * asked.new / result["seconds"]
                row = {"model": asked.model, "route": route, "dtype": dtype, "batch": batch}
                row |= {"prefix_tokens": len(prefix), "prompt_tokens": max(map(len, prompts))}
                row |= {"new_tokens": asked.new, "seconds": round(result["seconds"], 2)}
                row |= {"tokens_per_second": round(speed, 1)}
                row |= {"ratio": round(plain["seconds"] / result["seconds"], 2)}
                row |= {"ratio_float32": round(base[batch] / result["seconds"], 2)}
                row |= {"same": same(result["ids"], plain["ids"])}
                rows.append(row | {"threads": torch.get_num_threads()})
                print(rows[-1], flush=True)
    write("generation-speed", rows, time.perf_counter() - began)


def questions(tokenizer, n: int) -> tuple[list[int], list[list[int]]]:
    """Tokens of the worked examples, and of `n` questions behind them."""
    rng = random.Random(0)
    prefix = "".join(filled(rng) for _ in range(SHOTS))
    own = (filled(rng).partition(" Mia buys")[0] for _ in range(n))
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)  # noqa: E731
    return encode(prefix), [encode(text) for text in own]


def filled(rng: random.Random) -> str:
    a, b, c = rng.randint(20, 90), rng.randint(2, 9), rng.randint(2, 9)
    return SHOT.format(a=a, b=b, c=c, e=b * c, f=a + b * c)


def measured(model, prefix, prompts, asked) -> dict[str, dict]:
    known = {"generate": repeated, "copied": copied, "ours": ours}
    found = {route: {"seconds": float("inf")} for route in asked.routes.split(",")}
    for _ in range(asked.rounds):
        for route, best in found.items():
            start = time.perf_counter()
            ids = known[route](model, prefix, prompts, asked.new)
            seconds = time.perf_counter() - start
            if seconds < best["seconds"]:
                best |= {"seconds": seconds, "ids": ids}
    return found


def repeated(model, prefix, prompts, new: int) -> list[list[int]]:
    from tapeout.models import Tokens

    tokens = Tokens.pad([prefix + prompt for prompt in prompts])
    settings = {"max_new_tokens": new, "do_sample": False, "pad_token_id": 0}
    whole = model.hf.generate(tokens.ids, attention_mask=tokens.full_mask, **settings)
    return whole[:, tokens.ids.shape[1] :].tolist()


def copied(model, prefix, prompts, new: int) -> list[list[int]]:
    import torch
    from transformers import DynamicCache

    from tapeout.models import Tokens

    cache = DynamicCache(config=model.hf.config)
    start = torch.tensor([prefix])
    with torch.no_grad():
        model.hf(start, past_key_values=cache, use_cache=True, logits_to_keep=1)
    cache = copy.deepcopy(cache)
    cache.batch_repeat_interleave(len(prompts))
    own = Tokens.pad(prompts)
    ids = torch.cat([start.expand(len(prompts), -1), own.ids], dim=1)
    mask = torch.cat([torch.ones_like(ids[:, : len(prefix)]), own.full_mask], dim=1)
    settings = {"max_new_tokens": new, "do_sample": False, "pad_token_id": 0}
    whole = model.hf.generate(ids, attention_mask=mask, past_key_values=cache, **settings)
    return whole[:, ids.shape[1] :].tolist()


def ours(model, prefix, prompts, new: int) -> list[list[int]]:
    from tapeout.generation import SharedPrefix, generate

    shared = SharedPrefix.read(model, prefix)
    found = generate(model, prompts, limit=new, prefix=shared, batch_size=len(prompts))
    return [list(each.ids) for each in found]


def same(found: list[list[int]], expected: list[list[int]]) -> int:
    return sum(a == b for a, b in zip(found, expected, strict=True))


if __name__ == "__main__":
    main()
