"""`python -m homeostat` is the `homeostat` command."""

import sys

from homeostat.cli import main

sys.exit(main())
