"""Finds what of a deployment would fail, and says what would be right. It only reads."""
