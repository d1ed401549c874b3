"""Reduces a log to what a terminal would show at the end: no colours, links, bells or overwritten progress."""

import re
from typing import Final

# ECMA-48 and xterm's ctlseqs. Each part is possessive or a single character, so that no text is searched twice.
_SEQUENCES: Final = re.compile(
    # CSI: colours, cursor movements, erasing.
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"
    # Strings up to their terminator: OSC (titles, and links, whose text is not part of it), DCS, SOS, PM, APC.
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)?"
    # ESC ( B and the like, and the rest of any other sequence.
    r"|\x1b[ -/]*+[0-~]?"
)
# Matches from the first of many carriage returns; otherwise each of them would be searched again.
_NEW_LINES: Final = re.compile(r"(?<!\r)\r*+\n|[\x0b\x0c\x85\u2028\u2029]")
# Characters that a terminal does not show as they are; most lines have none.
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS: Final = dict.fromkeys([*range(0x08), *range(0x0E, 0x20), *range(0x7F, 0xA0)])


def plain(text: str) -> str:
    """Return a text as a terminal shows it, with one kind of line break."""
    if not _UNSEEN.search(text):
        return text
    text = _NEW_LINES.sub("\n", _SEQUENCES.sub("", text))
    if "\r" in text or "\b" in text:
        text = "\n".join(_on_screen(line) for line in text.split("\n"))
    return text.translate(_CONTROLS)


def _on_screen(line: str) -> str:
    """Return the visible rest of an overwritten line: the last part after a carriage return that is not empty."""
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    if "\b" not in line:
        return line
    cells, at = list[str](), 0
    for char in line:
        if char == "\b":
            at = max(0, at - 1)
        elif at < len(cells):
            cells[at] = char
            at += 1
        else:
            cells.append(char)
            at += 1
    return "".join(cells)
