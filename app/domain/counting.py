"""Numbers with their nouns, for messages and status lines."""


def count_of(number: int, noun: str) -> str:
    """A number and its noun, such as ``1 chunk`` or ``2 chunks``. The plural ends in *s*; a final *y* becomes *ies*."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"
