"""The files of an EPUB, also where their names are not written as the standard asks."""

import posixpath
import unicodedata
from urllib.parse import unquote, urlsplit

from lxml import etree

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError
from app.pipeline.parse.xml import local
from app.pipeline.parse.zip_package import ZipPackage, resolve

_FONT_OBFUSCATION = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}


class EpubPackage:
    """Finds the parts of an EPUB.

    Args:
        package: The open zip.
    """

    def __init__(self, package: ZipPackage) -> None:
        self._package = package
        self._folder = ""
        self._names = {_simplify(name): name for name in reversed(package.names())}

    def names(self) -> list[str]:
        """The names of all files."""
        return self._package.names()

    def find(self, reference: str) -> str | None:
        """The file to which a reference in the package document leads.

        Its escapes, its upper and lower case and its form of accents may differ from the name in the zip.
        """
        try:
            path = urlsplit(reference.strip()).path
        except ValueError:
            return None
        for folder in dict.fromkeys((self._folder, "")):
            for written in dict.fromkeys((unquote(path), path)):
                name = resolve(folder, written.replace("\\", "/"))
                if name in self._package:
                    return name
                if found := self._names.get(_simplify(name)):
                    return found
        return None

    def read_book(self) -> etree._Element | None:
        """The package document, which lists the chapters; None where only pages without one are left.

        Raises:
            DocumentDamagedError: when there are no pages either.
        """
        name = self._find_book()
        if name is None:
            if any(item.lower().endswith(("html", ".htm")) for item in self.names()):
                return None
            raise DocumentDamagedError("It has no package document.")
        self._folder = posixpath.dirname(name)
        return self._read(name)

    def list_encrypted(self) -> set[str]:
        """The encrypted files. Obfuscated fonts do not count.

        Raises:
            DocumentEncryptedError: when something is encrypted that is not named.
        """
        listed = self._read("META-INF/encryption.xml") if "META-INF/encryption.xml" in self._package else None
        found = set[str]()
        for data in listed.iter("{*}EncryptedData") if listed is not None else ():
            methods = [item.get("Algorithm") for item in data if local(item) == "EncryptionMethod"]
            if methods and methods[0] in _FONT_OBFUSCATION:
                continue
            references = [item.get("URI") for item in data.iter("{*}CipherReference")]
            if not all(references) or not references:
                raise DocumentEncryptedError
            found |= {resolve("", unquote(reference)) for reference in references if reference}
        return found

    def _find_book(self) -> str | None:
        container = self._read("META-INF/container.xml") if "META-INF/container.xml" in self._package else None
        roots = container.iter("{*}rootfile") if container is not None else iter(())
        named = (self.find(root.get("full-path") or "") for root in roots)
        books = (name for name in self.names() if name.lower().endswith(".opf"))
        return next((name for name in (*named, *books) if name), None)

    def _read(self, name: str) -> etree._Element | None:
        """The root of an XML part. Errors that do not hide its elements, such as unknown entities, do not matter."""
        try:
            return self._package.read(name)
        except DocumentDamagedError:
            data = self._package.read_bytes(name) or b""
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
            try:
                return etree.fromstring(data.strip(), parser)
            except (etree.XMLSyntaxError, ValueError):
                return None


def _simplify(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).replace("\\", "/").casefold()
