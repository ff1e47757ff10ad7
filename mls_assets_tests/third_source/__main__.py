"""The command line with one more source registered; nothing in the package knows of it."""

import sys

from mls_assets.cli import main
from mls_assets.sources.registry import register
from mls_assets_tests.third_source.source import MERIDIAN

register(MERIDIAN)
sys.exit(main())
