# ruff: noqa: RUF001, the texts are in many scripts
"""Text in every common encoding is read as it was written, with and without a declaration, right or wrong."""

import re
from pathlib import Path

import pytest

from app.domain.media import HTML, SOURCE, TEXT, XML
from app.pipeline.parse import parse
from app.pipeline.parse.encoding import decode, decode_file, to_utf8

WESTERN = ("cp1252", "iso8859-1", "iso8859-15", "mac-roman")
CENTRAL = ("cp1250", "iso8859-2")
CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic")
CHINESE = ("gbk", "gb18030", "utf-16-le", "utf-16-be")
JAPANESE = ("cp932", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be")
TEXTS = {
    "Le délai de livraison est dépassé, où est la pièce ?": WESTERN,
    "Réf. « été »": WESTERN[:3],
    "Die Prüfung läuft, die Maße stimmen.": (*WESTERN, "utf-16-le", "utf-16-be"),
    "größer als fünf": WESTERN,
    "El año pasado se vendió más.": WESTERN,
    "Informação não disponível": WESTERN,
    "La qualità è più alta, perché no.": WESTERN,
    "Fönstret är öppet på första våningen": WESTERN,
    "Dørene står åpne på søndager": WESTERN,
    "Käyttöönotto tehtiin syyskuussa": WESTERN,
    "Þessi skýrsla er ekki tilbúin": WESTERN[:3],
    "“Don’t panic” – it’s only £9": ("cp1252", "mac-roman"),
    "Zażółć gęślą jaźń, proszę państwa": CENTRAL,
    "Faktura została zapłacona późno": CENTRAL,
    "Děkujeme za váš příspěvek": CENTRAL,
    "Ďakujeme, účet je už zaplatený": CENTRAL,
    "Köszönjük, hogy időben fizetett, legkésőbb holnap": CENTRAL,
    "Računi su plaćeni, hvala još jednom što ste došli": CENTRAL,
    "Iar această reţetă este în română": CENTRAL,
    "Müşteri şikâyeti çözüldü, ışık yandı": ("cp1254", "iso8859-9"),
    "Ačiū už jūsų užsakymą, jis išsiųstas": ("cp1257", "iso8859-13"),
    "Paldies par jūsu pasūtījumu, tas ir nosūtīts": ("cp1257", "iso8859-13"),
    "Τα έγγραφα είναι έτοιμα": ("cp1253", "iso8859-7", "utf-16-le"),
    "Прибор исправен": CYRILLIC,
    "Гарантия действует два года со дня продажи": (*CYRILLIC, "utf-16-le", "utf-16-be"),
    "Її прилад справний, ґанок теж": ("cp1251", "koi8-u"),
    "Уредът е изправен и проверен": ("cp1251",),
    "Уређај је исправан, хвала на пажњи": ("cp1251", "iso8859-5"),
    "המכשיר תקין ונבדק היום": ("cp1255", "iso8859-8"),
    "الجهاز سليم وتم فحصه اليوم": ("cp1256", "iso8859-6"),
    "อุปกรณ์ใช้งานได้ปกติ": ("cp874",),
    "点検結果は良好": JAPANESE,
    "サーバーの設定を変更しました。": JAPANESE,
    "장비 점검을 마쳤습니다": ("cp949", "euc_kr", "utf-16-le"),
    "设备检查合格，可以使用": CHINESE,
    "安装说明书": CHINESE,
    "設備檢查合格，可以使用": ("big5", "utf-16-be"),
}


@pytest.mark.parametrize(("text", "encoding"), [(text, name) for text, names in TEXTS.items() for name in names])
def test_a_short_text_without_a_declaration_is_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


WRONG = [
    ("保修期为两年，自交付之日起计算。", "gbk", ("utf-8", "iso-8859-1", "windows-1252", "big5", "us-ascii", "no-such")),
    ("Größe und Maß prüfen", "cp1252", ("utf-8", "gb2312", "windows-1251", "shift_jis", "utf-16")),
    ("Größe und Maß prüfen", "utf-8", ("iso-8859-1", "gbk", "windows-1252", "cp037")),
    ("“Größe” – 5 €", "cp1252", ("iso-8859-1", "us-ascii", "utf-8")),
    ("Договор подписан обеими сторонами", "cp1251", ("utf-8", "iso-8859-1", "koi8-r")),
    ("Договор подписан обеими сторонами", "koi8-r", ("windows-1251", "utf-8")),
    ("Umowę podpisano wczoraj, dziękuję", "cp1250", ("iso-8859-1", "utf-8", "iso-8859-2")),
    ("Sözleşme dün imzalandı, teşekkürler", "cp1254", ("iso-8859-1", "utf-8", "iso-8859-9")),
    ("契約は昨日署名されました", "euc_jp", ("shift_jis", "utf-8", "iso-8859-1")),
    ("契約は昨日署名されました", "cp932", ("euc-jp", "utf-8")),
    ("契約は昨日署名されました", "iso2022_jp", ("utf-8", "shift_jis")),
    ("Ab ① bis ㈱ Muster", "cp932", ("shift_jis",)),
    ("镕基", "gbk", ("gb2312",)),
]


@pytest.mark.parametrize(
    ("text", "encoding", "declared"), [(text, name, wrong) for text, name, many in WRONG for wrong in many]
)
def test_a_declaration_that_the_bytes_contradict_is_not_obeyed(text: str, encoding: str, declared: str) -> None:
    assert decode(text.encode(encoding), declared) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Ĉiuj homoj estas liberaj kaj egalaj laŭ digno", "iso8859-3"),
        ("Mae'r dŵr yn oer ac mae'r tŷ'n ŵyl", "iso8859-14"),
        ("Întâlnirea are loc marți în sală și țară", "iso8859-16"),
        ("Gizon-emakume guztiak aske jaiotzen dira, ñabar", "cp1252"),
        ("x² ± 3 µm ¼ × 7°", "iso8859-1"),
        ("Müller, Łukasz, Šimon", "iso8859-2"),
        ("½ cup, 350°F", "cp1252"),
        ("Grüezi, hier hats Öl", "mac-roman"),
        ("+AOk-t+AOk-", "utf-7"),
    ],
)
def test_a_right_declaration_is_obeyed_whatever_the_language(text: str, encoding: str) -> None:
    data = text.encode("ascii" if encoding == "utf-7" else encoding)
    assert decode(data, encoding) == (text if encoding != "utf-7" else "été")


