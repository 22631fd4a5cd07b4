"""Whether an answer will do, or a dearer model is to be asked: a file per check, all of them pure."""
