from email.message import EmailMessage

import pytest

from sandbox.mail import described


def test_subject_and_text_are_read_out_of_a_message() -> None:
    message = EmailMessage()
    message["Subject"] = "Xác nhận đơn hàng"
    message.set_content("Cảm ơn bạn.")
    message.add_alternative("<p>Cảm ơn bạn.</p>", subtype="html")

    found = described(message.as_bytes())

    assert found["subject"] == "Xác nhận đơn hàng"
    assert found["text"].strip() == "Cảm ơn bạn."


def test_a_message_with_html_alone_shows_it_as_it_is() -> None:
    message = EmailMessage()
    message.set_content("<p>hello</p>", subtype="html")

    assert described(message.as_bytes())["text"].strip() == "<p>hello</p>"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: =?utf-8?b?broken\r\n\r\n\xff\xfe\x00",
        b"Content-Type: text/plain; charset=martian\r\n\r\nhello",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
    ],
)
def test_whatever_comes_is_kept_byte_by_byte(raw: bytes) -> None:
    assert described(raw)["raw"].encode("utf-8", "surrogateescape") == raw
