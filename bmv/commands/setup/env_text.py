"""The text of a .env file: what it sets, and how one line of it is changed, and changed back, and nothing else.

What a line means is python-dotenv's to say, which the server reads the file with; here is only what the library's own
`set_key` does not keep: comments behind a value, quotes, `export`, line ends, a byte order mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from dotenv.parser import Binding, parse_stream

from bmv.errors import BmvError

_BOM = "\ufeff"
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANK_LINES = re.compile(r"\s*[\r\n]")
_LINE = re.compile(
    r"""(?P<name>[^\S\r\n]*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=\#\s]+)[^\S\r\n]*)"""
    r"""(?:(?P<equals>=[^\S\r\n]*)(?P<rest>.*)|(?P<comment>\#.*))?""",
    re.DOTALL,
)
_QUOTED = re.compile(r"""(?P<quote>['"])(?:\\.|(?!(?P=quote))[^\\])*(?P=quote)""", re.DOTALL)
_COMMENT = re.compile(r"\s+#.*")
_BARE = re.compile(r"""[^\s'"#`\\$][^\s'"`\\]*""")


class EnvTextError(BmvError):
    """A line cannot be written so that python-dotenv reads this value, and all others as before."""


@dataclass(frozen=True)
class LineEdit:
    """What became of the line that sets `name`, without blank lines before it and without its line end.

    `before` is None where there was none. `glue` is the line end that the line before had to be given for it.
    """

    name: str
    before: str | None
    after: str
    glue: str = ""


@dataclass(frozen=True)
class _Line:
    """A piece of the text that python-dotenv reads as one: `text[start:end]`, its line end up to `stop`."""

    name: str | None
    value: str | None
    text: str
    start: int
    end: int
    stop: int


def value_of(text: str, name: str) -> str | None:
    """What the file sets a name to: the last line counts. None where it does not, or only names it."""
    return _values(text).get(name)


def set_value(text: str, name: str, value: str) -> tuple[str, LineEdit]:
    """Set a name in the line that sets it; else below a line `# NAME=`; else at the end.

    Raises `EnvTextError` where the rest of the file (an open quote, say) does not let the value be read.
    """
    wanted = _values(text) | {name: value}
    for new, edit in _ways(text, name, value):
        if _values(new) == wanted and restored(new, edit) == text:
            return new, edit
    raise EnvTextError(f"{name} cannot be written into this file: is a quote left open in it? Set it by hand.")


def restored(text: str, edit: LineEdit) -> str | None:
    """Undo an edit, wherever its line stands by now. None where there is no such line any more."""
    lines = [line for line in _lines(text) if line.name == edit.name and line.text == edit.after]
    return _put_back(text, lines[-1], edit) if lines else None


def overwritten(text: str, edit: LineEdit) -> str | None:
    """As `restored`, whatever the line has become since. None where there is none that sets the name."""
    lines = [line for line in _lines(text) if line.name == edit.name]
    return _put_back(text, lines[-1], edit) if lines else None


def holds(text: str, name: str, line: str | None) -> bool:
    """Whether the line that counts for a name reads so; None: whether there is none."""
    lines = [each.text for each in _lines(text) if each.name == name]
    return lines[-1] == line if lines else line is None


def _put_back(text: str, line: _Line, edit: LineEdit) -> str:
    if edit.before is not None:
        return text[: line.start] + edit.before + text[line.end :]
    before, after = text[: line.start], text[line.stop :]
    return (before.removesuffix(edit.glue) if not after else before) + after


def _ways(text: str, name: str, value: str) -> Iterator[tuple[str, LineEdit]]:
    """Ways to set a name, the best first; whether one is right has to be tried."""
    lines = list(_lines(text))
    for line in [line for line in reversed(lines) if line.name == name][:1]:
        after = _rewritten(line.text, value)
        yield text[: line.start] + after + text[line.end :], LineEdit(name, line.text, after)
    sample = re.compile(rf"\s*#[^\S\r\n]*(?:export[^\S\r\n]+)?{re.escape(name)}[^\S\r\n]*=.*")
    for line in [line for line in reversed(lines) if line.name is None and sample.fullmatch(line.text)][:1]:
        yield _inserted(text, line.stop, name, value)
    yield _inserted(text, len(text), name, value)


def _inserted(text: str, place: int, name: str, value: str) -> tuple[str, LineEdit]:
    found = _LINE_END.search(text)
    end = found[0] if found else "\n"
    before = text[:place].removeprefix(_BOM)
    glue = end if before and before[-1] not in "\r\n" else ""
    line = f"{name}={_written(value)}"
    return text[:place] + glue + line + end + text[place:], LineEdit(name, None, line, glue)


def _rewritten(line: str, value: str) -> str:
    """The same line with another value."""
    match = _LINE.fullmatch(line)
    assert match is not None  # noqa: S101 - it was read as a line that sets or names something
    rest = match["rest"] or ""
    if match["equals"] is None:
        return f"{match['name'].rstrip()}={_written(value)}{' ' if match['comment'] else ''}{match['comment'] or ''}"
    if quoted := _QUOTED.match(rest):
        return match["name"] + match["equals"] + _written(value, quoted["quote"]) + rest[quoted.end() :]
    if rest.startswith("#") and len(match["equals"]) > 1:  # a comment, and the value is blank
        return f"{match['name']}{match['equals']}{_written(value)} {rest}"
    comment = _COMMENT.search(rest)
    kept = len((rest[: comment.start()] if comment else rest).rstrip())
    return match["name"] + match["equals"] + _written(value) + rest[kept:]


def _written(value: str, quote: str = "") -> str:
    """A value as it is written, in these quotes or, where none are asked for and none are needed, without."""
    if not quote and (not value or _BARE.fullmatch(value)):
        return value
    quote = quote or ("'" if "'" not in value else '"')
    escaped = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return quote + escaped + quote


def _values(text: str) -> dict[str, str | None]:
    return {line.name: line.value for line in _lines(text) if line.name is not None}


def _lines(text: str) -> Iterator[_Line]:
    bindings = list(parse_stream(StringIO(text.removeprefix(_BOM), newline="")))
    # Some versions take one mark off themselves, though the file's is gone by then.
    place = len(text) - sum(len(binding.original.string) for binding in bindings)
    for binding in bindings:
        original = binding.original.string
        blank = _BLANK_LINES.match(original)
        start = blank.end() if blank else 0
        core = original[start:]
        kept = len(core) - len(_end(core))
        yield _Line(
            _name(binding), binding.value, core[:kept], place + start, place + start + kept, place + len(original)
        )
        place += len(original)


def _name(binding: Binding) -> str | None:
    return None if binding.error else binding.key


def _end(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else line[-1:] if line.endswith(("\n", "\r")) else ""
