"""Pages whose text only a browser shows, because a script writes it."""

import re

from lxml import etree

from app.domain.errors import NoExtractableTextError

_NEEDED = re.compile(
    r"(?:enable|requires?|need(?:s|ed)?|activate|turn(?:ed)? on|switch on|allow|without|support|disabled|use[sd]?|with"
    r"|aktivier\w*|benötig\w*|activ(?:er|ez|é|ar|ate|e)|habilit\w*|abilit\w*|attiv\w*|nécessite|requiere|"
    r"ativ\w*|inschakel\w*|włącz\w*|включите|требуется|启用|啟用|需要|有効|必要|활성화|사용)"
    r"[^.!?。]{0,60}java\s?script"
    r"|java\s?script[^.!?。]{0,60}(?:enable|requir|disabled|needed|turned off|not (?:supported|available|active)"
    r"|deaktiv|aktivier|benötigt|erforderlich|désactivé|activ|habilit|abilit|necess|requer|inschakel|włącz"
    r"|включ|необходим|отключ|启用|啟用|禁用|必要|有効|無効|활성화|사용|필요)",
    re.IGNORECASE,
)
_WAITING = re.compile(
    r"(?:(?:app\w*|page|content|please)\s+)*(?:loading|wait|redirecting|laden|lädt|chargement|cargando|caricamento"
    r"|carregando|загрузка|加载中|読み込み中|one moment|just a moment|hold on|initiali[sz]ing|starting)"
    r"(?:\s+(?:app\w*|page|content|please|wait|you|to|now|here|if|are|not|the))*[\s.…!]*",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?。\uff01]+(?:\s+|\Z)|\n+")
_REST = 60
"""A page with more text beside its notice is read."""
_ROOTS = {
    "root",
    "app",
    "__next",
    "__nuxt",
    "___gatsby",
    "react-root",
    "app-root",
    "main-app",
    "q-app",
    "svelte",
    "ember",
}
_SHORT = 400
"""Longer texts are read, whatever they say."""
_HINT = (
    "The page needs JavaScript: its text is written by a script when a browser opens it. Save the page from a browser "
    "when it is shown, or fetch its address with Firecrawl, which runs scripts."
)
_MOVED = "The page only leads to another address: {}. Add that address instead."
_REFRESH = re.compile(r"\s*[\d.]*\s*[;,]\s*(?:url\s*=)?\s*[\"']?([^\"'\s]{1,500})", re.IGNORECASE)


def check_scripts(tree: etree._Element, text: str) -> None:
    """Check that ``text`` is more than a notice that the page needs scripts.

    Raises:
        NoExtractableTextError: when the page has scripts, or leads elsewhere, and no other text.
    """
    if len(text) > _SHORT:
        return
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence.strip(" .…!-")]
    notices = [bool(_NEEDED.search(sentence)) for sentence in sentences]
    rest = [
        sentence
        for sentence, is_notice in zip(sentences, notices, strict=True)
        if not is_notice and not _WAITING.fullmatch(sentence.strip())
    ]
    if len(" ".join(rest)) > _REST or (rest and not any(notices) and not _has_empty_root(tree)):
        return
    target = _find_target(tree)
    if target and not any(notices):
        raise NoExtractableTextError(_MOVED.format(target))
    if _runs_scripts(tree):
        raise NoExtractableTextError(_HINT)


def _has_empty_root(tree: etree._Element) -> bool:
    """Whether the element that frameworks write the page into is empty."""
    named = (item for item in tree.iter("div", "main", "app-root", "section") if (item.get("id") or item.tag) in _ROOTS)
    return any(not "".join(map(str, item.itertext())).strip() for item in named)


def _runs_scripts(tree: etree._Element) -> bool:
    """Whether the page runs a script; data in a ``script`` element is none."""
    kinds = ((script.get("type") or "").lower() for script in tree.iter("script"))
    return any(not kind or "javascript" in kind or kind in {"module", "text/babel"} for kind in kinds) or (
        next(tree.iter("noscript"), None) is not None
    )


def _find_target(tree: etree._Element) -> str:
    """The address to which the page forwards at once."""
    for meta in tree.iter("meta"):
        if (meta.get("http-equiv") or "").lower() == "refresh" and (match := _REFRESH.match(meta.get("content") or "")):
            return match[1]
    return ""
