"""How often short texts in old encodings are decoded without a fault, compared with other libraries on the same texts.

The texts are cut from the passages of the retrieval sets of the corpus beside this checkout, in seven languages.
Libraries that are not installed are left out; chardet and faust-cchardet are no dependencies.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec

from app.pipeline.parse.encoding import decode
from benchmarks.parsing.quality import CORPUS
from benchmarks.report.figures import Figure

_ENCODINGS = {
    "es": ("cp1252", "mac_roman"),
    "de": ("cp1252", "mac_roman"),
    "it": ("cp1252",),
    "zh": ("gbk",),
    "ar": ("cp1256", "iso8859-6"),
    "el": ("cp1253", "iso8859-7"),
    "tr": ("cp1254",),
}
_LENGTHS = (12, 25, 50, 100)
_TEXTS = 60
_PEERS = {"charset_normalizer": "charset-normalizer", "chardet": "chardet", "cchardet": "faust-cchardet"}

Case = tuple[str, bytes]


def measure() -> list[Figure]:
    """The share of texts of each length that are decoded without a fault, in per cent."""
    if not CORPUS.is_dir():
        print(f"encodings: skipped, because there is no corpus at {CORPUS}")
        return []
    cases = {length: list(_make_cases(length)) for length in _LENGTHS}
    decoders = {
        "Sluice": decode,
        **{name: _choose_by(library) for library, name in _PEERS.items() if find_spec(library)},
    }
    return [
        Figure(f"{name}: {length} characters", _rate(decoder, cases[length]), "% decoded without a fault")
        for name, decoder in decoders.items()
        for length in _LENGTHS
    ]


def _make_cases(length: int) -> Iterator[Case]:
    choice = random.Random(length)  # noqa: S311, the same texts each time
    passages = _read_passages()
    for language, encodings in _ENCODINGS.items():
        for _ in range(_TEXTS):
            passage = choice.choice(passages[language])
            start = choice.randrange(max(1, len(passage) - length))
            text = passage[start : start + length]
            for encoding in encodings:
                data = text.encode(encoding, "ignore")
                if data.decode(encoding) == text and not text.isascii():
                    yield text, data


def _read_passages() -> dict[str, list[str]]:
    folder = CORPUS / "retrieval"
    passages = {
        name: list(part["docs"].values()) for name, part in json.loads((folder / "xquad.json").read_text()).items()
    }
    for path in folder.glob("*_??.json.gz"):
        found = json.loads(gzip.decompress(path.read_bytes()))["passages"]
        passages[path.name[-10:-8]] = list(found.values()) if isinstance(found, dict) else found
    return passages


def _rate(decoder: Callable[[bytes], str | None], cases: list[Case]) -> float:
    return 100 * sum(decoder(data) == text for text, data in cases) / len(cases)


def _choose_by(library: str) -> Callable[[bytes], str | None]:
    """Decodes by the encoding that a library detects."""
    module = import_module(library)

    def decode_by(data: bytes) -> str | None:
        encoding = module.detect(data)["encoding"]
        try:
            return data.decode(encoding) if encoding else None
        except (LookupError, UnicodeDecodeError):
            return None

    return decode_by
