"""Decides which engine reads scans and pictures, by the settings and by what is installed. Imports no engine."""

import shutil
from importlib.util import find_spec
from typing import Literal

RAPIDOCR, TESSERACT = "rapidocr", "tesseract"
Setting = Literal["auto", "rapidocr", "tesseract", "off"]
INSTALL = 'run make extras EXTRAS="ocr"'
_LANGUAGES = (
    "afr bos cat ces chi_sim chi_tra cym dan deu eng epo est eus fin fra gle glg hrv hun ind isl ita jpn lat lav lit"
    " ltz mlt msa nld nor oci pol por que ron slk slv spa sqi srp_latn swa swe tgl tur"
)
RAPIDOCR_LANGUAGES = frozenset(_LANGUAGES.split())
"""The languages, named as tesseract names them, whose letters the model in the wheel contains: those of Europe in Latin
letters, Chinese and Japanese."""


def choose_engine(setting: Setting, languages: str | None) -> str | None:
    """The engine, or None where OCR is off.

    ``auto`` takes RapidOCR where it is installed and reads the languages, else tesseract where languages are set.

    Args:
        setting: ``OCR_ENGINE``.
        languages: ``OCR_LANGUAGES``, joined by ``+``.
    """
    if setting != "auto":
        return None if setting == "off" else setting
    wanted = set((languages or "").split("+")) - {""}
    if find_spec(RAPIDOCR) and wanted <= RAPIDOCR_LANGUAGES:
        return RAPIDOCR
    return TESSERACT if languages else None


def reads_pictures(setting: Setting, languages: str | None) -> bool:
    """Whether uploaded pictures are read: an engine is there, and Pillow, which decodes them."""
    engine = choose_engine(setting, languages)
    if engine is None or find_spec("PIL") is None:
        return False
    return find_spec(RAPIDOCR) is not None if engine == RAPIDOCR else shutil.which(TESSERACT) is not None
