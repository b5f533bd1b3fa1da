"""``python -m tellapart``, and ``torchrun -m tellapart``, which starts several of which the first alone speaks."""

import os
import sys

from tellapart.cli import main

if __name__ == "__main__":
    if os.environ.get("RANK", "0") != "0":
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    main()
