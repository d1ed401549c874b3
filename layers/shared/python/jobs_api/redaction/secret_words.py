"""Which words after a secret's name are plain English, and which look like a secret: `token expired`, `token x7Gh`."""

import re
from typing import Final

PLAIN: Final = frozenset(
    # Small words.
    "a an the this that these those it its i you we they he she one no not none nor and or but if as so than then when "  # noqa: SIM905 - words are read better so
    "where which who whose why how while until since because of in on at by for from to with without within into onto "
    "over under after before between during against via per is are was were be been being am has have had do does did "
    "can cannot could may might must shall should will would also only still already never always now there here too "
    "very just yet again both either neither each any all some other another same different new old own next last "
    # Words that describe a secret.
    "missing invalid valid incorrect correct wrong right bad good ok okay ill-formed malformed corrupt stale absent "
    "present optional mandatory necessary unknown unset set null nil empty blank weak strong short long shorter longer "
    "identical unavailable available accessible inaccessible ambiguous unique private public read-only write-only "
    "given taken known shown written sent found held read seen broken chosen hidden stolen made built put left met "
    "inactive active true false false-positive unauthorized denied lost kept gone due out up down off forbidden "
    # Others: `password authentication`, `secret manager`, `api-key header`, `token bucket`, words of SQL.
    "authentication auth authorization authorizer manager managers store stores scope scopes name names value values "
    "type types file files path field fields column columns table tables view model models source sources seed test "
    "tests key keys id ids user users role roles account database schema warehouse project profile target row rows "
    "header headers cookie parameter parameters param variable variables var option options flag argument arguments "
    "policy rules rule rotation expiry expiration length size count limit bucket provider endpoint url uri service "
    "server error errors exception failure failures failed success successful string text char varchar integer int "
    "bigint number numeric boolean bool bytes json jsonb date timestamp select where group order having limit union "
    "join using index primary references default constraint check comment end begin like between exists cascade "
    "prompt line position character characters hash hashes salt generator grant request requests response realm "
    "backend resolver reference references version versions mismatch change changes reset protection encryption".split()
)
# Ends of words that describe: expired, required, missing, readable.
_DESCRIBING: Final = ("ed", "ing", "able", "ible", "ly")
_LETTERS: Final = re.compile(r"[a-z]++(?:['-][a-z]++)*+", re.IGNORECASE)
_CALL: Final = re.compile(r"[A-Za-z_]{1,64}+\(")
_MARKED: Final = re.compile(r"[!@#$%^&*~+]")
# Only the beginning of a longer word is checked.
_LONGEST: Final = 4096


def is_plain(word: str) -> bool:
    """Return whether a word says something about a secret, and is not the secret."""
    bare = word.strip(".,;:!?()[]{}<>\"'`…|")
    if len(bare) > 24:
        return False
    low = bare.lower()
    if not bare:
        return True
    return bool(_LETTERS.fullmatch(bare)) and (low in PLAIN or (len(low) > 4 and low.endswith(_DESCRIBING)))


def looks_secret(word: str) -> bool:
    """Return whether a word is not from a language: it mixes letters with digits or with marks, and is not short."""
    # A mask within the word does not count.
    head = word[:_LONGEST].replace("***", "").rstrip(".,;:!?)")
    # `varchar(64)` is a type.
    if len(head) < 6 or head[0] in "(|.=<-[" or _CALL.match(head):
        return False
    has_letter = any(map(str.isalpha, head))
    return has_letter and (any(map(str.isdigit, head)) or bool(_MARKED.search(head)))
