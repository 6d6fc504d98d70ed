"""`python -m abgnn`."""

import sys

from abgnn.cli import main

sys.exit(main())
