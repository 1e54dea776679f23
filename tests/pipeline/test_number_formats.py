"""What a cell shows for its value and the code of its number format."""

import pytest

from app.pipeline.parse.office.number_formats import NumberFormat, find_format

_ACCOUNTING = '_-* #,##0.00\\ "€"_-;-* #,##0.00\\ "€"_-;_-* "-"\\ "€"_-;_-@_-'
_SIZES = '[>=1000000]0.0,,"M";[>=1000]0.0,"K";0'
_PHONE = "[<=9999999]###-####;(###) ###-####"

NUMBERS = [
    ("General", "1234.5", "1234.5"),
    ("General", "0.30000000000000004", "0.3"),
    ("General", "123456789.123456", "123456789.1"),
    ("General", "3.14159265358979", "3.141592654"),
    ("General", "4006381333931", "4006381333931"),
    ("General", "123456789012.5", "123456789012.5"),
    ("General", "1E+3", "1000"),
    ("General", "-12345678901.23", "-12345678901"),
    ("General", "1E+20", "1E+20"),
    ("General", "1.5E-10", "1.5E-10"),
    ("General", "-0.5", "-0.5"),
    ('General" kg"', "5.5", "5.5 kg"),
    ("00000", "1234", "01234"),
    ('"PN-"0000', "77", "PN-0077"),
    ('"PN-"0000', "-77", "-PN-0077"),
    ("0", "2.5", "3"),
    ("0", "-2.5", "-3"),
    ("0.00", "1.005", "1.01"),
    ("0.##", "5", "5."),
    ("0.0#", "5.5", "5.5"),
    (".00", "12.5", "12.50"),
    ("#", "0", ""),
    ("0.???", "1.5", "1.5"),
    ("#,##0", "1234567", "1,234,567"),
    ("0,000", "5", "0,005"),
    ("$#,##0.00", "1234.5", "$1,234.50"),
    ("$#,##0.00", "-1234.5", "-$1,234.50"),
    ("$#,##0.00_);[Red]($#,##0.00)", "-4500", "($4,500.00)"),
    ("[$€-407] #,##0.00", "1234.5", "€ 1,234.50"),
    ("#,##0.00 [$₹-4009]", "12", "12.00 ₹"),
    ("[$CHF] 0.00", "12", "CHF 12.00"),
    (_ACCOUNTING, "-1234.5", "-1,234.50 €"),
    (_ACCOUNTING, "0", "- €"),
    ("#,##0,", "1234567", "1,235"),
    ('0.0,,"M"', "1234567", "1.2M"),
    ("0%", "0.125", "13%"),
    ("0.0%", "0.125", "12.5%"),
    ("0.00E+00", "12345", "1.23E+04"),
    ("0.00e-00", "0.00012", "1.20e-04"),
    ("##0.0E+0", "12345", "12.3E+3"),
    ("0.0E+0", "9.99", "1.0E+1"),
    ("# ?/?", "1.5", "1 1/2"),
    ("# ?/?", "0.5", "1/2"),
    ("# ?/?", "5", "5"),
    ("# ?/?", "0", "0"),
    ("# ??/??", "3.14159265358979", "3 1/7"),
    ("# ???/???", "3.14159265358979", "3 16/113"),
    ("# ??/??", "-123.456", "-123 26/57"),
    ("# ??/16", "0.3125", "5/16"),
    ("# ?/8", "1.99", "2"),
    ("?/?", "1.25", "5/4"),
    ("# ??/100", "2.5", "2 50/100"),
    ("000-0000", "5550142", "555-0142"),
    ("(###) ###-####", "5551234567", "(555) 123-4567"),
    (_PHONE, "5551234", "555-1234"),
    (_PHONE, "2125551234", "(212) 555-1234"),
    ("000-00-0000", "12345678", "012-34-5678"),
    ("00000-0000", "123456789", "12345-6789"),
    ("0000\\.00\\.00", "12345678", "1234.56.78"),
    ("00:00", "930", "09:30"),
    ('0;-0;"none"', "0", "none"),
    ("0;;", "-5", ""),
    ('[=1]"yes";[=0]"no";0', "1", "yes"),
    ('[=1]"yes";[=0]"no";0', "0", "no"),
    ('[<100]"low";[>=1000]"high";0', "500", "500"),
    ("[<100]0.0;0", "-5", "-5.0"),
    ("[>=0]0;[Blue]0", "-5", "5"),
    (_SIZES, "2500000", "2.5M"),
    (_SIZES, "1500", "1.5K"),
    (_SIZES, "12", "12"),
    ("[Color10]0.0;[Magenta]-0.0", "-2", "-2.0"),
    ("@", "5", "5"),
    ("0.00", "not a number", "not a number"),
    ("0.00", "nan", "nan"),
    ("#,##0", "1E+300", "1," + ",".join(["000"] * 100)),
]

