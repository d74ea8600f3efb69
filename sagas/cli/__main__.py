"""`python -m sagas.cli`."""

import sys

from sagas.cli import main

sys.exit(main())
