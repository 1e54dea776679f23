"""The supported document types by their IANA media types, and the supported archives."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"
XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
EPUB = "application/epub+zip"
RTF = "application/rtf"
EML = "message/rfc822"
MBOX = "application/mbox"
ICS = "text/calendar"
MSG = "application/vnd.ms-outlook"
HTML = "text/html"
MHTML = "multipart/related"
"""A saved web page with its pictures (RFC 2557)."""
MARKDOWN = "text/markdown"
NOTEBOOK = "application/x-ipynb+json"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
XML = "application/xml"
YAML = "application/yaml"
SOURCE = "text/x-source"
"""Source code and configuration files in any language. IANA has no common media type for them."""
TEXT = "text/plain"
DOC = "application/msword"
PPT = "application/vnd.ms-powerpoint"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
WEBP = "image/webp"
BMP = "image/bmp"
ZIP = "application/zip"
SEVENZIP = "application/x-7z-compressed"
TAR = "application/x-tar"
"""Compressed with gzip, bzip2, xz, or not."""
GZIP = "application/gzip"
"""A single file."""

PICTURES = (PNG, JPEG, TIFF, WEBP, BMP)
"""The types whose text is read by OCR. They are accepted where an engine is installed."""

SUPPORTED: dict[str, tuple[str, ...]] = {
    PDF: (".pdf",),
    DOCX: (".docx", ".docm"),
    PPTX: (".pptx", ".pptm", ".ppsx"),
    XLSX: (".xlsx", ".xlsm", ".xltx", ".xltm"),
    XLS: (".xls", ".xlt"),
    XLSB: (".xlsb",),
    ODT: (".odt", ".ott", ".fodt"),
    ODS: (".ods", ".ots", ".fods"),
    ODP: (".odp", ".otp", ".fodp"),
    EPUB: (".epub",),
    RTF: (".rtf",),
    EML: (".eml",),
    MBOX: (".mbox", ".mbx"),
    MSG: (".msg",),
    ICS: (".ics", ".ical", ".ifb"),
    HTML: (".html", ".htm", ".xhtml", ".xht"),
    MHTML: (".mhtml", ".mht"),
    MARKDOWN: (".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"),
    NOTEBOOK: (".ipynb",),
    CSV: (".csv",),
    TSV: (".tsv", ".tab"),
    JSON: (".json", ".jsonl", ".ndjson", ".geojson"),
    XML: (".xml", ".xsd", ".xsl", ".xslt", ".rss", ".atom"),
    YAML: (".yaml", ".yml"),
    SOURCE: (
        *(".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".java", ".kt", ".scala", ".groovy", ".go"),
        *(".rs", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".cs", ".swift", ".m", ".rb", ".php", ".pl", ".lua"),
        *(".r", ".jl", ".dart", ".ex", ".exs", ".erl", ".hs", ".clj", ".sh", ".bash", ".zsh", ".ps1", ".bat", ".sql"),
        *(".css", ".scss", ".less", ".vue", ".svelte", ".proto", ".graphql", ".tf", ".tex", ".gradle", ".cmake"),
        *(".toml", ".ini", ".cfg", ".conf", ".properties", ".diff", ".patch"),
    ),
    DOC: (".doc", ".dot"),
    PPT: (".ppt", ".pps", ".pot"),
    PNG: (".png",),
    JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"),
    TIFF: (".tif", ".tiff"),
    WEBP: (".webp",),
    BMP: (".bmp", ".dib"),
    TEXT: (".txt", ".text", ".log", ".rst"),
}
"""The document types, each with its usual file extensions."""

ARCHIVES: dict[str, tuple[str, ...]] = {
    ZIP: (".zip",),
    SEVENZIP: (".7z",),
    TAR: (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
    GZIP: (".gz",),
}
"""The archive types, whose entries become documents."""

ACCEPTED: dict[str, tuple[str, ...]] = {**SUPPORTED, **ARCHIVES}
"""Every type that an upload may have."""
