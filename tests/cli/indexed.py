"""A document row without its content: the settings' check of the vector index needs no more."""

from tests.database import execute


def index_a_document(database_url: str | None) -> None:
    """Insert a searchable document. From then on, other settings cannot replace the vector index."""
    execute(
        str(database_url),
        "INSERT INTO agents (id, organization_id, name, slug) VALUES (1000, 1, 'a', 'a-thousand')",
        "INSERT INTO documents (organization_id, agent_id, filename, media_type, edition, chunk_count, status)"
        " VALUES (1, 1000, 'a.txt', 'text/plain', 1, 1, 'completed')",
    )
