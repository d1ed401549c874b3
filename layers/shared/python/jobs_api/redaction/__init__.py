"""Finds and masks what looks like a secret in a text.

Pure; the time is linear in the length of the text. Must not know whose text it is: callers pass the secrets they know.
"""
