"""Compares each function's calls to AWS and its cluster, recorded while the tests run, with its permissions."""
