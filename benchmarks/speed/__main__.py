"""`python -m benchmarks.speed`: the command of `benchmarks.speed.measure`."""

import sys

from benchmarks.speed.measure import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
