"""A ZIP becomes a parent task with a child for each file, whatever it contains."""

import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.api.checks import check_problem
from tests.deadlines import wait_for
from tests.flows.zips import encrypt, make_zip
from tests.pipeline.tars import make_tar
from tests.running import Stack

PAGE = "text/markdown"


def send(stack: Stack, agent: int, archive: bytes, name: str = "files.zip", **fields: str) -> dict[str, Any]:
    """Upload an archive and wait until its task has ended."""
    accepted = stack.upload(agent, name, archive, **fields)
    [task] = stack.finish([accepted["task_id"]])
    return task


def list_children(stack: Stack, parent: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A parent's children by file name."""
    children = stack.get("/tasks/", parent_id=parent["task_id"], limit=1000)["tasks"]
    assert {child["parent_id"] for child in children} == {parent["task_id"]}
    return {child["metadata"]["filename"]: child for child in children}


def test_each_file_of_an_archive_is_a_document_of_its_own(shared_stack: Stack, agent: int) -> None:
    archive = make_zip({"a.txt": b"The heron stands.", "deep/b.md": b"# Weir\n\nThe weir is high.", "deep/": b""})
    accepted = shared_stack.upload(agent, "notes.zip", archive, metadata='{"year": 2026}')
    [parent] = shared_stack.finish([accepted["task_id"]])
    assert (parent["task_name"], parent["queue"]) == ("app.tasks.document_tasks.process_archive", "low_priority")
    assert (parent["state"], parent["current"], parent["stage"]) == ("SUCCESS", 100, "children")
    assert parent["counts"] == {"total": 2, "pending": 0, "running": 0, "succeeded": 2, "failed": 0, "revoked": 0}
    children = list_children(shared_stack, parent)
    assert children.keys() == {"a.txt", "deep/b.md"}
    document = shared_stack.get(f"/documents/{children['deep/b.md']['document_id']}")
    assert (document["status"], document["media_type"], document["metadata"]["year"]) == ("completed", PAGE, 2026)
    assert shared_stack.get(f"/documents/{accepted['document_id']}")["status"] == "completed"
    hits = shared_stack.post(f"/agents/{agent}/search", {"query": "weir"})["results"]
    assert hits[0]["filename"] == "deep/b.md"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.7z"])
def test_archives_of_other_formats_are_unpacked_like_a_zip(
    shared_stack: Stack, agent: int, tmp_path: Path, name: str
) -> None:
    files = {
        "a.txt": b"The heron stands.",
        "deep/b.md": b"# Weir",
        "inner.zip": make_zip({"leaf.txt": b"A leaf."}),
        "logo.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    parent = send(shared_stack, agent, pack(tmp_path / "packed", name, files), name)
    assert (parent["task_name"], parent["queue"]) == ("app.tasks.document_tasks.process_archive", "low_priority")
    assert (parent["state"], parent["counts"]["succeeded"], parent["counts"]["failed"]) == ("SUCCESS", 3, 1)
    children = list_children(shared_stack, parent)
    assert children.keys() == {"a.txt", "deep/b.md", "inner.zip/leaf.txt", "logo.png"}
    assert children["logo.png"]["error"]["code"] == "unsupported_type"


def pack(path: Path, name: str, files: Mapping[str, bytes]) -> bytes:
    """An archive of these files in the format of this name."""
    if name.endswith(".7z"):
        py7zr = pytest.importorskip("py7zr")
        with py7zr.SevenZipFile(path, "w") as archive:
            for entry, content in files.items():
                archive.writestr(content, entry)
        return path.read_bytes()
    compression = {"gz": ":gz", "tgz": ":gz", "bz2": ":bz2", "xz": ":xz"}.get(name.rpartition(".")[2], "")
    return make_tar(path, files.items(), mode=f"w{compression}").read_bytes()


@pytest.mark.parametrize("name", ["a.tar.gz", "a.7z", "a.tar.xz"])
def test_archives_of_other_formats_are_bounded_and_leave_nothing(
    shared_stack: Stack, agent: int, tmp_path: Path, name: str
) -> None:
    for number, files in enumerate(
        [{f"{n}.txt": b"x" for n in range(120)}, {f"{n}.txt": bytes(1_500_000) for n in range(4)}, {}]
    ):
        task = send(shared_stack, agent, pack(tmp_path / str(number), name, files), f"{number}{name}")
        code = "archive_limit_exceeded" if files else "archive_empty"
        assert (task["state"], task["error"]["code"], task["counts"]) == ("FAILURE", code, None)
        assert list_blobs(shared_stack, task) == []


def test_a_gzip_file_is_its_one_file_and_a_zip_holds_archives_of_other_formats(
    shared_stack: Stack, agent: int, tmp_path: Path
) -> None:
    parent = send(shared_stack, agent, gzip.compress(b"One heron."), "notes.txt.gz")
    assert list_children(shared_stack, parent).keys() == {"notes.txt"}
    inner = pack(tmp_path / "a", "a.tar.gz", {"leaf.txt": b"The leaf of a tar."})
    outer = make_zip({"a.tar.gz": inner, "b.txt.gz": gzip.compress(b"Two herons.")})
    children = list_children(shared_stack, send(shared_stack, agent, outer))
    assert {name for name, child in children.items() if child["state"] == "SUCCESS"} == {
        "a.tar.gz/leaf.txt",
        "b.txt.gz/b.txt",
    }


def test_a_retried_or_reindexed_tar_makes_no_second_set(shared_stack: Stack, agent: int, tmp_path: Path) -> None:
    parent = send(
        shared_stack, agent, pack(tmp_path / "a", "a.tar.gz", {"a.txt": b"One.", "b.txt": b"Two."}), "a.tar.gz"
    )
    for path in (f"/tasks/{parent['task_id']}/retry", f"/documents/{parent['document_id']}/reindex"):
        [again] = shared_stack.finish([shared_stack.post(path)["task_id"]])
        assert (again["task_name"], again["state"]) == ("app.tasks.document_tasks.process_archive", "SUCCESS")
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 3


@pytest.mark.parametrize(
    ("name", "parts", "says"),
    [
        ("tool.jar", {"META-INF/MANIFEST.MF": b"x", "A.class": b"x"}, "a Java archive"),
        ("renamed.zip", {"META-INF/MANIFEST.MF": b"x"}, "a Java archive"),
        ("app.apk", {"AndroidManifest.xml": b"x"}, "an Android app"),
        ("app.war", {"index.jsp": b"x"}, "a Java web application"),
        ("tool.whl", {"tool/__init__.py": b"x"}, "a Python package"),
        ("tool.xpi", {"manifest.json": b"{}"}, "a browser extension"),
        ("tool.nupkg", {"tool.nuspec": b"x"}, "a NuGet package"),
        ("map.kmz", {"doc.kml": b"x"}, "a file of map data"),
        ("a.pages", {"Index/Document.iwa": b"x"}, "Export it as DOCX or PDF"),
        ("a.numbers", {"Index/Document.iwa": b"x"}, "Export it as XLSX or PDF"),
        ("a.key", {"Index/Document.iwa": b"x"}, "Export it as PPTX or PDF"),
        ("renamed", {"Index/Document.iwa": b"x"}, "an iWork document"),
    ],
)
def test_a_zip_that_is_no_archive_of_documents_is_refused_with_a_hint(
    shared_stack: Stack, agent: int, name: str, parts: dict[str, bytes], says: str
) -> None:
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", files={"file": (name, make_zip(parts))})
    assert says in check_problem(response, 415, "unsupported_type")["detail"]


def test_members_that_cannot_be_read_fail_with_their_codes_and_the_others_go_in(
    shared_stack: Stack, agent: int
) -> None:
    files = {
        "good.txt": b"A good text.",
        "../../outside.txt": b"A path that leads out.",
        "C:\\outside.txt": b"One for Windows.",
        "empty.txt": b"",
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "broken.pdf": b"%PDF-1.7\nnothing",
        "__MACOSX/._good.txt": b"left behind",
    }
    parent = send(shared_stack, agent, encrypt(make_zip({**files, "secret.txt": b"Locked."}), "secret.txt"))
    counts = parent["counts"]
    assert (parent["state"], counts["total"], counts["succeeded"], counts["failed"]) == ("SUCCESS", 7, 1, 6)
    failures = {failure["filename"]: failure["code"] for failure in parent["result"]["failures"]}
    assert failures == {
        "../../outside.txt": "unsafe_path",
        "C:/outside.txt": "unsafe_path",
        "empty.txt": "empty_file",
        "picture.png": "unsupported_type",
        "broken.pdf": "document_damaged",
        "secret.txt": "document_encrypted",
    }


def test_archives_in_an_archive_are_unpacked_in_their_place_to_a_depth(shared_stack: Stack, agent: int) -> None:
    inner = make_zip({"leaf.txt": b"The innermost leaf."})
    for level in (3, 2, 1):
        inner = make_zip({f"{level}.zip": inner, f"{level}.txt": f"Level {level}.".encode()})
    parent = send(shared_stack, agent, inner)
    children = list_children(shared_stack, parent)
    assert {name for name, child in children.items() if child["state"] == "SUCCESS"} == {
        "1.txt",
        "1.zip/2.txt",
        "1.zip/2.zip/3.txt",
    }
    [failure] = parent["result"]["failures"]
    assert (failure["filename"], failure["code"]) == ("1.zip/2.zip/3.zip", "archive_too_deep")


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (make_zip({}), "archive_empty"),
        (make_zip({"a.txt": b"A text of some length."})[:-30], "document_damaged"),
        (make_zip({f"{n}.txt": b"x" for n in range(120)}), "archive_limit_exceeded"),
        (make_zip({f"{n}.txt": bytes(1_500_000) for n in range(4)}), "archive_limit_exceeded"),
    ],
    ids=["empty", "cut off", "too many members", "too much in all"],
)
def test_an_archive_that_is_refused_leaves_no_children_and_no_files(
    shared_stack: Stack, agent: int, archive: bytes, code: str
) -> None:
    accepted = shared_stack.upload(agent, "refused.zip", archive)
    [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["error"]["code"], task["counts"]) == ("FAILURE", code, None)
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 1
    assert list_blobs(shared_stack, task) == []


