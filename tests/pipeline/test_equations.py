"""Equations are written on one line without a change of their value."""

import pytest
from lxml import etree

from app.pipeline.parse.office.equations import write_equation
from app.pipeline.parse.office.field_codes import write_code


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def element(name: str, *parts: tuple[str, str], **properties: str) -> str:
    """A structure of these named parts; properties have a value, such as ``chr``."""
    stated = "".join(f'<m:{key} m:val="{value}"/>' for key, value in properties.items())
    content = "".join(f"<m:{part}>{inner}</m:{part}>" for part, inner in parts)
    return f"<m:{name}><m:{name}Pr>{stated}</m:{name}Pr>{content}</m:{name}>"


def fraction(top: str, bottom: str, **properties: str) -> str:
    return element("f", ("num", top), ("den", bottom), **properties)


def power(base: str, exponent: str) -> str:
    return element("sSup", ("e", base), ("sup", exponent))


def between(content: str, **properties: str) -> str:
    return element("d", ("e", content), **properties)


def write(content: str) -> str:
    space = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    return write_equation(etree.fromstring(f'<m:oMath xmlns:m="{space}">{content}</m:oMath>'))


def matrix(*rows: str) -> str:
    cells = ("".join(f"<m:e>{run(cell)}</m:e>" for cell in row) for row in rows)
    return f"<m:m>{''.join(f'<m:mr>{row}</m:mr>' for row in cells)}</m:m>"


X, Y, TWO = run("x"), run("y"), run("2")
HALF = fraction(run("1"), TWO)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (HALF, "1/2"),
        (TWO + HALF, "2 1/2"),
        (run("1") + run("2") + run("x"), "12x"),
        (HALF + X, "1/2 x"),
        (fraction(run("a+b"), run("2c")), "(a+b)/(2c)"),
        (fraction(HALF, HALF), "(1/2)/(1/2)"),
        (fraction(run("n"), run("k"), type="noBar"), "(n over k)"),
        (run("π") + power(run("r"), TWO) + run("h"), "πr^2 h"),
        (TWO + power(run("3"), run("4")), "2 3^4"),
        (power(run("e"), run("-x")), "e^(-x)"),
        (power(HALF, run("n")), "(1/2)^n"),
        (power(power(run("a"), run("b")), run("c")), "(a^b)^c"),
        (element("sSub", ("e", X), ("sub", run("i+1"))), "x_(i+1)"),
        (element("sSubSup", ("e", X), ("sub", run("i")), ("sup", TWO)), "x_i^2"),
        (element("sPre", ("sub", run("6")), ("sup", run("14")), ("e", run("C"))), "{}_6^14 C"),
        (element("rad", ("deg", ""), ("e", run("x+1")), degHide="1"), "√(x+1)"),
        (element("rad", ("deg", run("3")), ("e", X)), "∛(x)"),
        (element("rad", ("deg", run("n")), ("e", between(run("x+1")))), "√[n](x+1)"),
        (run("f") + between(X) + run("=") + Y, "f(x)=y"),
        (between(run("a,b"), begChr="[", endChr=")"), "[a,b)"),
        (between(run("x"), begChr="|", endChr="|"), "|x|"),
        (element("d", ("e", X), ("e", Y), sepChr=";"), "(x ; y)"),
        (element("nary", ("sub", run("i=1")), ("sup", run("n")), ("e", X), chr="∑"), "∑_(i=1)^n x"),
        (element("nary", ("sub", run("0")), ("sup", run("1")), ("e", run("xdx"))), "∫_0^1 xdx"),
        (element("func", ("fName", run("sin")), ("e", X)), "sin(x)"),
        (element("func", ("fName", run("sin")), ("e", between(run("x+y")))), "sin(x+y)"),
        (element("limLow", ("e", run("lim")), ("lim", run("x→0"))), "lim_(x→0)"),
        (element("limUpp", ("e", run("=")), ("lim", run("def"))), "=^def"),
        (element("acc", ("e", X), chr="\u0305"), "x\u0305"),
        (element("acc", ("e", run("AB")), chr="\u20d7"), "vec(AB)"),
        (element("acc", ("e", run("AB"))), "hat(AB)"),
        (element("bar", ("e", run("AB")), pos="top"), "bar(AB)"),
        (matrix("ab", "cd"), "[a, b; c, d]"),
        (between(matrix("ab", "cd")), "(a, b; c, d)"),
        (between(element("eqArr", ("e", run("x, x&gt;0")), ("e", run("0"))), begChr="{", endChr=""), "{x, x>0; 0"),
        (element("phant", ("e", X), show="0") + Y, "y"),
        (element("borderBox", ("e", X)) + element("groupChr", ("e", Y), chr="⏟"), "xy"),
        (f"<m:r><m:rPr><m:sty m:val='p'/></m:rPr><m:t>d</m:t></m:r><w:del xmlns:w='w'>{X}</w:del>", "d"),
    ],
)
def test_an_equation_keeps_its_value_on_one_line(content: str, text: str) -> None:
    assert write(content) == text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (r"EQ \f(1,2)", "1/2"),
        (r"eq 2\f(a+b;2c) \* MERGEFORMAT", "2(a+b)/(2c)"),
        (r"EQ x\s\up8(2)\s\do8(i)", "x^2_i"),
        (r"EQ \r(3,x)+\r(x+1)", "∛(x)+√(x+1)"),
        (r"EQ \i\su(i=1,n,x)", "∑_(i=1)^n x"),
        (r"EQ \b\bc\[(\f(a,b))", "(a/b)"),
        (r'EQ \* jc2 \* "Font:MS Mincho" \o\ad(\s\up 9(とう),東)京', "東京"),
        (r"EQ \a\al\co2(a,b)", "a; b"),
        (r"EQ f(x,\x(y))", "f(x,y)"),
        (r"EQ \f(1", "1/"),
        ("EQ " + r"\f(" * 5_000, ""),
        ("EQUATE x", ""),
    ],
)
def test_an_equation_in_a_field_is_written_from_its_code(code: str, text: str) -> None:
    assert write_code(code) == text


def test_a_deep_equation_is_written_without_an_error() -> None:
    content = X
    for _ in range(60):
        content = fraction(content, TWO)
    assert write(content).count("2") == 60
    for _ in range(55):
        content = f"<m:box>{content}</m:box>"
    assert "x" in write(content)
