#!/usr/bin/env python3
"""run_example.py SCRIPT: runs a script of the pages, or skips it where a package that it imports is missing."""
import runpy
import sys

SKIPPED = 77  # the exit status that Meson takes for a test that could not run

try:
    runpy.run_path(sys.argv[1], run_name='__main__')
except ImportError as error:
    print('skipped:', error, file=sys.stderr)
    sys.exit(SKIPPED)