def list_blobs(stack: Stack, task: dict[str, Any]) -> list[str]:
    """The files stored for an archive's entries."""
    stem = task["task_id"].replace("-", "")
    return [path.name for path in (stack.settings.data_dir / "blobs").rglob(f"{stem}-*")]


def test_a_member_larger_than_an_upload_may_be_fails_by_itself(shared_stack: Stack, agent: int) -> None:
    files = {"bomb.txt": bytes(shared_stack.settings.max_upload_bytes + 1), "good.txt": b"Still here."}
    parent = send(shared_stack, agent, make_zip(files))
    assert (parent["state"], parent["counts"]["succeeded"]) == ("SUCCESS", 1)
    assert [failure["code"] for failure in parent["result"]["failures"]] == ["payload_too_large"]


def test_an_archive_of_nothing_readable_is_a_failure(shared_stack: Stack, agent: int) -> None:
    parent = send(
        shared_stack, agent, make_zip({"a.pdf": b"%PDF-1.7\nnothing", "b.png": b"\x89PNG\r\n\x1a\n" + bytes(64)})
    )
    assert (parent["state"], parent["error"]["code"]) == ("FAILURE", "all_children_failed")
    assert parent["counts"]["failed"] == 2


def test_what_the_agent_has_already_makes_no_work(shared_stack: Stack, agent: int) -> None:
    first = shared_stack.upload(agent, "heron.txt", b"The very same heron.")
    shared_stack.finish([first["task_id"]])
    archive = make_zip({"again.txt": b"The very same heron.", "a.txt": b"New.", "b.txt": b"New."})
    parent = send(shared_stack, agent, archive)
    assert (parent["state"], parent["counts"]["succeeded"]) == ("SUCCESS", 3)
    children = list_children(shared_stack, parent)
    assert children["again.txt"]["result"]["duplicate_of"] == first["document_id"]
    assert children["b.txt"]["result"]["duplicate_of"] == children["a.txt"]["document_id"]
    assert len(list_blobs(shared_stack, parent)) == 1
    rejecting = send(shared_stack, agent, make_zip({"once.txt": b"New."}), on_duplicate="reject")
    assert [failure["code"] for failure in rejecting["result"]["failures"]] == ["duplicate_document"]


