"""The values of form fields (AcroForm), as the file states them: their drawn appearance may be missing or cut."""

import re

import pypdfium2.raw as pdfium_raw

from app.pipeline.parse.pdf.strings import Handle, read_string

_PASSWORD = 1 << 13
_TICKS = (pdfium_raw.FPDF_FORMFIELD_CHECKBOX, pdfium_raw.FPDF_FORMFIELD_RADIOBUTTON)
_CHOICES = (pdfium_raw.FPDF_FORMFIELD_COMBOBOX, pdfium_raw.FPDF_FORMFIELD_LISTBOX)
_MAX_OPTIONS = 1000
TICKED, EMPTY = "☒", "☐"
_INDEX = re.compile(r"\[\d+\]")


def read_tick(form: Handle, field: Handle) -> str | None:
    """A sign for a tick box or radio button; None for other fields."""
    if pdfium_raw.FPDFAnnot_GetFormFieldType(form, field) not in _TICKS:
        return None
    return TICKED if pdfium_raw.FPDFAnnot_IsChecked(form, field) else EMPTY


def read_value(form: Handle, field: Handle) -> str:
    """The text of a text field, or the chosen options; empty for passwords, buttons and signatures."""
    kind = pdfium_raw.FPDFAnnot_GetFormFieldType(form, field)
    if kind in _CHOICES:
        return _read_choice(form, field)
    if kind != pdfium_raw.FPDF_FORMFIELD_TEXTFIELD:
        return ""
    if pdfium_raw.FPDFAnnot_GetFormFieldFlags(form, field) & _PASSWORD:
        return ""
    return read_string(pdfium_raw.FPDFAnnot_GetFormFieldValue, form, field).strip()


def _read_choice(form: Handle, field: Handle) -> str:
    """The labels of the chosen options; the value itself where it is none of them."""
    count = pdfium_raw.FPDFAnnot_GetOptionCount(form, field)
    labels = [
        read_string(pdfium_raw.FPDFAnnot_GetOptionLabel, form, field, index)
        for index in range(min(count, _MAX_OPTIONS))
        if pdfium_raw.FPDFAnnot_IsOptionSelected(form, field, index)
    ]
    return ", ".join(filter(None, labels)) or read_string(pdfium_raw.FPDFAnnot_GetFormFieldValue, form, field).strip()


def is_signature(form: Handle, field: Handle) -> bool:
    """Whether the field is a signature, whose text is only drawn."""
    return bool(pdfium_raw.FPDFAnnot_GetFormFieldType(form, field) == pdfium_raw.FPDF_FORMFIELD_SIGNATURE)


def read_name(form: Handle, field: Handle) -> str:
    """The name for readers, else the last part of the technical name; of a radio button with its option."""
    shown = read_string(pdfium_raw.FPDFAnnot_GetFormFieldAlternateName, form, field).strip()
    technical = read_string(pdfium_raw.FPDFAnnot_GetFormFieldName, form, field)
    name = shown or _INDEX.sub("", technical.rpartition(".")[2]).strip()
    if pdfium_raw.FPDFAnnot_GetFormFieldType(form, field) == pdfium_raw.FPDF_FORMFIELD_RADIOBUTTON:
        name = f"{name}: {read_string(pdfium_raw.FPDFAnnot_GetFormFieldExportValue, form, field)}"
    return name