DATES = [
    ("yyyy-mm-dd", "45000", "2023-03-15"),
    ("dd/mm/yyyy", "45000", "15/03/2023"),
    ("m/d/yy", "45000", "3/15/23"),
    ("d.m.yyyy", "45000", "15.3.2023"),
    ("d-mmm-yy", "45000", "15-Mar-23"),
    ("dddd, mmmm d, yyyy", "45000", "Wednesday, March 15, 2023"),
    ("ddd mmmmm", "45000", "Wed M"),
    ("[$-407]d. mmmm yyyy", "45000", "15. März 2023"),
    ("[$-40C]ddd d mmm yyyy", "45000", "mer. 15 mars 2023"),
    ("[$-416]dddd", "45000", "quarta-feira"),
    ("[$-F800]dddd, mmmm dd, yyyy", "45000", "Wednesday, March 15, 2023"),
    ('yyyy"年"m"月"d"日"', "45000", "2023年3月15日"),
    ("[$-1070000]d/mm/bbbb", "45000", "15/03/2566"),
    ("yyyy-mm-dd hh:mm:ss", "45000.75", "2023-03-15 18:00:00"),
    ("yyyy-mm-dd\\Thh:mm", "45000.75", "2023-03-15T18:00"),
    ("h:mm", "45000.999", "23:58"),
    ("h:mm AM/PM", "0.25", "6:00 AM"),
    ("h:mm A/P", "0.75", "6:00 P"),
    ("h AM/PM", "0", "12 AM"),
    ("mm:ss", "0.0021", "03:01"),
    ("mm:ss.0", "0.0001", "00:08.6"),
    ("ss.000", "0.00001", "00.864"),
    ("[h]:mm:ss", "1.5", "36:00:00"),
    ("[mm]:ss", "0.5", "720:00"),
    ("[s]", "0.01", "864"),
    ("d mmm", "59", "28 Feb"),
    ("d mmm", "60", "29 Feb"),
    ("d mmm", "61", "1 Mar"),
    ("ddd", "1", "Sun"),
    ("yyyy-mm-dd", "-1", "-1"),
    ("yyyy-mm-dd", "2958466", "2958466"),
]

DATES_FROM_1904 = [
    ("yyyy-mm-dd", "0", "1904-01-01"),
    ("dddd", "0", "Friday"),
    ("yyyy-mm-dd", "43538", "2023-03-15"),
    ("h:mm", "0.5", "12:00"),
    ("yyyy-mm-dd", "2957003", "9999-12-31"),
]

BUILT_IN = [
    (0, "1234.5", "1234.5"),
    (2, "1234.5", "1234.50"),
    (4, "1234.5", "1,234.50"),
    (9, "0.07", "7%"),
    (11, "1234.5", "1.23E+03"),
    (13, "0.3", "3/10"),
    (14, "45000", "2023-03-15"),
    (15, "45000", "15-Mar-23"),
    (18, "0.75", "6:00 PM"),
    (22, "45000.75", "2023-03-15 18:00"),
    (37, "-1234", "(1,234)"),
    (45, "0.01", "14:24"),
    (46, "1.5", "36:00:00"),
    (49, "123", "123"),
    (31, "45000", "2023-03-15"),
]


@pytest.mark.parametrize(("code", "value", "shown"), NUMBERS)
def test_a_number_is_laid_out_as_its_code_says(code: str, value: str, shown: str) -> None:
    assert " ".join(NumberFormat(code).show(value).split()) == shown


@pytest.mark.parametrize(("code", "value", "shown"), DATES)
def test_a_date_or_time_is_written_as_its_code_says(code: str, value: str, shown: str) -> None:
    assert NumberFormat(code).show(value) == shown


@pytest.mark.parametrize(("code", "value", "shown"), DATES_FROM_1904)
def test_dates_of_the_other_calendar_count_from_1904(code: str, value: str, shown: str) -> None:
    assert NumberFormat(code).show(value, since_1904=True) == shown


@pytest.mark.parametrize(("number", "value", "shown"), BUILT_IN)
def test_a_built_in_format_is_known_by_its_number(number: int, value: str, shown: str) -> None:
    assert find_format(number, None).show(value) == shown


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("General", "Ada"),
        ("0.00", "Ada"),
        ('"Ms "@', "Ms Ada"),
        ('0;-0;0;@" (text)"', "Ada (text)"),
        ("0;-0;0;", ""),
        ("0;-0;0;[Blue]General\\ ", "Ada"),
    ],
)
def test_text_is_shown_within_the_literals_of_its_section(code: str, shown: str) -> None:
    assert NumberFormat(code).show_text("Ada") == shown


@pytest.mark.parametrize(
    "code",
    ["", ";", ";;;;;;", '"', "\\", "_", "*", "[", "[>", "[>x]0", "/", "?/", "E+", ".", ",", "%", "0/0/0", "# ?/²"],
)
def test_a_damaged_code_shows_something_and_raises_nothing(code: str) -> None:
    number_format = NumberFormat(code)
    for value in ("0", "-1.5", "45000.75", "1e300"):
        assert isinstance(number_format.show(value), str)
    assert isinstance(number_format.show_text("text"), str)


def test_rounding_and_padding_are_the_same_for_the_short_and_the_exact_way() -> None:
    short, exact = NumberFormat("#,##0.00"), NumberFormat("#,##0.00;-#,##0.00;0.00;@")
    for number in range(2000):
        value = str(number * 7919 % 100_003 / 1000)
        assert short.show(value) == exact.show(value)
        assert f"{number}.{number % 100:02}" == NumberFormat("0.00").show(str(number + number % 100 / 100))


@pytest.mark.parametrize("code", ["#" + "," * 5000, "0" + "%" * 5000, "ss." + "0" * 5000, "0.0E+" + "0" * 5000])
def test_of_a_code_that_is_longer_than_excel_allows_the_beginning_counts(code: str) -> None:
    assert NumberFormat(code).show("45000.75") == NumberFormat(code[:255]).show("45000.75")
    assert len(NumberFormat(code).show("45000.75")) < 1000


@pytest.mark.parametrize("code", ['# ?/""', "# ?/?1", "# ?/12x", f"ss.{'0' * 400}", f"0{'%' * 990}", f"0.{'0' * 990}"])
@pytest.mark.parametrize("value", ["0.5", "1E+300", "-1E-300"])
def test_a_number_is_shown_whatever_its_format(code: str, value: str) -> None:
    assert any(map(str.isdecimal, NumberFormat(code).show(value)))
