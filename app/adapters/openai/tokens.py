"""Tokens as OpenAI's embedding models count them: byte pairs of ``cl100k_base``, an estimate for other models.

Only the compiled part of the wheel ``bpe-openai`` is loaded. Its Python package would read two vocabularies into
dictionaries: 70 MB and half a second, where this takes 33 MB, which processes forked afterwards share.
"""

from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import module_from_spec
from typing import Any

from app.adapters.packages import find_package
from app.domain.errors import StartupError

_VOCABULARY = "cl100k_base"


class TokenCounter:
    """Counts tokens, and cuts texts between two of them. Safe to use from several threads and to share across a fork.

    Raises:
        StartupError: when the wheel is not there.
    """

    def __init__(self) -> None:
        self._tokenizer = _load_bindings().tokenizer_for_encoding(_VOCABULARY)

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return int(self._tokenizer.count(replace_surrogates(text)))

    def cut(self, text: str, limit: int) -> tuple[str, int]:
        """The text, or as much of its beginning as has no more than ``limit`` tokens; and how many it has then."""
        text = replace_surrogates(text)
        tokens = None
        while (count := self._tokenizer.count_till_limit(text, limit)) is None:
            tokens = self._tokenizer.encode(text)[:limit] if tokens is None else tokens[:-1]
            text = self._decode(tokens)
        return text, int(count)

    def _decode(self, tokens: list[int]) -> str:
        """The text of tokens, without those at its end that are part of a character."""
        while True:
            try:
                return str(self._tokenizer.decode(tokens))
            except ValueError:
                tokens.pop()


def replace_surrogates(text: str) -> str:
    """The text with question marks for halves of characters, which no UTF-8 has and no request can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _load_bindings() -> Any:
    folder = str(find_package("The count of OpenAI's tokens", "bpe_openai"))
    spec = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_bindings")
    if spec is None or spec.loader is None:
        raise StartupError("The package bpe-openai has no compiled part for this machine.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
