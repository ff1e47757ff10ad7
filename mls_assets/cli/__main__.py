"""`python -m mls_assets.cli`, the same as the console script."""

import sys

from mls_assets.cli import main

if __name__ == "__main__":
    sys.exit(main())
