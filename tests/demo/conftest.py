"""Make the parts of scripts/make-demo-models importable; those that need numpy or gguf are skipped where they are missing."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
