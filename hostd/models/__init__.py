"""Where models are, what their headers say, and how they get here: files, folders, the stores of other programs, and two hubs.

Planning reads headers alone, over HTTP ranges; only a pull fetches weights, and nothing here ever loads them. Nothing here trusts
a byte of what it reads: names, sizes, digests and redirects are checked before they are acted on.
"""
