"""How long `tellapart --help` takes, beside starting Python and beside importing torch.

python benchmarks/start_up.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": "pass",
    "tellapart --help": "import sys; sys.argv = ['tellapart', '--help']; from tellapart.cli import main; main()",
    "tellapart train --help": "import sys; sys.argv = ['tellapart', 'train', '--help']; from tellapart.cli import main; main()",
    "import tellapart": "import tellapart",
    "import torch": "import torch",
}


def main() -> None:
    seconds = {}
    for name, code in COMMANDS.items():
        times = []
        for _ in range(6):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            times.append(time.perf_counter() - begin)
        seconds[name] = statistics.median(times[1:])
    for name, found in seconds.items():
        print(f"{name:<24} {found:6.3f} s   import torch takes {seconds['import torch'] / found:.1f} times as long")


if __name__ == "__main__":
    main()
