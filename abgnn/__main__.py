"""`python -m abgnn`."""

import sys

from abgnn.cli.main import main

sys.exit(main())
