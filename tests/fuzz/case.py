from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A file to upload: its format by the ending it bears, and how it came to be what it is."""

    form: str
    way: str
    data: bytes
