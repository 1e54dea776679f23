"""Sluice: ``uvicorn main:app`` serves the HTTP API, ``./sluice`` runs this file as the command line."""

import sys

if __name__ == "__main__":
    from app.cli import main

    try:
        main()
    except ModuleNotFoundError as error:
        if (error.name or "app").startswith("app"):
            raise
        # A Python without the locked packages, most often one outside .venv.
        sys.exit(f"{sys.executable} has no package {error.name!r}. Run `make setup`, then ./sluice instead of main.py.")
else:
    from app.api.application import create_app
    from app.cli.local.unknown_names import warn_of_unknown_names
    from app.domain.errors import StartupError

    warn_of_unknown_names()
    try:
        app = create_app()
    except StartupError as error:
        sys.exit(error.message)  # one line in place of a traceback
