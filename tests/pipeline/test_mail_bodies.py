# ruff: noqa: RUF001, the texts are in many scripts
"""The text of a mail is the one that its reader sees, whatever its program wrote beside it."""

import base64
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import DocumentEncryptedError
from app.domain.media import EML
from app.pipeline.parse import parse

HEADERS = b"From: ada@example.org\nTo: bo@example.org\nMIME-Version: 1.0\n"


def read(folder: Path, data: bytes | EmailMessage) -> Parsed:
    path = folder / "a.eml"
    path.write_bytes(data if isinstance(data, bytes) else bytes(data))
    return parse(path, EML)


def text_of(folder: Path, data: bytes | EmailMessage) -> str:
    return read(folder, data).pages[0].text


def alternatives(plain: str, html: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "ada@example.org", "Offer"
    message.set_content(plain)
    message.add_alternative(html, subtype="html")
    return message


@pytest.mark.parametrize(
    "stub",
    [
        "Your mail program cannot show HTML.",
        "Diese Nachricht ist im HTML-Format. Bitte aktivieren Sie die HTML-Anzeige.",
        "View this email in your browser: https://example.org/view?id=1&token=abc-def-ghi-jkl",
        " \n",
        "--",
    ],
)
def test_the_html_part_is_read_where_the_plain_one_is_a_stub(tmp_path: Path, stub: str) -> None:
    html = "<p>The pump costs 88.40 EUR, is delivered within three weeks, and has a warranty of two years.</p>"
    text = text_of(tmp_path, alternatives(stub, html))
    assert "88.40 EUR" in text
    assert stub.strip() == "--" or stub.strip() not in text or not stub.strip()


@pytest.mark.parametrize(
    "html", ['<img src="cid:offer">', '<a href="https://example.org"><img alt="Offer"></a>', "<p>See the text.</p>", ""]
)
def test_the_plain_part_is_read_where_the_html_one_has_no_words(tmp_path: Path, html: str) -> None:
    assert "price of the pump is 88.40" in text_of(tmp_path, alternatives("The price of the pump is 88.40 EUR.", html))


def test_tables_and_links_of_the_html_part_are_kept(tmp_path: Path) -> None:
    html = (
        "<p>Our prices:</p><table><tr><th>Part</th><th>Price</th></tr><tr><td>Pump</td><td>88</td></tr></table>"
        '<p>See <a href="https://example.org/list.pdf">the list</a>.</p>'
    )
    text = text_of(tmp_path, alternatives("Our prices:\nPart Price\nPump 88\nSee the list.", html))
    assert "Part | Price\nPump | 88" in text
    assert "the list (https://example.org/list.pdf)" in text


@pytest.mark.parametrize(("size", "names"), [(100, []), (100_000, ["image1.gif"])])
def test_an_alternative_of_several_parts_counts_as_a_whole(tmp_path: Path, size: int, names: list[str]) -> None:
    message = alternatives("Short.", "<p>The pump costs 88.40 EUR and more words</p>")
    picture = b"GIF89a" + bytes(size)
    message.get_payload()[1].add_related(picture, "image", "gif", cid="<logo>")  # type: ignore[index, union-attr]
    parsed = read(tmp_path, message)
    assert "88.40 EUR" in parsed.pages[0].text
    assert [attachment.name for attachment in parsed.attachments] == names


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("utf-8", "cp1252", "Die Maße der Prüfkörper stimmen."),
        ("iso-8859-1", "utf-8", "Die Maße der Prüfkörper stimmen."),
        ("iso-8859-1", "cp1252", "“Maße” kosten 5 €"),
        ("us-ascii", "cp1251", "Договор подписан вчера"),
        ("utf-8", "gbk", "保修期为两年，自交付之日起计算。"),
        ("gb2312", "gb18030", "朱镕基与喆先生"),
        ("no-such", "koi8-r", "Договор подписан вчера"),
    ],
)
def test_a_body_whose_charset_is_wrong_is_read(tmp_path: Path, declared: str, encoding: str, text: str) -> None:
    head = HEADERS + f"Content-Type: text/plain; charset={declared}\nContent-Transfer-Encoding: 8bit\n\n".encode()
    assert text_of(tmp_path, head + text.encode(encoding)).endswith(text)
    packed = head.replace(b"8bit", b"base64") + base64.encodebytes(text.encode(encoding))
    assert text_of(tmp_path, packed).endswith(text)


@pytest.mark.parametrize(
    ("transfer", "body", "text"),
    [
        ("base64", b"VGhlIHB1bXAgaXMgZmluZS4", "The pump is fine."),  # no padding
        ("base64", b"VGhlIHB1bX*AgaXMg!ZmluZS4=", "The pump is fine."),
        ("base64", b"VGhlIHB1bXAgaXMgZmluZS4=\nVGhlIHB1bXAgaXMgZmluZS4=", "The pump is fine.The pump is fine."),
        ("base64", b"VGhlIHB1bXAgaXMgZmluZS4=\n_____\nList of pumps", "The pump is fine._____\nList of pumps"),
        ("base64", b"VGhlIHB1bXAgaXMgZmluZS5Q\nQ", "The pump is fine.P"),  # cut off
        ("BASE64", b"VGhlIHB1bXAgaXMgZmluZS4=", "The pump is fine."),
        ("quoted-printable", b"The p=75mp =is fi=\nne=2E=", "The pump =is fine."),
        ("quoted-printable", b"5 =3D 5, 100=% fine", "5 = 5, 100=% fine"),
        ("no-such", b"The pump is fine.", "The pump is fine."),
    ],
)
def test_damaged_transfer_encodings_are_read_as_far_as_possible(
    tmp_path: Path, transfer: str, body: bytes, text: str
) -> None:
    head = HEADERS + b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: " + transfer.encode()
    assert text_of(tmp_path, head + b"\n\n" + body).endswith(f"\n\n{text}")


