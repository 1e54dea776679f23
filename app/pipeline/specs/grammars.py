"""What the definitions and imports of each language are called in its tree-sitter grammar."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from tree_sitter import Language


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language.

    ``kinds`` names each type of node that is a definition; ``scopes`` those whose definitions belong to them.
    ``wrappers`` are other nodes around definitions. ``imports`` are the types of nodes that import.
    """

    package: str
    kinds: Mapping[str, str]
    imports: frozenset[str]
    scopes: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
    function: str = "language"
    comment: tuple[str, ...] = field(default=("comment",))


def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


_CLASS_LIKE = (
    "class_declaration=class interface_declaration=interface enum_declaration=enum record_declaration=record"
    " method_declaration=method"
)
_JAVASCRIPT = (
    "class_declaration=class abstract_class_declaration=class function_declaration=function"
    " generator_function_declaration=function function_signature=function method_definition=method"
    " abstract_method_signature=method interface_declaration=interface type_alias_declaration=type"
    " enum_declaration=enum internal_module=namespace variable_declarator=constant assignment_expression=function"
)
_JAVASCRIPT_SCOPES = "class_declaration abstract_class_declaration internal_module"
_JAVASCRIPT_WRAPPERS = (
    "program export_statement class_body lexical_declaration statement_block ambient_declaration expression_statement"
)
_JAVASCRIPT_IMPORTS = "import_statement export_statement call_expression"
_PREPROCESSOR = "preproc_ifdef preproc_if preproc_else preproc_elif linkage_specification declaration_list"
_C = (
    "function_definition=function declaration=function struct_specifier=struct enum_specifier=enum"
    " union_specifier=union type_definition=type"
)

_GRAMMARS: dict[str, Grammar] = {
    "Python": Grammar(
        "python",
        _pairs("class_definition=class function_definition=function"),
        _split("import_statement import_from_statement future_import_statement"),
        _split("class_definition"),
        _split("module decorated_definition block if_statement else_clause try_statement except_clause"),
    ),
    "JavaScript": Grammar(
        "javascript",
        _pairs(_JAVASCRIPT),
        _split(_JAVASCRIPT_IMPORTS),
        _split(_JAVASCRIPT_SCOPES),
        _split(_JAVASCRIPT_WRAPPERS),
    ),
    "Go": Grammar(
        "go",
        _pairs("function_declaration=function method_declaration=method type_spec=type type_alias=type"),
        _split("import_spec"),
        wrappers=_split("source_file type_declaration"),
    ),
    "Java": Grammar(
        "java",
        _pairs(f"{_CLASS_LIKE} annotation_type_declaration=annotation constructor_declaration=constructor"),
        _split("import_declaration"),
        _split("class_declaration interface_declaration enum_declaration record_declaration"),
        _split("program class_body interface_body enum_body enum_body_declarations"),
        comment=("line_comment", "block_comment"),
    ),
    "Rust": Grammar(
        "rust",
        _pairs(
            "struct_item=struct enum_item=enum union_item=union trait_item=trait function_item=function"
            " function_signature_item=method mod_item=module const_item=constant static_item=constant type_item=type"
        ),
        _split("use_declaration"),
        _split("trait_item mod_item impl_item"),
        _split("source_file declaration_list"),
        comment=("line_comment", "block_comment"),
    ),
    "C": Grammar("c", _pairs(_C), _split("preproc_include"), wrappers=_split(f"translation_unit {_PREPROCESSOR}")),
    "C++": Grammar(
        "cpp",
        _pairs(f"{_C} class_specifier=class alias_declaration=type field_declaration=method"),
        _split("preproc_include"),
        _split("class_specifier struct_specifier namespace_definition"),
        _split(f"translation_unit template_declaration field_declaration_list {_PREPROCESSOR}"),
    ),
    "C#": Grammar(
        "c_sharp",
        _pairs(
            f"{_CLASS_LIKE} struct_declaration=struct delegate_declaration=delegate property_declaration=property"
            " constructor_declaration=constructor"
        ),
        _split("using_directive"),
        _split("class_declaration interface_declaration record_declaration struct_declaration"),
        _split("compilation_unit namespace_declaration file_scoped_namespace_declaration declaration_list"),
    ),
    "Ruby": Grammar(
        "ruby",
        _pairs("class=class module=module method=method singleton_method=method"),
        _split("call"),
        _split("class module"),
        _split("program body_statement"),
    ),
    "PHP": Grammar(
        "php",
        _pairs(f"{_CLASS_LIKE} trait_declaration=trait function_definition=function"),
        _split("namespace_use_clause"),
        _split("class_declaration interface_declaration enum_declaration trait_declaration"),
        _split("program namespace_definition compound_statement declaration_list enum_declaration_list"),
        function="language_php",
    ),
    "Kotlin": Grammar(
        "kotlin",
        _pairs("class_declaration=class object_declaration=object function_declaration=function type_alias=type"),
        _split("import"),
        _split("class_declaration object_declaration companion_object"),
        _split("source_file class_body enum_class_body"),
        comment=("line_comment", "block_comment"),
    ),
}
for _name, _function in (("TypeScript", "language_typescript"), ("TSX", "language_tsx")):
    _GRAMMARS[_name] = Grammar(
        "typescript",
        _pairs(_JAVASCRIPT),
        _split(_JAVASCRIPT_IMPORTS),
        _split(_JAVASCRIPT_SCOPES),
        _split(_JAVASCRIPT_WRAPPERS),
        function=_function,
    )


def find_grammar(language: str) -> Grammar | None:
    """The grammar of a language; None for those of which only files and lines are counted."""
    return _GRAMMARS.get(language)


@cache
def load_language(name: str) -> Language:
    """The compiled grammar of a language that has one."""
    grammar = _GRAMMARS[name]
    module = import_module(f"tree_sitter_{grammar.package}")
    return Language(getattr(module, grammar.function)())
