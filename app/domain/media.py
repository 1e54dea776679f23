"""The document types Sluice reads, by the IANA name of each, and the archives it unpacks."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
EPUB = "application/epub+zip"
RTF = "application/rtf"
EML = "message/rfc822"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
XML = "application/xml"
YAML = "application/yaml"
SOURCE = "text/x-source"
"""Programs and their settings in any language; no name for them all is registered."""
TEXT = "text/plain"
ZIP = "application/zip"

SUPPORTED: dict[str, tuple[str, ...]] = {
    PDF: (".pdf",),
    DOCX: (".docx", ".docm"),
    PPTX: (".pptx", ".pptm", ".ppsx"),
    XLSX: (".xlsx", ".xlsm"),
    ODT: (".odt", ".ott"),
    ODS: (".ods", ".ots"),
    ODP: (".odp", ".otp"),
    EPUB: (".epub",),
    RTF: (".rtf",),
    EML: (".eml",),
    HTML: (".html", ".htm", ".xhtml"),
    MARKDOWN: (".md", ".markdown"),
    CSV: (".csv",),
    TSV: (".tsv", ".tab"),
    JSON: (".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"),
    XML: (".xml", ".xsd", ".xsl", ".xslt", ".rss", ".atom"),
    YAML: (".yaml", ".yml"),
    SOURCE: (
        *(".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".java", ".kt", ".scala", ".groovy", ".go"),
        *(".rs", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".cs", ".swift", ".m", ".rb", ".php", ".pl", ".lua"),
        *(".r", ".jl", ".dart", ".ex", ".exs", ".erl", ".hs", ".clj", ".sh", ".bash", ".zsh", ".ps1", ".bat", ".sql"),
        *(".css", ".scss", ".less", ".vue", ".svelte", ".proto", ".graphql", ".tf", ".tex", ".gradle", ".cmake"),
        *(".toml", ".ini", ".cfg", ".conf", ".properties", ".diff", ".patch"),
    ),
    TEXT: (".txt", ".text", ".log", ".rst"),
}
"""What is read, each with the endings its files commonly bear."""

ARCHIVES: dict[str, tuple[str, ...]] = {ZIP: (".zip",)}
"""What holds documents instead of being one."""
