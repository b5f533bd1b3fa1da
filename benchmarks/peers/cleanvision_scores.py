"""What cleanvision says of a folder, in a process and an environment of its own (pip install cleanvision; AGPL, so never a dependency).

python peers/cleanvision_scores.py FOLDER SCORES.csv

Prints seconds for its default issues and how many files each names; SCORES gets a row a file that it knows of.
"""

from __future__ import annotations

import sys
import time

if __name__ == "__main__":
    from cleanvision import Imagelab

    began = time.perf_counter()
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues(verbose=False)
    seconds = time.perf_counter() - began
    table = lab.issues
    table.to_csv(sys.argv[2])
    flags = {name: int(table[name].sum()) for name in table.columns if name.startswith("is_")}
    print(f"{seconds:.1f} s for {len(table):,} files; {flags}")
