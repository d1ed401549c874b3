r"""How large one answer may be.

Lambda allows 6 MB. It counts the JSON of the proxy integration. In that JSON the body, itself JSON, is a string: a NUL
of a log is `\u0000` in the body, and `\\u0000` in the JSON around it.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import json
from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel

# Well below 6 MB: the envelope, the headers and a presigned link need a few thousand bytes.
ANSWER_BYTES: Final = 4_500_000
# A character beyond the basic plane is a pair of escapes.
CHARACTER_BYTES: Final = 14
STEP: Final = 1024
QUOTES: Final = len(json.dumps(json.dumps("")))


def encoded_size(text: str) -> int:
    """Return how many bytes a text needs in an answer, as part of a string of its JSON."""
    return len(json.dumps(json.dumps(text))) - QUOTES


def count_that_fit(documents: Iterable[BaseModel]) -> int:
    """Return how many documents of a list, from the first on, fit into one answer; at least one."""
    left, count = ANSWER_BYTES, 0
    for document in documents:
        left -= len(json.dumps(json.dumps(document.model_dump(mode="json"))))
        if left < 0 and count:
            break
        count += 1
    return count


def end_that_fits(text: str, limit: int = ANSWER_BYTES) -> str:
    """Return as much of a text's end as fits into `limit` bytes of an answer, usually all. Linear in its length."""
    if len(text) * CHARACTER_BYTES <= limit:
        return text
    kept_from = len(text)
    while kept_from:
        start = max(0, kept_from - STEP)
        limit -= encoded_size(text[start:kept_from])
        if limit < 0:
            break
        kept_from = start
    return text[kept_from:]