def test_pages_and_sources_that_declare_a_wrong_encoding_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for media_type, text in (
        (HTML, '<html><meta charset="utf-8"><p>Die Maße der Prüfkörper</p></html>'),
        (HTML, '<html><meta http-equiv="Content-Type" content="text/html; charset=gb2312"><p>Die Maße der Prüfkörper'),
        (HTML, '<?xml version="1.0" encoding="UTF-8"?><html><p>Die Maße der Prüfkörper</p></html>'),
        (XML, '<?xml version="1.0" encoding="UTF-8"?><a>Die Maße der Prüfkörper</a>'),
        (SOURCE, "# -*- coding: utf-8 -*-\n# Die Maße der Prüfkörper"),
    ):
        path.write_bytes(text.encode("cp1252"))
        assert "Die Maße der Prüfkörper" in parse(path, media_type).pages[0].text


def test_the_encoding_that_a_server_states_is_obeyed_only_where_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for encoding, stated in (("cp1251", "windows-1251"), ("cp1251", "iso-8859-1"), ("koi8-r", "utf-8")):
        path.write_bytes("Договор подписан обеими сторонами".encode(encoding))
        to_utf8(path, stated)
        assert parse(path, TEXT).pages[0].text == "Договор подписан обеими сторонами"


def test_the_first_letters_beyond_ascii_decide_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a"
    text = "plain text of many lines\n" * 100_000 + "Die Maße der Prüfkörper\n" * 3
    path.write_bytes(text.encode("cp1252"))
    assert "".join(decode_file(path)) == text
    assert decode(text.encode("cp1252")) == text


def test_single_bytes_of_windows_1252_in_utf8_are_letters() -> None:
    utf8 = "Größe, Maß, Prüfung, Länge, Höhe, Ölstand, Übermaß\n".encode()
    assert decode(utf8 + "Müller’s\n".encode("cp1252") + utf8) == utf8.decode() + "Müller’s\n" + utf8.decode()
    assert decode(utf8 + b"cut off \xc3") == utf8.decode() + "cut off \ufffd"
    assert decode("点検結果は良好です".encode() + b"\xe5 x") == "点検結果は良好です\ufffd x"


def test_terminal_colours_are_no_encoding() -> None:
    assert decode(b"\x1b(B\x1b[mdone $ \x1b[0m") == "\x1b(B\x1b[mdone $ \x1b[0m"


@pytest.mark.corpus
def test_a_sentence_of_the_declaration_of_human_rights_is_read_in_every_encoding(corpus: Path) -> None:
    given = (corpus / "good" / "UDHR_first_article_all.txt").read_text("utf-8")
    articles = dict(re.findall(r"^([A-Z][^\n]+)\n(\S[^\n]+)$", given, re.MULTILINE))
    languages = {
        **dict.fromkeys(("French", "German, Standard (1996)", "Spanish", "Italian", "Swedish", "Finnish"), WESTERN),
        **dict.fromkeys(("Danish", "Norwegian, Bokmål", "Portuguese (Portugal)", "Dutch"), WESTERN),
        **dict.fromkeys(("Polish", "Czech", "Slovak", "Hungarian", "Croatian", "Slovenian"), CENTRAL),
        **dict.fromkeys(("Russian", "Bulgarian"), CYRILLIC),
        "Turkish": ("cp1254",),
        "Greek (monotonic)": ("cp1253", "iso8859-7"),
        "Japanese": JAPANESE,
        "Korean": ("cp949",),
        "Chinese, Mandarin (Simplified)": CHINESE,
        "Chinese, Mandarin (Traditional)": ("big5",),
    }
    wrong = [
        (language, encoding, text)
        for language, encodings in languages.items()
        for encoding in encodings
        for text in (articles[language][:20], articles[language][:40], articles[language])
        if not text.isascii() and decode(text.encode(encoding)) != text
    ]
    assert not wrong
