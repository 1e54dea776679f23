"""Which definitions are public, by the rules of each language."""

from dataclasses import dataclass

from tree_sitter import Node

_SCRIPTS = {"JavaScript", "TypeScript", "TSX"}
_ACCESS = {"private", "protected", "public"}
_HIDDEN = {"private", "protected", "internal", "fileprivate"}
_MODIFIERS = {"modifiers", "modifier", "visibility_modifier", "accessibility_modifier", "storage_class_specifier"}


@dataclass(frozen=True, slots=True)
class Visibility:
    """Decides which definitions of one file are public.

    ``exported`` has the names that statements of their own export. ``exports_all`` says that the file is a script or
    a CommonJS module, which marks no definition as exported.
    """

    language: str
    exported: frozenset[str] = frozenset()
    exports_all: bool = True

    @classmethod
    def of_file(cls, root: Node, language: str) -> "Visibility":
        """The rules for a file with this tree."""
        if language not in _SCRIPTS:
            return cls(language)
        statements = [node for node in root.named_children if node.type == "export_statement"]
        clauses = [child for node in statements for child in node.named_children if child.type == "export_clause"]
        names = [
            name for clause in clauses for one in clause.named_children if (name := one.child_by_field_name("name"))
        ]
        return cls(language, frozenset(_text(name) for name in names), not statements)

    def shows(self, node: Node, name: str, around: str, access: str, *, exported: bool) -> bool:
        """Whether a definition is public.

        Args:
            node: The definition.
            name: Its name.
            around: The kind of the definition around it; empty at the top of the file.
            access: What ``find_access`` says about the place.
            exported: Whether it is part of a statement that exports it.
        """
        modifiers = _read_modifiers(node)
        language = self.language
        if language in _SCRIPTS:
            return self._shows_script(name, modifiers, around, exported=exported)
        rules = {
            "Python": not name.startswith("_"),
            "Go": name[:1].isupper(),
            "Java": "public" in modifiers or around in {"interface", "annotation"},
            "C#": "public" in modifiers or around == "interface",
            "Rust": "pub" in modifiers or around == "trait",
            "C": "static" not in modifiers,
            "C++": access == "public" if access else "static" not in modifiers,
            "Ruby": access != "private" and not name.startswith("_"),
        }
        return rules.get(language, not modifiers & _HIDDEN)

    def _shows_script(self, name: str, modifiers: set[str], around: str, *, exported: bool) -> bool:
        if around and around != "namespace":
            return not name.startswith(("#", "_")) and not modifiers & {"private", "protected"}
        is_hidden = name.rpartition(".")[2].startswith("_") or name.startswith("this.")
        return exported or (self.exports_all and not is_hidden) or name in self.exported


def find_access(node: Node, language: str, present: str = "") -> str:
    """The access that applies after ``node``: C++ and Ruby state it for all definitions that follow."""
    if language == "C++":
        if node.type == "access_specifier":
            return _text(node)
        if node.type == "field_declaration_list":
            is_class = node.parent is not None and node.parent.type == "class_specifier"
            return "private" if is_class else "public"
    if language == "Ruby" and node.type == "identifier" and _text(node) in _ACCESS:
        return "public" if _text(node) == "public" else "private"
    return present


def _read_modifiers(node: Node) -> set[str]:
    words: set[str] = set()
    for child in node.children:
        if child.type in _MODIFIERS:
            words.update(_text(child).split())
    return words


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
