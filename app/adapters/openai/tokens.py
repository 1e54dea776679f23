"""Counts tokens as OpenAI's embedding models do: byte pairs of ``cl100k_base``. An estimate for other models.

Only the compiled module of the wheel ``bpe-openai`` is loaded. Its Python package would read two vocabularies into
dictionaries, which takes 70 MB and half a second. The module takes 33 MB, which forked processes share.
"""

from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import module_from_spec
from typing import Any

from app.adapters.packages import find_package
from app.domain.errors import StartupError

_VOCABULARY = "cl100k_base"


class TokenCounter:
    """Counts tokens, and cuts texts between tokens. Threads can share it, and so can processes across a fork.

    Raises:
        StartupError: the wheel is missing.
    """

    def __init__(self) -> None:
        self._tokenizer = _load_bindings().tokenizer_for_encoding(_VOCABULARY)

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        return int(self._tokenizer.count(replace_surrogates(text)))

    def cut(self, text: str, limit: int) -> tuple[str, int]:
        """Cut a text to at most ``limit`` tokens; returns the text and its number of tokens."""
        text = replace_surrogates(text)
        tokens = None
        while (count := self._tokenizer.count_till_limit(text, limit)) is None:
            tokens = self._tokenizer.encode(text)[:limit] if tokens is None else tokens[:-1]
            text = self._decode(tokens)
        return text, int(count)

    def _decode(self, tokens: list[int]) -> str:
        """Decode tokens, without those at the end that are only a part of a character."""
        while True:
            try:
                return str(self._tokenizer.decode(tokens))
            except ValueError:
                tokens.pop()


def replace_surrogates(text: str) -> str:
    """Replace surrogates, which cannot be encoded as UTF-8, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _load_bindings() -> Any:
    folder = str(find_package("The count of OpenAI's tokens", "bpe_openai"))
    spec = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_bindings")
    if spec is None or spec.loader is None:
        raise StartupError("The package bpe-openai has no compiled module for this machine.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
