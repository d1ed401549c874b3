"""Counts how often each property was checked; pytest prints it at the end."""

from collections import Counter

proved: Counter[str] = Counter()
