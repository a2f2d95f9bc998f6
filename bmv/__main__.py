"""The entry point: `python -m bmv` serves; a word after it does something else."""

from __future__ import annotations

import sys

from bmv.commands import main

if __name__ == "__main__":
    sys.exit(main())
