"""Where models are, and what their headers say: files, folders, the stores of other programs, and two hubs over HTTP ranges.

Nothing here reads weights, and nothing here trusts a byte of what it reads: names, sizes, digests and redirects are checked
before they are acted on.
"""
