"""Imprints and pages of contacts name the company, its address and its contacts in the ways of each country."""

from pathlib import Path

import pytest

from tests.pipeline.company_pages import page, read_page


def test_a_german_imprint_names_the_company_its_address_and_its_contacts(tmp_path: Path) -> None:
    body = (
        "<h1>Impressum</h1><p>Angaben gemäß § 5 DDG</p><p>Wehrbau Müller GmbH &amp; Co. KG<br>Hafenstraße 12<br>"
        "04109 Leipzig<br>Deutschland</p><p>Telefon: 0341 12 34 50<br>Telefax: +49 341 1234 59<br>"
        "E-Mail: info [at] wehrbau-mueller [dot] de</p><p>Amtsgericht Leipzig HRB 12345<br>"
        "USt-IdNr.: DE123456789<br>IBAN: DE89 3704 0044 0532 0130 00<br>Stand: 01.02.2026</p>"
    )
    values, _ = read_page(tmp_path, page(body=body, lang="de"), "https://www.wehrbau-mueller.de/impressum")
    assert values == {
        "language": ["de"],
        "legal_name": ["Wehrbau Müller GmbH & Co. KG"],
        "address": ["Hafenstraße 12, 04109 Leipzig"],
        "country": ["DE"],
        "phones": ["+49341123450"],
        "emails": ["info@wehrbau-mueller.de"],
    }


def test_a_japanese_table_of_the_company_is_read(tmp_path: Path) -> None:
    body = (
        "<h1>会社概要</h1><table><tr><td>会社名</td><td>株式会社川堰製作所</td></tr><tr><td>所在地</td>"
        "<td>〒100-0001 東京都千代田区千代田1-1</td></tr><tr><td>設立</td><td>設立:1987年</td></tr>"
        "<tr><td>電話番号</td><td>電話番号:03-1234-5670</td></tr></table>"
    )
    values, _ = read_page(tmp_path, page(body=body, lang="ja"), "https://kawazeki.co.jp/company/profile")
    assert values["legal_name"] == ["株式会社川堰製作所"]
    assert values["address"] == ["〒100-0001 東京都千代田区千代田1-1"]
    assert (values["phones"], values["founded"]) == (["+81312345670"], ["1987"])


def test_rows_of_a_table_have_their_labels_in_the_first_cell(tmp_path: Path) -> None:
    rows = {"会社名": "株式会社川堰製作所", "設立": "1987年4月", "所在地": "〒100-0001 東京都千代田区千代田1-1"}
    table = "".join(f"<tr><th>{name}<td>{value}" for name, value in {**rows, "電話番号": "03-1234-5670"}.items())
    values, _ = read_page(
        tmp_path, page(body=f"<h1>会社概要</h1><table>{table}</table>"), "https://kawazeki.co.jp/about"
    )
    assert values["address"] == ["〒100-0001 東京都千代田区千代田1-1"]
    assert (values["phones"], values["founded"]) == (["+81312345670"], ["1987"])


def test_full_width_characters_are_read_as_their_narrow_forms(tmp_path: Path) -> None:
    body = "<p>ＴＥＬ：０３－１２３４－５６７０　ＦＡＸ：０３－１２３４－５６７１</p><p>ｉｎｆｏ＠kawazeki.co.jp</p>"  # noqa: RUF001
    values, _ = read_page(tmp_path, page(body=body), "https://kawazeki.co.jp/")
    assert (values["phones"], values["emails"]) == (["+81312345670"], ["info@kawazeki.co.jp"])


@pytest.mark.parametrize("name", ["Almkäse OG", "Seilbahn Ges.m.b.H.", "Wehrbau mbH", "Anna Wehr e.U."])
def test_legal_forms_of_austria_and_germany_are_recognised(tmp_path: Path, name: str) -> None:
    values, _ = read_page(tmp_path, page(body=f"<h1>Impressum</h1><p>{name}</p>"), "https://wehr.at/impressum")
    assert values["legal_name"] == [name]


@pytest.mark.parametrize(
    ("lines", "address", "values"),
    [
        (
            (
                "Le site est édité par : Écluses Durand SARL, au capital de 10 000 €",
                "Siège social : 12 rue des Lilas, 69003 Lyon",
                "SIRET : 123 456 789 00012",
                "Tél. : 04 72 00 00 10",
                "Fax : 04 72 00 00 11",
            ),
            "https://ecluses-durand.fr/mentions-legales",
            {
                "legal_name": ["Écluses Durand SARL"],
                "address": ["12 rue des Lilas, 69003 Lyon"],
                "phones": ["+33472000010"],
            },
        ),
        (
            ("Rossi Pompe S.r.l.", "Via Roma 5", "20121 Milano (MI)", "P. IVA 01234567890", "Tel. 02 1234 5678"),
            "https://rossipompe.it/note-legali",
            {
                "legal_name": ["Rossi Pompe S.r.l."],
                "address": ["Via Roma 5, 20121 Milano (MI)"],
                "phones": ["+390212345678"],
            },
        ),
        (
            ("Koło sp. z o.o.", "ul. Wodna 3", "00-001 Warszawa", "Polska", "Tel: 22 123 45 67", "NIP 123-456-78-90"),
            "https://kolo.pl/kontakt",
            {
                "legal_name": ["Koło sp. z o.o."],
                "address": ["ul. Wodna 3, 00-001 Warszawa"],
                "country": ["PL"],
                "phones": ["+48221234567"],
            },
        ),
        (
            ("Weir & Sons Limited", "Unit 4, River Park, Leeds LS1 4AP", "T: 0113 496 0123 | F: 0113 496 0124"),
            "https://weirandsons.co.uk/contact-us",
            {
                "legal_name": ["Weir & Sons Limited"],
                "address": ["Unit 4, River Park, Leeds LS1 4AP"],
                "phones": ["+441134960123"],
            },
        ),
        (
            ("Acme Gates, LLC", "500 Main Street, Springfield, IL 62701", "United States", "Call (217) 555-0100"),
            "https://acmegates.com/contact",
            {
                "legal_name": ["Acme Gates, LLC"],
                "address": ["500 Main Street, Springfield, IL 62701"],
                "country": ["US"],
                "phones": ["+12175550100"],
            },
        ),
        (
            ("上海水闸有限公司", "地址:上海市浦东新区世纪大道1号", "电话:021-6123 4567"),
            "https://shuizha.cn/contact",
            {
                "legal_name": ["上海水闸有限公司"],
                "address": ["上海市浦东新区世纪大道1号"],
                "phones": ["+862161234567"],
            },
        ),
    ],
)
def test_a_page_of_contacts_is_read_in_the_ways_of_its_country(
    tmp_path: Path, lines: tuple[str, ...], address: str, values: dict[str, list[str]]
) -> None:
    body = "".join(f"<p>{line.replace('&', '&amp;')}</p>" for line in lines)
    assert read_page(tmp_path, page(body=body), address)[0] == values
