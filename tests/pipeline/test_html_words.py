"""What stands within a line of a web page: the text says what the page shows."""

from pathlib import Path

import pytest

from tests.pipeline.pages import read_article, read_body

_KATEX = (
    "<span class=katex><span class=katex-mathml><math><semantics><mrow><mi>p</mi><mo>=</mo><mn>1</mn></mrow>"
    "<annotation encoding='application/x-tex'>p=1</annotation></semantics></math></span>"
    "<span class=katex-html aria-hidden=true>p=1</span></span>"
)
_MATHJAX = "<span class=MathJax_Preview>p</span><span class=MathJax>p2</span><script type='math/tex'>p^2</script>"
_WIKIPEDIA = (
    "<span class=mwe-math-element><span class=mwe-math-mathml-inline style='display:none'><math><mi>q</mi></math>"
    "</span><img class=mwe-math-fallback-image-inline aria-hidden=true alt='q'></span>"
)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("5 m<sup>2</sup>", "5 m^2"),
        ("10<span style='font-size:60%;vertical-align:super'>6</span> W", "10^6 W"),
        ("x<span style='vertical-align: sub;'>1</span>", "x_1"),
        ("10<span style='vertical-align:baseline'>6</span> W", "106 W"),
        ("3·10<sup>-9</sup> F", "3·10^-9 F"),
        ("e<sup>x+1</sup>", "e^(x+1)"),
        ("40 inch<sup>2</sup>", "40 inch^2"),
        ("Ca<sup>2+</sup> and SO<sub>4</sub><sup>2-</sup>", "Ca^2+ and SO4^2-"),
        ("<sup>14</sup>C", "14C"),
        ("CO<sub>2</sub>, Fe<sub>2</sub>O<sub>3</sub>", "CO2, Fe2O3"),
        ("y<sub>1</sub> = log<sub>2</sub> 8", "y_1 = log_2 8"),
        ("1010<sub>2</sub>", "1010_2"),
        ("4<sup>1</sup>/<sub>2</sub> cups, <sup>3</sup>\u2044<sub>4</sub>", "4 1/2 cups, 3\u20444"),
        ("the 3<sup>rd</sup>, le 2<sup>e</sup>, n<sup>o</sup> 5, M<sup>me</sup> L.", "the 3rd, le 2e, no 5, Mme L."),
        ("Acme<sup>TM</sup> pump, Bolt<sup>®</sup>, 20<sup>°</sup>C", "Acme™ pump, Bolt®, 20°C"),
        ("10<sup>6 </sup>ohm and x<sub>1 </sub>ohm", "10^6 ohm and x_1 ohm"),
        ("the clause<sup>7</sup> holds.<sup>8</sup>", "the clause[7] holds.[8]"),
        ("so<sup><a href='#fn2'>2</a></sup>", "so[2]"),
        ("so<a href='#fn2' class=noteref><sup>2</sup></a>", "so[2]"),
        ("<a href='#x'>x<sup>2</sup></a> and <a href='a.html#y'>10<sup>6</sup></a>", "x^2 and 10^6"),
        ("so<sup class=reference>[9]</sup>", "so[9]"),
    ],
)
def test_superscripts_and_subscripts_keep_values_readable(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, f"<p>{markup}</p>") == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<del>30 kg</del> <ins>25 kg</ins>", "~~30 kg~~ 25 kg"),
        ("was <s>$9</s> now $7", "was ~~$9~~ now $7"),
        ("was <span style='text-decoration: line-through'>$9</span> now $7", "was ~~$9~~ now $7"),
        ("she said <q>stop</q>", "she said “stop”"),
        ("<abbr title='Gross Tons'>GT</abbr>, <abbr title='Gross Tons'>GT</abbr>", "GT (Gross Tons), GT"),
        ("<abbr title=noon>noon</abbr>", "noon"),
    ],
)
def test_marks_that_change_the_meaning_are_written(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, f"<p>{markup}</p>") == text


