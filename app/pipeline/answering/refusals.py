"""Sentences in which a language model says that the passages do not answer the question."""

import re

from app.pipeline.answering.prompt import NO_ANSWER

_SOURCES = (
    r"(?:passages?|documents?|texts?|sources?|contexts?|excerpts?|information|material|"
    r"passagen?|abschnitte?|dokumente?n?|texte?n?|quellen?|informationen|unterlagen|"
    r"pasajes?|documentos?|textos?|fuentes?|contexto|información|informacion|"
    r"extraits?|sources|informations?|"
    r"passaggi|brani|documenti|testi|fonti|contesto|informazioni|"
    r"trechos?|fontes|contexto|informações|"
    r"fragmenten|documenten|teksten|bronnen|informatie)"
)
_PHRASES = re.compile(
    r"\b(?:"
    rf"(?:no|none of the|neither of the)\s(?:[\w-]+\s){{0,3}}{_SOURCES}\s(?:[\w-]+\s){{0,4}}"
    r"(?:mentions?|says?|states?|contains?|answers?|provides?|specif\w+|address\w*|indicat\w+|about|on|available|found)"
    rf"|{_SOURCES}\s(?:[\w-]+\s){{0,4}}(?:do|does|did|don't|doesn't|didn't|don’t|doesn’t|didn’t)\s?(?:not|n't)?\s(?:[\w-]+\s){{0,2}}"  # noqa: RUF001
    r"(?:mention|say|state|contain|answer|provide|specif|address|indicat|include|give|describe|discuss|cover|have|offer)\w*"
    r"|(?:is|are|was|were)\s(?:not|nowhere)\s(?:[\w-]+\s){0,2}"
    r"(?:mentioned|stated|contained|answered|provided|specified|addressed|indicated|included|given|described|found)"
    rf"(?:\s[\w-]+){{0,4}}\s{_SOURCES}"
    r"|(?:i|we)\s(?:cannot|can't|can’t|could\snot|couldn't|am\sunable\sto|was\sunable\sto|do\snot|don't|don’t|am\snot\sable\sto)\s"  # noqa: RUF001
    r"(?:[\w-]+\s){0,2}(?:find|answer|know|determine|locate|have|see|tell)"
    rf"|(?:based\son|according\sto|from)\s[\w\s]{{0,40}}{_SOURCES}[\w\s,]{{0,30}}(?:cannot|can't|unable|not\spossible)"
    r"|(?:there\sis|there's)\s(?:no|not\senough|insufficient)\s(?:[\w-]+\s){0,2}(?:information|mention|answer|data|evidence)"
    r"|(?:question|it|this)\s(?:cannot|can't|could\snot)\sbe\s(?:answered|determined)"
    rf"|{_SOURCES}\s(?:[\w-]+\s){{0,5}}(?:nicht|keine?n?|nichts)\b"
    r"|(?:geht|lässt\ssich|ist|wird)\s(?:[\w-]+\s){0,4}(?:nicht|nirgends)\s(?:[\w-]+\s){0,6}(?:hervor|beantwort\w+|erwähnt|angegeben|enthalten)"
    rf"|{_SOURCES}\s(?:[\w-]+\s){{0,3}}no\s(?:[\w-]+\s)?(?:mencion|dice|contien|respond|proporcion|indica|especifica|incluy|ofrec)\w*"
    r"|no\s(?:se\s)?(?:menciona|encuentr|indica|especifica|puedo\s(?:responder|encontrar)|hay\sinformaci)\w*"
    rf"|{_SOURCES}\s(?:[\w'’-]+\s){{0,3}}ne\s(?:[\w'’-]+\s)?(?:mentionn|di[st]|conti|répond|fourni|indiqu|précis)\w*\s(?:pas|aucun)"  # noqa: RUF001
    r"|(?:n'est|n’est|n'y\sa|n’y\sa|ne\speux|ne\strouve)\s(?:pas|aucune?)\s(?:mentionn|indiqu|précis|d'inform|répond|trouv)\w*"  # noqa: RUF001
    rf"|{_SOURCES}\s(?:[\w-]+\s){{0,3}}non\s(?:[\w-]+\s)?(?:menzion|dic|contien|rispond|fornisc|indic|specific)\w*"
    rf"|{_SOURCES}\s(?:[\w-]+\s){{0,3}}não\s(?:[\w-]+\s)?(?:mencion|diz|cont|respond|fornec|indic|especific)\w*"
    rf"|{_SOURCES}\s(?:[\w-]+\s){{0,5}}(?:niet|geen)\b"
    r"|(?:документ|отрыв|текст|источник|фрагмент)\w*\s(?:[\w-]+\s){0,4}(?:не|нет)\s"
    r")|(?:文档|文件|段落|资料|文中|文本|来源).{0,12}(?:没有|未|并未|不)(?:提|包含|说明|回答|给出|涉及)"
    r"|(?:資料|文書|文章|段落|パッセージ|文脈).{0,20}(?:ありません|いません|記載されて|見つかりません|わかりません)",
    re.IGNORECASE,
)
_LONGEST = 500


def is_refusal(sentence: str) -> bool:
    """Whether a sentence says that the passages do not answer, in the main languages, or is the agreed word."""
    return NO_ANSWER in sentence.upper().replace(" ", "_") or bool(_PHRASES.search(sentence[:_LONGEST]))
