import pytest

from bmv.commands.plain import one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ünïcode “names” 日本 🙂 stay\nand so do lines", "Ünïcode “names” 日本 🙂 stay\nand so do lines"),
        ("\x1b[31mred\x1b]0;title\x07", " [31mred ]0;title "),
        ("\x9b2J\x7f\u202edrow\u200b", " 2J  drow "),
        ("https://sue:secret@hooks.example.com/a@b", "https://…@hooks.example.com/a@b"),
        ("sip:sue@example.com", "sip:sue@example.com"),
    ],
)
def test_what_would_give_orders_or_tell_a_secret_is_not_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_line_stays_a_line() -> None:
    assert one_line(" a name\r\n\tdone  all of it\u2028") == "a name done all of it"
