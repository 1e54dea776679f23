"""How many characters of a scan the OCR engines read right, and how long they take.

The scans are made here: pages of articles 1 to 3 of the Universal Declaration of Human Rights, clear or skewed, noisy
and compressed. Engines and fonts that are not installed are left out. docs/ocr.md explains the figures.
"""

import io
import os
import resource
from collections.abc import Iterator
from multiprocessing import get_context
from textwrap import wrap
from typing import Any

from app.pipeline.parse.ocr.engine import Engine, OcrError, make_engine
from benchmarks.report.figures import Figure

_TEXTS = {
    "eng": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood. Everyone is entitled to all the"
    " rights and freedoms set forth in this Declaration, without distinction of any kind, such as race, "
    "colour, sex, language, religion, political or other opinion, national or social origin, property, birth "
    "or other status. Everyone has the right to life, liberty and security of person.",
    "deu": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen "
    "begabt und sollen einander im Geist der Brüderlichkeit begegnen. Jeder hat Anspruch auf die in dieser "
    "Erklärung verkündeten Rechte und Freiheiten ohne irgendeinen Unterschied, etwa nach Rasse, Hautfarbe, "
    "Geschlecht, Sprache, Religion, politischer oder sonstiger Überzeugung, nationaler oder sozialer Herkunft,"
    " Vermögen, Geburt oder sonstigem Stand. Jeder hat das Recht auf Leben, Freiheit und Sicherheit der "
    "Person.",
    "spa": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y "
    "conciencia, deben comportarse fraternalmente los unos con los otros. Toda persona tiene todos los "
    "derechos y libertades proclamados en esta Declaración, sin distinción alguna de raza, color, sexo, "
    "idioma, religión, opinión política o de cualquier otra índole, origen nacional o social, posición "
    "económica, nacimiento o cualquier otra condición. Todo individuo tiene derecho a la vida, a la libertad y"
    " a la seguridad de su persona.",
    "chi_sim": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。人人有资格享有"  # noqa: RUF001
    "本宣言所载的一切权利和自由，不分种族、肤色、性别、语言、宗教、政治或其他见解、国籍或社会出身、财产、"  # noqa: RUF001
    "出生或其他身份等任何区别。人人有权享有生命、自由和人身安全。",
    "jpn": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良"
    "心とを授けられており、互いに同胞の精神をもって行動しなければならない。すべて人は、生命、自由及び身体"
    "の安全に対する権利を有する。",
}
"""English, German, Spanish, Chinese and Japanese."""
_FONTS = {
    "chi_sim": ("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc"),
    "jpn": ("NotoSansCJK-Regular.ttc", "ipag.ttf"),
}
_LATIN_FONTS = ("LiberationSerif-Regular.ttf", "DejaVuSerif.ttf")
_REPEATS = 4
_POINTS = 10
_SCANS: dict[str, tuple[float, float]] = {"clear": (0, 0), "poor": (2, 25)}
"""Skew in degrees and the standard deviation of the noise, of 255. Poor scans are JPEG files of low quality too."""


def measure() -> list[Figure]:
    """Characters right and processor seconds for each engine, language, resolution and kind of scan."""
    found = []
    for engine in ("rapidocr", "tesseract"):
        with get_context("spawn").Pool(1) as pool:  # so that the peak memory is that of one engine
            found += pool.apply(_measure_engine, (engine,))
    return found


def _measure_engine(name: str) -> list[Figure]:
    figures: list[Figure] = []
    for language, text in _TEXTS.items():
        try:
            engine = make_engine(name, language)
        except OcrError:
            return []
        for dpi in (150, 300):
            for kind, (skew, noise) in _SCANS.items():
                figures += _measure_page(engine, f"{name}, {language}, {dpi} dpi, {kind}", text, dpi, skew, noise)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return [*figures, Figure(f"{name}, peak memory", peak, "MB")] if figures else []


def _measure_page(engine: Engine, name: str, text: str, dpi: int, skew: float, noise: float) -> Iterator[Figure]:
    language = name.split(", ")[1]
    if (font := _find_font(language, dpi)) is None:
        return
    wanted = "".join((text * _REPEATS).split())
    picture = _draw(text * _REPEATS, font, dpi, skew, noise)
    before = _read_clock()
    try:
        read = "".join(engine.read(picture, 120).text.split())
    except OcrError:  # no data for this language
        return
    yield Figure(name, 100 * (1 - _distance(wanted, read) / len(wanted)), "% of characters")
    yield Figure(f"{name}, time", _read_clock() - before, "s of processor time")


def _read_clock() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _find_font(language: str, dpi: int) -> Any:
    from PIL import ImageFont  # noqa: PLC0415, belongs to an extra

    for name in _FONTS.get(language, _LATIN_FONTS):
        try:
            return ImageFont.truetype(name, _POINTS * dpi // 72)
        except OSError:
            continue
    return None


def _draw(text: str, font: Any, dpi: int, skew: float, noise: float) -> Any:
    """An A4 page of text as a scanner delivers it."""
    import numpy as np  # noqa: PLC0415, as below
    from PIL import Image, ImageDraw  # noqa: PLC0415, belongs to an extra

    page = Image.new("L", (dpi * 827 // 100, dpi * 1169 // 100), 245)
    pen = ImageDraw.Draw(page)
    columns = int(page.width * 0.8 / pen.textlength("n" if text.isascii() or " " in text else "国", font=font))
    for row, line in enumerate(wrap(text, columns)):
        pen.text((page.width * 0.1, page.height * 0.08 + row * _POINTS * dpi / 72 * 1.5), line, font=font, fill=30)
    if skew or noise:
        page = page.rotate(skew, fillcolor=245, resample=Image.Resampling.BICUBIC)
        noisy = np.asarray(page) + np.random.default_rng(1).normal(0, noise, (page.height, page.width))
        file = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=40)
        page = Image.open(file)
    return np.array(page, dtype=np.uint8)


def _distance(wanted: str, found: str) -> int:
    """The edit distance: characters inserted, left out and replaced."""
    row = list(range(len(found) + 1))
    for index, char in enumerate(wanted, 1):
        diagonal, row[0] = row[0], index
        for place, other in enumerate(found, 1):
            best = min(row[place] + 1, row[place - 1] + 1, diagonal + (char != other))
            diagonal, row[place] = row[place], best
    return row[-1]
