"""Authentication: API tokens, and the usage key by which API Gateway counts an organization's requests.

Must not know what a caller requests.
"""
