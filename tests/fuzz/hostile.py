"""All handmade hostile files."""

from collections.abc import Callable, Mapping

from tests.fuzz import hostile_markup, hostile_office, hostile_pdf, hostile_text, hostile_zip
from tests.fuzz.case import Source, Trick

_MAKERS: dict[str, Callable[[], Mapping[str, Source]]] = {
    "pdf": hostile_pdf.make,
    "html": hostile_markup.make,
    "zip": hostile_zip.make,
}


def list_tricks() -> list[Trick]:
    """The files, each named after its trick."""
    made = [Trick(form, way, source) for form, make in _MAKERS.items() for way, source in make().items()]
    many = {**hostile_office.make(), **hostile_text.make()}
    return made + [Trick(form, way, source) for (form, way), source in many.items()]
