"""The phrases of answers that do not come from documents, in the language of the question."""

# ruff: noqa: RUF001 (letters of other scripts)

import re
from collections import Counter

from app.pipeline.words.word_lists import LATIN

REFUSAL = {
    "en": "The documents do not answer this. The passages found hold no answer to the question.",
    "ar": "المستندات لا تجيب عن هذا السؤال.",
    "cs": "Dokumenty na tuto otázku neodpovídají.",
    "de": "Die Dokumente beantworten diese Frage nicht.",
    "el": "Τα έγγραφα δεν απαντούν σε αυτή την ερώτηση.",
    "es": "Los documentos no responden a esta pregunta.",
    "fr": "Les documents ne répondent pas à cette question.",
    "he": "המסמכים אינם עונים על השאלה הזאת.",
    "hi": "दस्तावेज़ इस प्रश्न का उत्तर नहीं देते।",
    "it": "I documenti non rispondono a questa domanda.",
    "ja": "この質問に対する答えは文書にありません。",
    "ko": "문서에 이 질문에 대한 답이 없습니다.",
    "nl": "De documenten geven geen antwoord op deze vraag.",
    "pl": "Dokumenty nie odpowiadają na to pytanie.",
    "pt": "Os documentos não respondem a esta pergunta.",
    "ro": "Documentele nu răspund la această întrebare.",
    "ru": "Документы не отвечают на этот вопрос.",
    "sv": "Dokumenten besvarar inte denna fråga.",
    "th": "เอกสารไม่ได้ตอบคำถามนี้",
    "tr": "Belgeler bu soruyu yanıtlamıyor.",
    "uk": "Документи не відповідають на це запитання.",
    "vi": "Các tài liệu không trả lời câu hỏi này.",
    "zh": "这些文档没有回答这个问题。",
}
"""What a question is answered that the documents do not answer."""

_SCRIPTS = {
    "ja": "[\u3040-\u30ff]",
    "ko": "[\uac00-\ud7af]",
    "zh": "[\u3400-\u9fff]",
    "th": "[\u0e00-\u0e7f]",
    "he": "[\u0590-\u05ff]",
    "ar": "[\u0600-\u06ff]",
    "hi": "[\u0900-\u097f]",
    "el": "[\u0370-\u03ff]",
    "uk": "[іїєґ]",
    "ru": "[\u0400-\u04ff]",
}
"""Scripts that suggest one language, in the order in which they are tried: Japanese has Chinese characters as well."""
_WORDS = {
    "tr": "ne kim nerede nasıl hangi kaç zaman için ve bir bu mi mı mu mü neden nedir neresidir nerededir kimdir olarak"
    " nelerdir kimler kimdi idi nasıldır tarafından sonra göre ile neydi nereden kime hangisi",
    "es": "el la los las de qué cuál cuáles quién cuándo dónde cómo cuánto cuántos cuántas por es en del fue una",
    "de": "der die das den dem ist wer was wann wo wie warum welche welcher welches wurde viele in und von zu ein eine"
    " wird werden wurden hat haben bei für mit auf aus nach sich einer einem gab es sind man",
    "fr": "le la les des du est qui que quel quelle quels quelles quand où comment pourquoi combien dans une a été",
    "it": "il la lo gli di che chi è quando dove come perché quale quali quanto quanti quante nel della cosa fu una"
    " un i del dei delle al alla dal dalla nell dell stato stata si sono ha con in e",
    "pt": "o a os as de que qual quais quem quando onde como quanto quantos quantas é foi em no na do da uma por",
    "nl": "de het een van is wie wat wanneer waar hoe waarom welke hoeveel in op werd was zijn en voor",
    "ro": "ce cine când unde cum care este sunt în de la cât câți câte din a fost și pe cu al",
    "vi": "là gì ai khi nào ở đâu bao nhiêu của có những được thế như tại sao đã các",
    "pl": "co kto kiedy gdzie jak dlaczego który która które jest w na z ile czy do się był",
    "cs": "co kdo kdy kde jak proč který která které je v na kolik se byl jaký jaká jaké",
    "sv": "vad vem när var hur varför vilken vilket vilka är i på av och det den en ett som många",
    "en": "the of is was are were what which who whom when where why how did does do in to for and many much",
}
_LETTERS = {
    "es": "ñ¿",
    "de": "äöüß",
    "fr": "êèçœ",
    "pt": "ãõ",
    "ro": "ăîșțşţ",
    "tr": "ğışİöüç",
    "vi": "ạảấầẩậắằặẻẽếềểệỉịọỏốồổộớờởợụủứừửựỳỷđơư",
    "pl": "ąęłśżź",
    "cs": "řěůž",
    "sv": "åäö",
}
"""Letters that count as words of a language."""
_NAMES = {
    "es": "spanish", "de": "german", "fr": "french", "it": "italian", "pt": "portuguese", "nl": "dutch",
    "ro": "romanian", "vi": "vietnamese", "pl": "polish", "cs": "czech", "sv": "swedish", "tr": "turkish",
    "en": "english",
}  # fmt: skip
_WORDS_OF = {language: frozenset(f"{_WORDS[language]} {LATIN[name]}".split()) for language, name in _NAMES.items()}
_SHARED_BY = Counter(word for words in _WORDS_OF.values() for word in words)
_SHARED_BY_LETTER = Counter("".join(_LETTERS.values()))
_SPLIT = re.compile(r"[^\W\d_]+")


def guess_question_language(question: str) -> str:
    """The language of a question as in ISO 639-1, one of those with phrases: by its script, else its function words.

    English where nothing suggests another one.
    """
    length = len(_SPLIT.findall(question))
    for language, script in _SCRIPTS.items():
        if (found := re.findall(f"(?=({script}))", question, re.IGNORECASE)) and len(found) >= length / 2:
            return language
    words = {word.lower() for word in _SPLIT.findall(question)}
    letters = set(question)

    def count(language: str) -> float:
        """The language's words and letters, each as a part where several languages have it."""
        known = sum(1 / _SHARED_BY[word] for word in words & _WORDS_OF[language])
        return known + sum(1 / _SHARED_BY_LETTER[letter] for letter in letters.intersection(_LETTERS.get(language, "")))

    return max(("en", *_WORDS_OF), key=count)


def refuse(question: str) -> str:
    """The sentence that the documents do not answer a question, in its language."""
    return REFUSAL[guess_question_language(question)]
