"""Words that carry no subject, folded as in the index: function words, auxiliary verbs and question words."""

from collections.abc import Sequence

FUNCTION_WORDS = {
    "english": "the of and to in is was for that on with as by at from it are what which who how",
    "spanish": "el la los las de del que en y a se con por para una un su al es como cual fue",
    "german": "der die das und in den von zu mit dem des ist im fur auf ein eine wurde als auch wie was wer welche",
    "french": "le la les des et du en est que dans un une pour qui sur au par avec plus",
    "italian": "il la di che e in un per una del della sono con non i gli le da al nel",
    "portuguese": "o a os as de do da que em e um uma para com nao por no na se dos",
    "dutch": "de het een van en in is dat op te zijn voor met die niet aan er om ook",
    "russian": "и в не на что с по как это из к у за от о для его",  # noqa: RUF001
}
"""The most frequent words of the languages that have a stemmer; they suggest the language of a text."""
_AUXILIARIES = "do does did be been can could should would will shall may must has have had i you we they my our your"
_QUESTION_WORDS = """
    any when where why whom whose this these those there many much often
    cuando cuanto cuantos cuanta cuantas donde quien quienes cuales porque fueron eran esta este estos estas
    wann wo warum wieviel viele welcher welches welchen welchem wurden werden sind einer einem einen bei
    quand ou pourquoi quel quelle quels quelles combien comment quoi sont ete etait fut
    quando dove perche quale quali quanto quanti quanta quante chi cosa cui era stato stata
    onde qual quais quantos quem foi sao
    wanneer waar waarom welke hoeveel wie wat hoe
    когда где почему кто какой какая какие какое сколько
    什么 是什 么是 多少 哪里 哪个 哪些 怎么 为什 这个 那个 有多 谁是 是谁 何时 在哪
    です すか どこ いつ だれ どの なぜ ます した
"""
_ALL = frozenset(word for words in (*FUNCTION_WORDS.values(), _AUXILIARIES, _QUESTION_WORDS) for word in words.split())


def is_function_word(word: str) -> bool:
    """Whether a folded word is a function word of one of the languages."""
    return word in _ALL


def leave_out_function_words(words: Sequence[str]) -> Sequence[str]:
    """The words without function words; all of them where there are no others."""
    return [word for word in words if word not in _ALL] or words
