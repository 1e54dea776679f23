"""Numbers with their nouns, for messages and status lines, and numbers that other systems state."""

_MOST_TOKENS = 10**9
"""More than any request has, and few enough to be summed in the database."""


def count_of(number: int, noun: str) -> str:
    """A number and its noun, such as ``1 chunk`` or ``2 chunks``. The plural ends in *s*; a final *y* becomes *ies*."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def read_count(value: object) -> int:
    """A number that another system states of tokens; 0 if it is no number, or none that a request can have."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 < value <= _MOST_TOKENS else 0
