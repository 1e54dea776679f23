"""Makers of small zipped documents."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.domain.media import EPUB

R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = (
    f'xmlns:office="{_ODF}:office:1.0" xmlns:text="{_ODF}:text:1.0" xmlns:table="{_ODF}:table:1.0" '
    f'xmlns:draw="{_ODF}:drawing:1.0" xmlns:presentation="{_ODF}:presentation:1.0" xmlns:style="{_ODF}:style:1.0" '
    f'xmlns:meta="{_ODF}:meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:chart="{_ODF}:chart:1.0" '
    f'xmlns:svg="{_ODF}:svg-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
)
_CORE = (
    '<cp:coreProperties xmlns:cp="core" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="terms">'
    "<dc:title>Barges</dc:title><dc:creator>Ada</dc:creator><dcterms:created>2026-02-03T04:05:06Z</dcterms:created>"
    "</cp:coreProperties>"
)


def make_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A zip with these parts, in this order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def relate(*relations: tuple[str, str, str]) -> str:
    """A relationships part of ``(id, kind, target)``."""
    items = "".join(f'<Relationship Id="{key}" Type="{R}/{kind}" Target="{to}"/>' for key, kind, to in relations)
    return f'<Relationships xmlns="{_PACKAGE}">{items}</Relationships>'


def shape(*paragraphs: str, place: str = "") -> str:
    """A shape of a slide; ``place`` is its placeholder type."""
    mark = f'<p:ph type="{place}"/>' if place else ""
    text = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in paragraphs)
    return f"<p:sp><p:nvSpPr><p:nvPr>{mark}</p:nvPr></p:nvSpPr><p:txBody>{text}</p:txBody></p:sp>"


def slide(*shapes: str, root: str = "sld") -> str:
    """The XML of a slide or of its notes."""
    tree = f"<p:cSld><p:spTree>{''.join(shapes)}</p:spTree></p:cSld>"
    return f'<p:{root} xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{R}">{tree}</p:{root}>'


def chart(
    title: str, categories: Sequence[str], series: Mapping[str, Sequence[float]], *, code: str = "General"
) -> str:
    """The chart part of columns with these values for each category."""
    runs = f"<a:p><a:r><a:t>{title}</a:t></a:r></a:p>"
    names = "".join(f'<c:pt idx="{at}"><c:v>{name}</c:v></c:pt>' for at, name in enumerate(categories))
    columns = "".join(
        f"<c:ser><c:tx><c:strRef><c:strCache><c:pt idx='0'><c:v>{name}</c:v></c:pt></c:strCache></c:strRef></c:tx>"
        f"<c:cat><c:strRef><c:f>Sheet1!A2</c:f><c:strCache>{names}</c:strCache></c:strRef></c:cat>"
        f"<c:val><c:numRef><c:numCache><c:formatCode>{code}</c:formatCode>"
        + "".join(f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values))
        + "</c:numCache></c:numRef></c:val></c:ser>"
        for name, values in series.items()
    )
    heading = f"<c:title><c:tx><c:rich>{runs}</c:rich></c:tx></c:title>" if title else ""
    content = f"<c:chart>{heading}<c:plotArea><c:barChart>{columns}</c:barChart></c:plotArea></c:chart>"
    return f'<c:chartSpace xmlns:c="{C}" xmlns:a="{A}">{content}</c:chartSpace>'


def diagram(*texts: str) -> str:
    """The data part of a diagram that shows these texts in this order, stored in reverse order."""
    points = "".join(
        f'<d:pt modelId="{at}"><d:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></d:t></d:pt>'
        for at, text in reversed(list(enumerate(texts, 1)))
    )
    links = "".join(
        f'<d:cxn modelId="c{at}" srcId="0" destId="{at}" srcOrd="{at}"/>' for at in range(1, len(texts) + 1)
    )
    content = f'<d:ptLst><d:pt modelId="0" type="doc"/>{points}</d:ptLst><d:cxnLst>{links}</d:cxnLst>'
    return f'<d:dataModel xmlns:d="{A}/diagram" xmlns:a="{A}">{content}</d:dataModel>'


def make_pptx(path: Path, slides: Sequence[str], parts: Mapping[str, str] | None = None) -> Path:
    """A presentation with these slides in this order, stored in reverse order."""
    total = len(slides)
    names = [f"slides/slide{total - index}.xml" for index in range(total)]
    listed = "".join(f'<p:sldId id="{256 + index}" r:id="r{index}"/>' for index in range(total))
    return make_zip(
        path,
        {
            "_rels/.rels": relate(("r", "officeDocument", "ppt/presentation.xml")),
            "docProps/core.xml": _CORE,
            "ppt/presentation.xml": (
                f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>'
            ),
            "ppt/_rels/presentation.xml.rels": relate(*((f"r{i}", "slide", name) for i, name in enumerate(names))),
            **{f"ppt/{name}": content for name, content in zip(names, slides, strict=True)},
            **(parts or {}),
        },
    )


def make_xlsx(
    path: Path,
    sheets: Mapping[str, str],
    *,
    strings: Sequence[str] = (),
    styles: str = "",
    properties: str = "",
    before: str = "",
    after: str = "",
    workbook: str = "",
    parts: Mapping[str, str] | None = None,
) -> Path:
    """A workbook of these sheets, each given as the XML of its rows.

    Args:
        path: Where it is written.
        sheets: The rows by the names of the sheets. The part of the first is ``sheet9.xml``.
        strings: The XML of the shared strings.
        styles: The XML of the styles.
        properties: Attributes of the workbook.
        before: XML before the rows of each sheet.
        after: XML after the rows of each sheet.
        workbook: XML after the list of sheets.
        parts: Further parts.
    """
    listed = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(sheets))
    shared = "".join(f"<si>{item}</si>" for item in strings)
    return make_zip(
        path,
        {
            "_rels/.rels": relate(("r", "officeDocument", "xl/workbook.xml")),
            "docProps/core.xml": _CORE,
            "xl/workbook.xml": (
                f'<workbook xmlns="{S}" xmlns:r="{R}"><workbookPr {properties}/><sheets>{listed}</sheets>'
                f"{workbook}</workbook>"
            ),
            "xl/_rels/workbook.xml.rels": relate(
                *((f"r{i}", "worksheet", f"/xl/worksheets/sheet{9 - i}.xml") for i in range(len(sheets))),
                ("s", "sharedStrings", "sharedStrings.xml"),
                ("t", "styles", "styles.xml"),
            ),
            "xl/sharedStrings.xml": f'<sst xmlns="{S}">{shared}</sst>',
            "xl/styles.xml": f'<styleSheet xmlns="{S}">{styles}</styleSheet>',
            **{
                f"xl/worksheets/sheet{9 - i}.xml": (
                    f'<worksheet xmlns="{S}" xmlns:r="{R}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
                )
                for i, rows in enumerate(sheets.values())
            },
            **(parts or {}),
        },
    )


def make_epub(path: Path, chapters: Sequence[str], parts: Mapping[str, str] | None = None) -> Path:
    """A book with these chapters in its spine, each given as the XML of its body."""
    total = len(chapters)
    names = [f"text/chapter {total - index}.xhtml" for index in range(total)]
    items = "".join(
        f'<item id="c{i}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
        for i, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(total))
    about = "<dc:title>The canal</dc:title><dc:creator>Ada</dc:creator><dc:language>en</dc:language>"
    return make_zip(
        path,
        {
            "mimetype": EPUB,
            "META-INF/container.xml": (
                '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
            ),
            "OEBPS/book.opf": (
                '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
                f"<metadata>{about}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
            ),
            **{
                f"OEBPS/{name}": (
                    '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
                    f"<head><title>unread</title><script src='x.js'/></head><body>{body}</body></html>"
                )
                for name, body in zip(names, chapters, strict=True)
            },
            **(parts or {}),
        },
    )


def make_odf(path: Path, media_type: str, body: str, parts: Mapping[str, str] | None = None) -> Path:
    """An OpenDocument file with this body, such as ``<office:text>…``; ``parts`` replace or extend the usual ones."""
    content = f"<office:body>{body}</office:body>"
    meta = "<dc:title>Barges</dc:title><meta:initial-creator>Ada</meta:initial-creator>"
    return make_zip(
        path,
        {
            "mimetype": media_type,
            "content.xml": f"<office:document-content {_SPACES}>{content}</office:document-content>",
            "meta.xml": f"<office:document-meta {_SPACES}><office:meta>{meta}</office:meta></office:document-meta>",
            **{name: part.replace("SPACES", _SPACES) for name, part in (parts or {}).items()},
        },
    )


def make_flat_odf(path: Path, media_type: str, body: str, parts: str = "") -> Path:
    """An OpenDocument file of one XML document with this body; ``parts`` is what stands before it, such as styles."""
    meta = "<office:meta><dc:title>Barges</dc:title></office:meta>"
    content = f"{meta}{parts}<office:body>{body}</office:body>"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document {_SPACES} office:version="1.3" '
        f'office:mimetype="{media_type}">{content}</office:document>',
        encoding="utf-8",
    )
    return path