def test_flowed_paragraphs_are_joined(tmp_path: Path) -> None:
    head = HEADERS + b"Content-Type: text/plain; charset=utf-8; format=flowed"
    body = b"The pump is \nfine and \nruns.\n\n> quoted \n> text\n>> older\n-- \nAda\n From here"
    text = text_of(tmp_path, head + b"\n\n" + body)
    assert text.endswith("The pump is fine and runs.\n\n> quoted text\n>> older\n--\nAda\nFrom here")
    text = text_of(tmp_path, head + b"; delsp=yes\n\nThe pu \nmp is  \nfine.")
    assert text.endswith("The pump is fine.")


SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
DATA = bytes.fromhex("06092a864886f70d010701")


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def sign(content: bytes, *, streamed: bool) -> bytes:
    """A signature around content (CMS SignedData without signers), in one piece or in streamed pieces."""
    if streamed:
        pieces = b"".join(der(4, content[start : start + 20]) for start in range(0, len(content), 20))
        octets = b"\x24\x80" + pieces + b"\0\0"
        inner = b"\x30\x80" + DATA + b"\xa0\x80" + octets + b"\0\0\0\0"
        return b"\x30\x80" + SIGNED_DATA + b"\xa0\x80\x30\x80\x02\x01\x01\x31\0" + inner + b"\x31\0" + bytes(6)
    inner = der(0x30, DATA + der(0xA0, der(4, content)))
    return der(0x30, SIGNED_DATA + der(0xA0, der(0x30, b"\x02\x01\x01\x31\0" + inner + b"\x31\0")))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("parameters", ["; smime-type=signed-data; name=smime.p7m", "; name=smime.p7m", ""])
def test_a_signed_mail_is_read(tmp_path: Path, parameters: str, *, streamed: bool) -> None:
    inner = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe pump is signed for."
    head = HEADERS + b"Content-Type: application/pkcs7-mime" + parameters.encode()
    head += b"\nContent-Transfer-Encoding: base64\n\n"
    parsed = read(tmp_path, head + base64.encodebytes(sign(inner, streamed=streamed)))
    assert parsed.pages[0].text.endswith("\n\nThe pump is signed for.")
    assert not parsed.attachments


def test_the_signature_beside_a_message_is_no_attachment(tmp_path: Path) -> None:
    body = (
        b"Content-Type: multipart/signed; boundary=b; protocol=x\n\n--b\n\nThe pump is signed for.\n--b\n"
        b"Content-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n--b--\n"
    )
    parsed = read(tmp_path, HEADERS + body)
    assert parsed.pages[0].text.endswith("The pump is signed for.")
    assert not parsed.attachments


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(der(0x30, ENVELOPED_DATA + der(0xA0, b"secret"))),
        b"Content-Type: text/plain\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n",
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
            b"Content-Type: multipart/encrypted; boundary=c\n\n--c\n\nx\n--c--"
        ),
    ],
)
def test_an_encrypted_mail_says_so_in_every_form_of_encryption(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path, HEADERS + body)


def test_a_bounce_says_why(tmp_path: Path) -> None:
    body = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nNot delivered.\n--b\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"
        b"Final-Recipient: rfc822; bo@example.org\nStatus: 5.1.1\n--b--\n"
    )
    assert "Final-Recipient: rfc822; bo@example.org\nStatus: 5.1.1" in text_of(tmp_path, HEADERS + body)


@pytest.mark.parametrize("kind", ["text/markdown", "text/x-patch", "text/csv", "text/enriched"])
def test_a_text_of_any_type_is_a_body_where_it_has_no_name(tmp_path: Path, kind: str) -> None:
    alone = HEADERS + f"Content-Type: {kind}\n\nThe pump is new.\n".encode()
    assert text_of(tmp_path, alone).endswith("\n\nThe pump is new.")
    parts = b"--b\n\nSee below.\n--b\nContent-Type: " + kind.encode() + b"\n\nThe pump is new.\n--b--\n"
    mixed = HEADERS + b"Content-Type: multipart/mixed; boundary=b\n\n" + parts
    assert text_of(tmp_path, mixed).endswith("See below.\n\nThe pump is new.")
    choice = HEADERS + b"Content-Type: multipart/alternative; boundary=b\n\n" + parts
    assert text_of(tmp_path, choice).endswith("\n\nSee below.")


def test_an_rtf_text_without_a_name_is_an_attachment(tmp_path: Path) -> None:
    parsed = read(tmp_path, HEADERS + b"Content-Type: text/rtf\n\n{\\rtf1 The pump is new.}\n")
    assert [file.name for file in parsed.attachments] == ["text.rtf"]
    assert "The pump is new." in parsed.pages[0].text


def test_a_text_without_words_is_read(tmp_path: Path) -> None:
    assert text_of(tmp_path, alternatives("\U0001f44d", "<p>\U0001f44d</p>")).endswith("\n\n\U0001f44d")
