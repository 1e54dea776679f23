"""All files that somebody thought of."""

from tests.fuzz import hostile_markup, hostile_office, hostile_pdf, hostile_text, hostile_zip
from tests.fuzz.case import Case

_MAKERS = {
    "pdf": hostile_pdf.make,
    "html": hostile_markup.make,
    "zip": hostile_zip.make,
}


def list_hostile() -> list[Case]:
    """The files, each named after its trick."""
    made = [Case(form, way, data) for form, make in _MAKERS.items() for way, data in make().items()]
    many = {**hostile_office.make(), **hostile_text.make()}
    return made + [Case(form, way, data) for (form, way), data in many.items()]
