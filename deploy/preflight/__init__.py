"""Looks before a deployment what of it would fail, and says what would be right. It reads, and changes nothing."""
