"""Commands for documents: upload, search, ask."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.local.session import AgentName, AsJson, Session, print_json, print_table, run
from app.cli.local.stack import say
from app.cli.progress import ProgressBoard, print_answer, print_hits
from app.domain.errors import SluiceError
from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import Task
from app.domain.vectors import Account
from app.services.intake.uploads import Upload

_PIECE = 1024 * 1024


def upload(
    files: Annotated[list[Path], typer.Argument(help="Files to upload.", exists=True, dir_okay=False)],
    agent: AgentName,
    wait: Annotated[bool, typer.Option("--wait", help="Show the progress until every task has finished.")] = False,
    as_json: AsJson = False,
) -> None:
    """Upload documents to an agent."""

    async def work(session: Session) -> list[dict[str, Any]]:
        owner = await session.find_agent(agent)
        results = [await _upload_file(session, owner.id, path) for path in files]
        if wait:
            accepted = {TaskId(result["task_id"]): result for result in results if result.get("task_id")}
            for task in await follow(session, {task_id: result["filename"] for task_id, result in accepted.items()}):
                accepted[task.id].update(state=task.state.public, status=task.status, chunk_count=task.chunk_count)
        return results

    results = run(work)
    if as_json:
        print_json(results)
    else:
        columns = ["file", "document_id", "task_id", "state", "status"]
        rows = [[r["filename"], r.get("document_id"), r.get("task_id"), r["state"], r["status"]] for r in results]
        print_table(columns, rows)
    if any(result["state"] in {"FAILURE", "REVOKED", "REFUSED"} for result in results):
        sys.exit(1)


async def _upload_file(session: Session, agent_id: int, path: Path) -> dict[str, Any]:
    """Upload one file. A rejection is a result, so that the other files are still uploaded."""
    uploads = session.services.intake.uploads
    try:
        async with uploads.receive() as incoming:
            with path.open("rb") as file:
                while piece := await asyncio.to_thread(file.read, _PIECE):
                    await incoming.write(piece)
            accepted = await uploads.accept(incoming, Upload(session.organization_id, agent_id, path.name, {}))
            if accepted.task_id is None:
                done = {"task_id": None, "state": State.SUCCESS.public, "status": accepted.message}
                return {"filename": path.name, "document_id": accepted.document_id, **done}
            task = await session.services.queue.tasks.get(session.organization_id, accepted.task_id)
    except SluiceError as error:
        return {"filename": path.name, "state": "REFUSED", "status": error.message, "code": error.code}
    return {
        "filename": path.name,
        "document_id": accepted.document_id,
        "task_id": task.id,
        "state": task.state.public,
        "status": task.status,
    }


async def follow(session: Session, names: Mapping[TaskId, str]) -> list[Task]:
    """Show the progress of tasks until each has finished; returns the finished tasks."""
    if names and not await session.services.operations.overview.list_workers():
        say("No worker is running, so the tasks wait. Start workers with `make up` or ./start_celery_worker.sh.")
    with ProgressBoard({str(task_id): name for task_id, name in names.items()}) as board:

        async def watch(task_id: TaskId) -> Task:
            seen = -1
            async for task in session.services.queue.tasks.follow(session.organization_id, task_id):
                for stage in task.stages:
                    if seen < stage["version"] < task.version:
                        board.show(str(task_id), stage["current"], stage["status"])
                board.show(str(task_id), task.current, task.status)
                seen, last = task.version, task
            return last

        return list(await asyncio.gather(*(watch(task_id) for task_id in names)))


def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    agent: AgentName,
    top_k: Annotated[int, typer.Option(help="Maximum number of results.", min=1, max=100)] = 5,
    mode: Annotated[str, typer.Option(help="hybrid, vector or text.")] = "hybrid",
    as_json: AsJson = False,
) -> None:
    """Search an agent's documents."""
    if mode not in {"hybrid", "vector", "text"}:
        raise typer.BadParameter("must be hybrid, vector or text", param_hint="--mode")

    async def work(session: Session) -> tuple[list[dict[str, Any]], float]:
        owner = await session.find_agent(agent)
        account, began = Account(session.organization_id, owner.id), time.perf_counter()
        hits = await session.services.answers.search.find(account, query, top_k=top_k, mode=mode)  # type: ignore[arg-type]
        return [asdict(hit) for hit in hits], (time.perf_counter() - began) * 1000

    hits, took = run(work)
    if as_json:
        print_json({"results": hits, "took_ms": round(took, 2)})
    else:
        print_hits(hits)


def ask(
    question: Annotated[str, typer.Argument(help="A question.")],
    agent: AgentName,
    top_k: Annotated[int, typer.Option(help="Maximum number of passages to answer from.", min=1, max=50)] = 5,
    as_json: AsJson = False,
) -> None:
    """Answer a question from an agent's documents. Needs a running worker."""

    async def work(session: Session) -> Task:
        owner = await session.find_agent(agent)
        task = await session.services.answers.answers.ask(session.organization_id, owner.id, question, top_k)
        tasks: Sequence[Task] = await follow(session, {task.id: "question"})
        return tasks[0]

    task = run(work)
    if task.state is not State.SUCCESS:
        say(task.status)
        sys.exit(1)
    if as_json:
        print_json(task.result)
    else:
        print_answer(task.result)


def add_to(program: typer.Typer) -> None:
    """Register the commands."""
    for command in (upload, search, ask):
        program.command()(command)
