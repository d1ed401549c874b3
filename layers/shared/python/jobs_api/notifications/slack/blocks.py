"""The parts of a Slack message, as Slack wants them: blocks, limits of length, and text that means only itself.

https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/messaging/formatting-message-text
"""

from typing import Any, Final

HEADER_LIMIT: Final = 150
SECTION_LIMIT: Final = 3000

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

type Block = dict[str, Any]


def escaped(text: str, limit: int = SECTION_LIMIT) -> str:
    """Escape links, mentions and entities; shorten the result to the limit, between entities."""
    pieces = [_ENTITIES.get(char, char) for char in text]
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    room, kept = limit - 1, list[str]()
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def cut(text: str, limit: int) -> str:
    """Cut a text to a number of characters, as Slack counts them."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def field_block(name: str, value: str) -> Block:
    """Return a field with its name."""
    return {"type": "mrkdwn", "text": f"*{name}*\n{value}"}


def section(text: str) -> Block:
    """Return a section of text."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def sections(lines: list[str]) -> list[Block]:
    """Put lines into as few sections as possible."""
    texts = [""]
    for line in lines:
        if len(texts[-1]) + len(line) + 1 > SECTION_LIMIT:
            texts.append("")
        texts[-1] += f"{line}\n"
    return [section(text.rstrip()) for text in texts]


def code_block(text: str, limit: int) -> str:
    """Return a text for the inside of a code block."""
    # A backtick would end the code block, and cannot be escaped.
    return escaped(text.replace("`", "'"), limit)
