"""Sluice: ``uvicorn main:app`` serves the HTTP API, ``python main.py`` is the command line."""

if __name__ == "__main__":
    from app.cli import main

    main()
else:
    from app.api.application import create_app

    app = create_app()