def test_failed_members_are_tried_again_with_their_archive(shared_stack: Stack, agent: int) -> None:
    parent = send(shared_stack, agent, make_zip({"good.txt": b"A text to keep.", "broken.pdf": b"%PDF-1.7\nnothing"}))
    broken = list_children(shared_stack, parent)["broken.pdf"]
    assert shared_stack.post(f"/tasks/{parent['task_id']}/retry")["task_id"] == parent["task_id"]
    wait_for(lambda: shared_stack.get(f"/tasks/{broken['task_id']}")["attempt"] == 2, "the entry to run again")
    [again] = shared_stack.finish([parent["task_id"]])
    assert (again["state"], again["counts"]["failed"], again["counts"]["succeeded"]) == ("SUCCESS", 1, 1)


def test_a_replayed_member_reopens_its_archive(shared_stack: Stack, agent: int) -> None:
    parent = send(shared_stack, agent, make_zip({"broken.pdf": b"%PDF-1.7\nnothing at all"}))
    version = parent["version"]
    [child] = list_children(shared_stack, parent).values()
    shared_stack.post(f"/dead-letters/{child['task_id']}/replay")

    def ended_again() -> bool:
        task = shared_stack.get(f"/tasks/{parent['task_id']}")
        return bool(task["state"] == "FAILURE" and task["version"] >= version + 2)

    wait_for(ended_again, "the archive to end again")


