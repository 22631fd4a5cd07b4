"""The checks, one file each: ``gather`` reads facts from the machine, ``judge`` (pure) makes findings of them."""
