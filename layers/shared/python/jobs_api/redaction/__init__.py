"""What looks like a secret in a text, and the text without it.

Pure, and linear in the length of the text. Must not know whose text it is: callers hand in the secrets that they know.
"""