def test_a_cancelled_archive_takes_its_waiting_members_with_it(shared_stack: Stack, agent: int) -> None:
    shared_stack.client.patch(f"/agents/{agent}", json={"settings": {"max_in_flight": 1}}).raise_for_status()
    files = {f"{n}.txt": f"Entry {n}. ".encode() * 3000 for n in range(60)}
    task_id = shared_stack.upload(agent, "many.zip", make_zip(files))["task_id"]
    wait_for(lambda: shared_stack.get(f"/tasks/{task_id}")["counts"], "the archive to be unpacked")
    assert shared_stack.client.delete(f"/tasks/{task_id}").status_code in {200, 202}
    [parent] = shared_stack.finish([task_id], seconds=10)
    assert (parent["state"], parent["counts"]["pending"], parent["counts"]["running"]) == ("REVOKED", 0, 0)
    assert parent["counts"]["revoked"] > 0
    problem = check_problem(shared_stack.client.delete(f"/tasks/{task_id}"), 409, "task_finished")
    assert "REVOKED" in problem["detail"]


def test_a_zip_whose_directory_lies_about_its_size_is_damaged(shared_stack: Stack, agent: int) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "The heron.")
    data = bytearray(stream.getvalue())
    data[data.index(b"PK\x05\x06") + 12 : data.index(b"PK\x05\x06") + 16] = (0x7FFFFFFF).to_bytes(4, "little")
    task = send(shared_stack, agent, bytes(data))
    assert (task["state"], task["error"]["code"]) == ("FAILURE", "document_damaged")
