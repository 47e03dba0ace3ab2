"""The service as `chainzrule serve` starts it: every default, everything on."""

import sys

from service.__main__ import main

if __name__ == "__main__":
    main(["--repository", sys.argv[1], "--port", sys.argv[2], *sys.argv[3:]])
