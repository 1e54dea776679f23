"""A refusal is in the language of the question."""

import pytest

from app.pipeline.answering.phrases import REFUSAL, guess_question_language, refuse


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What is the capital of Portugal?", "en"),
        ("weight", "en"),
        ("", "en"),
        ("¿Cuál es la capital de Portugal?", "es"),
        ("Was ist die Hauptstadt von Portugal?", "de"),
        ("Quelle est la capitale du Portugal ?", "fr"),
        ("Qual è la capitale del Portogallo?", "it"),
        ("Qual é a capital de Portugal?", "pt"),
        ("Wat is de hoofdstad van Portugal?", "nl"),
        ("Care este capitala Portugaliei?", "ro"),
        ("Portekiz'in başkenti neresidir?", "tr"),
        ("Thủ đô của Bồ Đào Nha là gì?", "vi"),
        ("Jaka jest stolica Portugalii?", "pl"),
        ("Jaké je hlavní město Portugalska?", "cs"),
        ("Vad är huvudstaden i Portugal?", "sv"),
        ("Какая столица Португалии?", "ru"),
        ("Яка столиця Португалії?", "uk"),
        ("Ποια είναι η πρωτεύουσα της Πορτογαλίας;", "el"),
        ("ما هي عاصمة البرتغال؟", "ar"),
        ("מהי בירת פורטוגל?", "he"),
        ("पुर्तगाल की राजधानी क्या है?", "hi"),
        ("เมืองหลวงของโปรตุเกสคืออะไร", "th"),
        ("葡萄牙的首都是哪里？", "zh"),  # noqa: RUF001
        ("ポルトガルの首都はどこですか", "ja"),
        ("포르투갈의 수도는 어디입니까?", "ko"),
        ("What does 首都 mean in Chinese?", "en"),
        ("Is there parking?", "en"),
        ("Whose car is it?", "en"),
        ("Can I bring a dog?", "en"),
        ("List all die sizes", "en"),
        ("Quante persone vivono a Trieste?", "it"),
        ("Combien de personnes vivent à Paris ?", "fr"),
        ("Y a-t-il un parking ?", "fr"),
        ("Quien escribio este libro", "es"),
        ("Hay aparcamiento?", "es"),
        ("Quanto custa um bilhete?", "pt"),
        ("Há estacionamento?", "pt"),
        ("Wie heeft dit boek geschreven?", "nl"),
        ("O której odjeżdża pociąg?", "pl"),
        ("Ile kosztuje bilet?", "pl"),
    ],
)
def test_the_language_of_a_question_is_guessed(question: str, language: str) -> None:
    assert guess_question_language(question) == language
    assert refuse(question) == REFUSAL[language]


def test_the_english_refusal_begins_with_the_documented_sentence() -> None:
    assert REFUSAL["en"].startswith("The documents do not answer this.")
