"""Files within a PDF: embedded ones, and those that annotations attach to a place."""

import ctypes

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.domain.documents import Attachment, Page
from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.pdf.strings import Handle, read_string
from app.pipeline.text import clean_line

_MAX_FILES = 1000
_NAME = 255
_UNPACKED = 2


class AttachedFiles:
    """Collects the files within a document, each once.

    A file that exceeds the limits is only named. pdfium unpacks a file to tell its size, and many names may refer to
    one file, so the bytes that it unpacks are limited too.
    """

    def __init__(self, limits: Limits) -> None:
        self.names: list[str] = []
        self.files: list[Attachment] = []
        self._budget = Budget(limits.inflated_bytes, "")
        self._unpacked_left = _UNPACKED * limits.inflated_bytes

    def add_embedded(self, document: pdfium.PdfDocument) -> None:
        """Add the files that the catalog lists."""
        for index in range(min(pdfium_raw.FPDFDoc_GetAttachmentCount(document), _MAX_FILES)):
            handle = pdfium_raw.FPDFDoc_GetAttachment(document, index)
            if handle:
                self.add(read_string(pdfium_raw.FPDFAttachment_GetName, handle), self._read(handle))

    def add_annotation(self, annotation: Handle) -> None:
        """Add the file of an annotation."""
        handle = pdfium_raw.FPDFAnnot_GetFileAttachment(annotation)
        if handle and len(self.names) < _MAX_FILES:
            self.add(read_string(pdfium_raw.FPDFAttachment_GetName, handle), self._read(handle))

    def add(self, name: str, content: bytes | None) -> None:
        """Add a file by its name; ``content`` is None where it could not be read."""
        name = clean_line(name.replace("\\", "/").rpartition("/")[2], _NAME) or "attachment"
        file = Attachment(name, content) if content is not None and self._fits(len(content)) else None
        if file in self.files:
            return
        self.names.append(name)
        if file:
            self.files.append(file)
            self._budget.spend(len(file.content))

    def list_on(self, pages: list[Page]) -> list[Page]:
        """The pages with the names at the end of the last page that has text, or of the last one."""
        if not self.names or not pages:
            return pages
        place = max((index for index, page in enumerate(pages) if page.text.strip()), default=len(pages) - 1)
        line = f"Attachments: {', '.join(dict.fromkeys(self.names))}"
        text = "\n\n".join(filter(None, (pages[place].text.rstrip(), line)))
        return [*pages[:place], Page(pages[place].number, text), *pages[place + 1 :]]

    def _fits(self, size: int) -> bool:
        try:
            self._budget.check(size)
        except ParseLimitExceededError:
            return False
        return True

    def _read(self, handle: Handle) -> bytes | None:
        size = ctypes.c_ulong()
        if self._unpacked_left < 0 or not pdfium_raw.FPDFAttachment_GetFile(handle, None, 0, size):
            return None
        self._unpacked_left -= size.value
        if not self._fits(size.value):
            return None
        buffer = ctypes.create_string_buffer(size.value)
        if not pdfium_raw.FPDFAttachment_GetFile(handle, buffer, size.value, size):
            return None
        return buffer.raw[: size.value]
