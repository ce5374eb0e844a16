"""How hard an addition is: where it carries, and whether the sum is longer than its operands."""


def carries(a: int, b: int) -> list[bool]:
    """For each column of the longer operand, ones first, whether it carries into the next."""
    out, carry = [], 0
    for _ in range(max(len(str(a)), len(str(b)))):
        a, digit_a = divmod(a, 10)
        b, digit_b = divmod(b, 10)
        carry = int(digit_a + digit_b + carry > 9)
        out.append(bool(carry))
    return out


def carry_regime(a: int, b: int) -> str:
    """One of paper 1's four regimes. The paper names them only; the definitions are ours.

    - `none`: no column carries.
    - `one carry`: exactly one column carries.
    - `full cascade`: every column carries, and there are at least two.
    - `late multi-carry`: two or more columns carry, but not all of them.
    """
    columns = carries(a, b)
    if sum(columns) < 2:
        return "one carry" if any(columns) else "none"
    return "full cascade" if all(columns) else "late multi-carry"


def overflows(a: int, b: int) -> bool:
    """Whether the sum has more digits than the longer operand."""
    return carries(a, b)[-1]
