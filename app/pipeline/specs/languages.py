"""The languages of source files by their names."""

from pathlib import PurePosixPath

_SUFFIXES = {
    "Python": "py pyi",
    "JavaScript": "js jsx mjs cjs",
    "TypeScript": "ts mts cts",
    "TSX": "tsx",
    "Go": "go",
    "Java": "java",
    "Rust": "rs",
    "C": "c h",
    "C++": "cc cpp cxx hpp hh hxx inl",
    "C#": "cs",
    "Ruby": "rb rake gemspec",
    "PHP": "php",
    "Kotlin": "kt kts",
    "Shell": "sh bash zsh fish",
    "SQL": "sql",
    "HTML": "html htm",
    "CSS": "css scss sass less",
    "Vue": "vue",
    "Svelte": "svelte",
    "Swift": "swift",
    "Scala": "scala sbt",
    "Groovy": "groovy gradle",
    "Lua": "lua",
    "Perl": "pl pm",
    "R": "r",
    "Julia": "jl",
    "Haskell": "hs",
    "Elixir": "ex exs",
    "Erlang": "erl",
    "Clojure": "clj cljs",
    "Dart": "dart",
    "Zig": "zig",
    "Objective-C": "m mm",
    "PowerShell": "ps1",
    "Terraform": "tf hcl",
    "Protocol Buffers": "proto",
    "GraphQL": "graphql gql",
    "Jinja": "j2 jinja",
    "Mako": "mako",
    "CMake": "cmake",
    "Assembly": "s asm",
    "Markdown": "md markdown",
    "reStructuredText": "rst",
    "AsciiDoc": "adoc",
    "YAML": "yaml yml",
    "JSON": "json",
    "TOML": "toml",
    "XML": "xml csproj fsproj props targets",
    "INI": "ini cfg conf properties editorconfig",
    "Text": "txt",
}
_BY_SUFFIX = {suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_BY_NAME = {
    "dockerfile": "Dockerfile",
    "containerfile": "Dockerfile",
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
    "cmakelists.txt": "CMake",
    "gemfile": "Ruby",
    "rakefile": "Ruby",
    "go.mod": "Go module",
    "procfile": "Procfile",
    ".env.example": "Shell",
    ".env.sample": "Shell",
}
PROGRAMMING = frozenset(_SUFFIXES) - {
    "Markdown", "reStructuredText", "AsciiDoc", "YAML", "JSON", "TOML", "XML", "INI", "Text", "HTML", "CSS",
}  # fmt: skip
"""The languages whose files are code."""

OTHER = "Other text"


def find_language(path: str) -> str:
    """The language of a file by its name; ``Other text`` if the name does not show it."""
    name = PurePosixPath(path).name.lower()
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.startswith(("dockerfile.", "makefile.")):
        return _BY_NAME[name.partition(".")[0]]
    return _BY_SUFFIX.get(name.rpartition(".")[2], OTHER) if "." in name else OTHER
