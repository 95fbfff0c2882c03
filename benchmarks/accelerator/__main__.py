"""`python -m benchmarks.accelerator`: measures on this device, or packs wheels."""

import sys

from benchmarks.accelerator import command, pack

if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["pack"]:
        sys.exit(pack.main(given[1:]))
    sys.exit(command.main(given))
