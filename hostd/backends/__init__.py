"""One file per engine. Each says which variants it takes, how it is launched, and what its death means."""
