"""Documents that a Word document includes at a place of its text (``altChunk``: ECMA-376, part 1, 17.17.2)."""

from collections.abc import Callable
from pathlib import Path

from app.domain.errors import DocumentError, ParseLimitExceededError, UnsupportedTypeError
from app.domain.media import DOCX, EML, MHTML, RTF
from app.pipeline.parse.embedded import open_embedded, read_file
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.package import OoxmlPackage

_MAX_DOCUMENTS = 1000


class EmbeddedDocuments:
    """Reads the documents in a package, each once.

    Args:
        package: The package.
        budget: Limits their characters, because one may be included many times.
        limits: The limits of each.
        read_word: Returns the text of a Word document, which may include others; None where these are nested too deep.
    """

    def __init__(
        self,
        package: OoxmlPackage,
        budget: Budget,
        limits: Limits,
        read_word: Callable[[OoxmlPackage], str] | None,
    ) -> None:
        self._package = package
        self._budget = budget
        self._limits = limits
        self._read_word = read_word
        self._texts: dict[str, str] = {}

    def read(self, name: str) -> str:
        """The text of the document in a part; empty where it is missing, damaged or of a type that is not included.

        Raises:
            DocumentEncryptedError, ParseLimitExceededError
        """
        if name not in self._texts:
            if len(self._texts) >= _MAX_DOCUMENTS:
                raise ParseLimitExceededError(f"It includes more than {_MAX_DOCUMENTS} documents.")
            self._texts[name] = self._read(name)
        self._budget.spend(len(self._texts[name]))
        return self._texts[name]

    def _read(self, name: str) -> str:
        try:
            with open_embedded(name, self._package.read_bytes(name) or b"") as (path, media_type):
                return self._read_file(path, media_type)
        except ParseLimitExceededError:
            raise
        except (DocumentError, UnsupportedTypeError):
            return ""  # the document around it is readable

    def _read_file(self, path: Path, media_type: str) -> str:
        if media_type == DOCX and self._read_word is not None:
            with OoxmlPackage(path, self._limits) as package:
                return self._read_word(package)
        if media_type.startswith("text/") or media_type in {RTF, EML, MHTML}:
            return read_file(path, media_type, self._limits)
        return ""
