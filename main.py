"""Sluice: ``uvicorn main:app`` serves the HTTP API, ``python main.py`` is the command line."""

import sys

if __name__ == "__main__":
    from app.cli import main

    main()
else:
    from app.api.application import create_app
    from app.domain.errors import StartupError

    try:
        app = create_app()
    except StartupError as error:
        sys.exit(error.message)  # one line in place of a traceback