@pytest.mark.parametrize(
    "markup",
    [
        "<ruby>図<rt>と</rt>書<rt>しょ</rt></ruby>館",
        "<ruby>図書<rp>\uff08</rp><rt>としょ</rt><rp>\uff09</rp></ruby>館",
        "<ruby><rb>図</rb><rb>書</rb><rt>と</rt><rt>しょ</rt></ruby>館",
        "<ruby>図書<rtc><rt>としょ</rt></rtc></ruby>館",
        "<ruby>図書館<rt>としょかん</ruby>",
    ],
)
def test_the_base_text_of_ruby_stays_in_one_piece(tmp_path: Path, markup: str) -> None:
    assert read_body(tmp_path, f"<p>{markup}へ</p>") == "図書館へ"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<math><mfrac><mn>3</mn><mn>4</mn></mfrac></math>", "3/4"),
        ("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>", "(a+b)/2"),
        ("<math><msup><mi>r</mi><mn>2</mn></msup></math>", "r^2"),
        ("<math><msqrt><mn>2</mn></msqrt></math>", "√2"),
        ("<math><msub><mi>v</mi><mn>0</mn></msub></math>", "v_0"),
        ("<math alttext='k^3'></math>", "k^3"),
        (_KATEX, "p = 1"),
        (_MATHJAX, "p^2"),
        (_WIKIPEDIA, "q"),
    ],
)
def test_a_formula_is_written_once_on_one_line(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, f"<p>{markup}</p>") == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<details><summary>Fees</summary>Two crowns</details>", "Fees\nTwo crowns"),
        ("<button>Take it</button><button>Leave it</button>", "Take it Leave it"),
        ("<label>Name</label><input value=Ida><input type=password value=x><input type=hidden value=y>", "Name Ida"),
        ("<input type=checkbox checked>Smoker<input type=radio>Pilot", "☒ Smoker ☐ Pilot"),
        ("<select><option>red<option>blue</select><textarea>a note</textarea>", "red, blue a note"),
        ("<picture><source srcset=x><img alt='a chart'></picture>", "a chart"),
        ("<svg><title>icon</title><text>Phase 2</text></svg>", "Phase 2"),
        ("<video>Your browser cannot play this.</video>seen<template>t</template>", "seen"),
        ("seen<div hidden>a</div><dialog>b</dialog><p style='visibility:hidden'>c</p><i aria-hidden=true>d", "seen"),
        ("<div aria-hidden=true>the page behind a dialog</div>", "the page behind a dialog"),
        ("<div hidden=until-found>found by search</div>", "found by search"),
        ("<a href='/a'>Home</a><a href='/b'>About</a>", "Home About"),
        ("<a href='/a'>東京</a><a href='/b'>大学</a>", "東京大学"),
        ("<noscript><p>Plain words for all.</p></noscript>", "Plain words for all."),
        ("text<noscript>for old browsers</noscript>", "text"),
    ],
)
def test_controls_pictures_and_hidden_parts_read_as_they_are_seen(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<ol start=4><li>d<li>e</ol>", "4. d\n5. e"),
        ("<ol reversed><li>b<li>a</ol>", "2. b\n1. a"),
        ("<ol><li>a<li value=7>b<li>c</ol>", "1. a\n7. b\n8. c"),
        ("<ol type=a start=26><li>z<li>next</ol>", "z. z\naa. next"),
        ("<ol type=A><li>x</ol>", "A. x"),
        ("<ol type=i start=4><li>x</ol>", "iv. x"),
        ("<ol style='list-style: upper-roman'><li>x<li>y</ol>", "I. x\nII. y"),
        ("<ol start=x><li>a</ol>", "1. a"),
        ("<ul><li>a<ol><li>b<li>c</ol><li>d</ul>", "- a\n  1. b\n  2. c\n- d"),
        ("<ul><li><p>a</p><p>more</p><li><p>b</p></ul>", "- a\nmore\n- b"),
        ("<ul><li></li><li>b</ul>", "- b"),
        ("<dl><dt>Draught<dd>depth<dd>drawing</dl>", "Draught\n  depth\n  drawing"),
    ],
)
def test_list_items_have_the_markers_that_a_browser_shows(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<div>Boats longer than nine metres need a pilot.</div>", "Boats longer than nine metres need a pilot."),
        ("<p>Opened on <time>3 May 1904</time> by the mayor.</p>", "Opened on 3 May 1904 by the mayor."),
        ("<p>The <abbr title='Gross Tonnage'>GT</abbr> limit.</p>", "The GT (Gross Tonnage) limit."),
        ("<dl><dt>Draught<dd>depth of the hull</dl>", "Draught\n  depth of the hull"),
        ("<details><summary>Fees</summary><p>Two crowns a day.</p></details>", "Fees\n\nTwo crowns a day."),
        ("<p>Mon 8-17<br>Tue 9-18</p>", "Mon 8-17\nTue 9-18"),
        ("<p>水门每天早上八点开放<sup>1</sup>。船只须提前通知。</p>", "船只须提前通知。"),
        ("<section class=footnotes><ol><li>See the rules of 1904.</ol></section>", "1. See the rules of 1904."),
        ("<p><a href='https://x.example.org/plan.pdf'>The plan</a></p>", "The plan (https://x.example.org/plan.pdf)"),
    ],
)
@pytest.mark.parametrize("after", ["", "<p>At last the keeper thanks all who have read so far about the locks.</p>"])
def test_no_line_within_an_article_is_lost(tmp_path: Path, markup: str, text: str, after: str) -> None:
    assert text in read_article(tmp_path, markup + after)


def test_values_in_an_article_are_not_changed(tmp_path: Path) -> None:
    text = read_article(tmp_path, "<p>The load of the upper lock is 10<sup>4</sup> kg of H<sub>2</sub>O each day.</p>")
    assert "is 10^4 kg of H2O each day." in text


@pytest.mark.parametrize(
    "names",
    [
        "id=cookie-banner",
        "class='cookie-consent x'",
        "id=onetrust-banner-sdk",
        "class=gdpr_notice",
        "class=SiteCookieBanner",
    ],
)
def test_a_request_for_consent_is_left_out(tmp_path: Path, names: str) -> None:
    markup = f"<div {names}><p>We value cookies.</p><button>Accept</button></div><p>Feed the heron.</p>"
    assert read_body(tmp_path, markup) == "Feed the heron."
    assert read_body(tmp_path, f"<div {names}><p>Only this.</p><button>OK</button></div>") == "Only this.\n\nOK"
    assert read_body(tmp_path, f"<div {names}><h2>How cookies are set</h2></div><p>x</p>").startswith("How cookies")
