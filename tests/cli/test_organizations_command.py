"""Commands of an organization's administrator, whose key belongs to another organization than the first."""

from pathlib import Path

from tests.cli.commands import read_json, run_in
from tests.running import KEY, Stack


def test_retention_is_that_of_the_keys_organization(shared_stack: Stack, tmp_path: Path) -> None:
    made = shared_stack.post("/organizations", {"name": "Harbour office"})
    environment = {
        "SLUICE_URL": f"http://127.0.0.1:{shared_stack.port}",
        "SLUICE_API_KEY": made["api_key"]["secret"],
        "PATH": "/usr/bin:/bin",
    }
    assert read_json(tmp_path, environment, "retention", "set", "tasks=14")["days"]["tasks"] == 14
    assert read_json(tmp_path, environment, "retention", "show")["organization_id"] == made["id"]
    assert "Harbour office" in run_in(tmp_path, environment, "organizations", "list").stdout
    operator = {**environment, "SLUICE_API_KEY": KEY}
    assert read_json(tmp_path, operator, "retention", "show")["organization_id"] == 1
