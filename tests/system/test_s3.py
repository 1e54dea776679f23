"""API and workers on separate hosts, which share only Postgres, a broker and a bucket."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from app.settings import Settings
from tests.adapters.s3_servers import BUCKET, CREDENTIALS, S3Service, run_s3
from tests.api.checks import check_problem
from tests.deadlines import deadline, wait_for
from tests.running import ROOT, Stack


@pytest.fixture
def service() -> Iterator[S3Service]:
    with run_s3() as running:
        yield running


@pytest.fixture
def hosts(settings: Settings, service: S3Service, tmp_path: Path) -> Iterator[tuple[Stack, Stack]]:
    """The API's host and the workers' host, neither started."""
    with Stack(settings) as api, Stack(settings) as workers:
        storage = {"STORAGE_URL": f"s3://{BUCKET}/sluice", "S3_ENDPOINT_URL": service.url, **CREDENTIALS}
        api.environment |= storage
        workers.environment |= {**storage, "DATA_DIR": str(tmp_path / "elsewhere"), "TASK_RETRY_BACKOFF": "0.5"}
        yield api, workers


def _pack(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def run(host: Stack, command: str, *, check: bool = False) -> "subprocess.CompletedProcess[bytes]":
    """Run a command of the command line as an operator of that host would."""
    program = [sys.executable, "main.py", command]
    return subprocess.run(
        program, cwd=ROOT, env=host.environment, capture_output=True, timeout=deadline(90), check=check
    )


@pytest.mark.slow
def test_files_reach_workers_on_other_hosts_through_the_bucket(
    hosts: tuple[Stack, Stack], service: S3Service, tmp_path: Path
) -> None:
    api, workers = hosts
    api.start_api()
    workers.start_workers()
    client = boto3.session.Session().client("s3", endpoint_url=service.url)

    def list_keys() -> list[str]:
        return [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    agent = api.make_agent()
    note = api.upload(agent, "note.txt", b"The bittern of Wick booms before dawn.")
    files = {"a.txt": b"Avocets nest at Minsmere.", "b.txt": b"Curlews call over the saltings."}
    archive = api.upload(agent, "birds.zip", _pack(files))
    ended = api.finish([note["task_id"], archive["task_id"]], 120)
    assert [task["state"] for task in ended] == ["SUCCESS", "SUCCESS"], ended
    found = api.post(f"/agents/{agent}/search", {"query": "avocets Minsmere"})["results"]
    assert "Avocets" in found[0]["text"]

    keys = list_keys()
    assert len(keys) == 4, "the note, the archive and what was in it"
    assert all(key.startswith("sluice/") for key in keys)
    file = api.client.get(f"/documents/{note['document_id']}/content")
    assert file.content == b"The bittern of Wick booms before dawn."

    removal = api.delete(f"/documents/{note['document_id']}")
    api.finish([removal["task_id"]])
    wait_for(lambda: len(list_keys()) == 3, "the file to leave the bucket")
    assert not (tmp_path / "elsewhere" / "blobs").exists()
    assert b"ok    storage" in run(workers, "doctor", check=True).stdout
    assert len(list_keys()) == 3, "the doctor removes what it writes"
    spooled = [path for folder in (api.settings.data_dir, tmp_path / "elsewhere") for path in folder.glob("spool/*")]
    assert spooled == []


@pytest.mark.slow
def test_while_the_bucket_is_away_uploads_are_refused_and_tasks_wait(
    hosts: tuple[Stack, Stack], service: S3Service
) -> None:
    api, workers = hosts
    api.start_api()
    agent = api.make_agent()
    waiting = api.upload(agent, "note.txt", b"The bittern of Wick booms before dawn.")["task_id"]
    service.stop()
    files = {"file": ("other.txt", b"Avocets nest at Minsmere.")}
    answer = api.client.post(f"/documents/agent/{agent}/upload", files=files)
    assert check_problem(answer, 503, "storage_away")["retryable"] is True
    assert api.get("/documents", agent_id=agent)["total"] == 1
    workers.start_workers("high")  # they start although the bucket is unavailable
    wait_for(lambda: api.get(f"/tasks/{waiting}")["state"] == "RETRY", "the task to be tried", 60)
    service.start_again()
    [task] = api.finish([waiting])
    assert (task["state"], task["crashes"]) == ("SUCCESS", 0)
    [second] = api.finish([api.upload(agent, "other.txt", b"Avocets nest at Minsmere.")["task_id"]])
    assert second["state"] == "SUCCESS"


def test_a_bucket_that_is_not_there_is_told_of_in_a_line(hosts: tuple[Stack, Stack]) -> None:
    api, workers = hosts
    line = b"Cannot use the bucket 'nobodys' of STORAGE_URL: the bucket does not exist."
    for host, command in ((api, "api"), (workers, "worker")):
        host.environment["STORAGE_URL"] = "s3://nobodys"
        ended = run(host, command)
        assert ended.returncode != 0
        assert line in ended.stderr
