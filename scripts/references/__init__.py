"""Parts of documents that are written from the code, so that they cannot go out of date unseen."""
