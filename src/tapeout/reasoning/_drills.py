"""Bare equations: many times as much arithmetic in as many tokens as in worked problems."""

import random

LARGE = (12, 30, 99)


def equation(rng: random.Random) -> tuple[str, str]:
    """A left side and its result, such as ` 12 * 3 = ` and `36.`: as solutions write them."""
    sign = rng.choice("+-*/")
    if sign in "+-":
        a, b = (rng.randint(2, 10 ** rng.choice((1, 2, 2, 3)) - 1) for _ in range(2))
        left, result = (f"{a} + {b}", a + b) if sign == "+" else (f"{a + b} - {b}", a)
    else:
        a, b = rng.randint(2, 12), rng.randint(2, rng.choice(LARGE))
        a, b = (a, b) if rng.random() < 0.5 else (b, a)
        left, result = (f"{a} * {b}", a * b) if sign == "*" else (f"{a * b} / {b}", a)
    return f" {left} = ", f"{result}."
