"""`python -m app.clinic init|serve`: the service without the rest of the program around it."""

import sys

from app.clinic.cli import main

sys.exit(main(sys.argv[1:]))
