"""An installation that has a document, as far as its settings care."""

from tests.database import execute


def index_a_document(database_url: str | None) -> None:
    """Enter a document that search finds: from now on the index of vectors is not to be had for another."""
    execute(
        str(database_url),
        "INSERT INTO agents (id, organization_id, name, slug) VALUES (1000, 1, 'a', 'a-thousand')",
        "INSERT INTO documents (organization_id, agent_id, filename, media_type, edition, chunk_count, status)"
        " VALUES (1, 1000, 'a.txt', 'text/plain', 1, 1, 'completed')",
    )
