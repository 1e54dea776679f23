"""What an installation writes is for its own user; the doctor finds files that others can read."""

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.embedded.engines import EngineUrls
from app.embedded.running import write_addresses
from tests.deadlines import deadline
from tests.running import ROOT


def check_privacy(data_dir: Path) -> dict[str, Any]:
    """The doctor's check, where no server can be reached."""
    servers = {"DATABASE_URL": "postgresql://sluice@127.0.0.1:1/sluice", "REDIS_URL": "redis://127.0.0.1:1/0"}
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **servers}
    program = [sys.executable, "main.py", "doctor", "--json"]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, timeout=deadline(60), check=False)
    checks: list[dict[str, Any]] = json.loads(done.stdout)
    return next(check for check in checks if check["name"] == "privacy")


def test_the_doctor_names_the_command_that_closes_files_which_a_former_version_left_open(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    old = data_dir / "blobs" / "7f" / "0192f3a47f"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"secret")
    addresses = data_dir / "engines.json"
    addresses.write_text("{}")
    for path, mode in {data_dir: 0o755, data_dir / "blobs": 0o755, old.parent: 0o755, old: 0o644}.items():
        path.chmod(mode)
    addresses.chmod(0o644)
    for _ in range(2):  # the files of users first, then the record of the servers
        check = check_privacy(data_dir)
        assert not check["ok"]
        subprocess.run(shlex.split(check["detail"].partition(": ")[2]), check=True)
    assert check_privacy(data_dir)["ok"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, old.parent, addresses)] == [0o600, 0o700, 0o600]


def test_the_addresses_of_the_servers_are_for_the_owner_only_also_where_the_file_was_open(tmp_path: Path) -> None:
    record = tmp_path / "engines.json"
    record.write_text("{}")
    record.chmod(0o644)
    write_addresses(tmp_path, EngineUrls("postgresql://", "redis://"))
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
