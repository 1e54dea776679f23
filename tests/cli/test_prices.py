"""The file with prices is checked at every start and by a command, and one line names the mistake."""

from pathlib import Path

import pytest

from app.bootstrap import check_choices
from app.bootstrap.prices import read_prices
from app.domain.errors import StartupError
from app.settings import load_settings

_GOOD = '[[versions]]\nvalid_from = 2026-01-01\nprices = [{ quantity = "pages", price = 0.010 }]\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.toml", _GOOD.replace("0.010", "-1"), "versions[0].prices[0].price: must be a number from 0"),
        ("p.toml", "currency = \n", "Invalid value"),
        ("p.json", '{"versions": [', "Expecting value"),
        ("p.json", '{"currency": "€"}', "currency: must be three capital letters"),
        ("p.toml", "\x00", "Invalid statement"),
    ],
)
def test_a_mistake_stops_the_start_with_one_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(StartupError) as caught:
        check_choices(load_settings(prices_file=file))
    assert f"PRICES_FILE: {file}: " in caught.value.message
    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        check_choices(load_settings(prices_file=tmp_path / "none.toml"))


def test_toml_and_json_give_the_same_prices(tmp_path: Path) -> None:
    toml, json = tmp_path / "p.toml", tmp_path / "p.json"
    toml.write_text(_GOOD)
    json.write_text('{"versions": [{"valid_from": "2026-01-01", "prices": [{"quantity": "pages", "price": 0.010}]}]}')
    assert read_prices(toml) == read_prices(json)
    assert str(read_prices(toml).versions[0].prices[0].tiers[0].price) == "0.010"
