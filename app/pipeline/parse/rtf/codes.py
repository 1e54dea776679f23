"""The control words of RTF that stand for characters, and for groups without text."""

SIGNS = {
    "line": "\n",
    "tab": "\t",
    "emdash": "\u2014",
    "endash": "\u2013",
    "bullet": "\u2022",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
SYMBOLS = {"~": " ", "_": "-", "\t": "\t", "\\": "\\", "{": "{", "}": "}"}
PARAGRAPH_ENDS = {"par", "sect", "page", "column"}
SKIPPED = {
    *("colortbl", "stylesheet", "pict", "objdata", "nonshppict", "listtable", "listoverridetable", "revtbl"),
    *("rsidtbl", "themedata", "datastore", "xmlnstbl", "generator", "filetbl", "bkmkstart", "bkmkend", "private"),
    *("latentstyles", "mmathPr", "tc", "xe", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "objalias", "objclass"),
    *("objname", "ud", "falt", "panose", "fname", "atnid", "atnref", "atndate", "atntime", "nonesttables", "shprslt"),
}
"""Groups without text that the document shows."""
STARRED_READ = {
    *("shpinst", "shptxt", "footnote", "hlfr", "fldrslt", "fldinst", "nesttableprops", "annotation", "atnauthor"),
    *("formfield", "ffl", "picprop"),
}
"""Groups marked as optional for old readers that are read."""
INFO = {"title": "title", "author": "author", "subject": "subject", "keywords": "keywords"}
