"""A package, so that these tests may be named as those of other rooms."""
