"""The command line: ``./sluice …``."""

import sys


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 bad usage."""
    # Imported here, so that importing this package stays fast.
    from app.cli.output import CommandError  # noqa: PLC0415
    from app.cli.program import program  # noqa: PLC0415
    from app.domain.errors import SluiceError  # noqa: PLC0415

    try:
        program(prog_name="./sluice")
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except SluiceError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)
