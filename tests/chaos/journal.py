"""A journal of every change of a task's state, written by a trigger, so that it is complete.

Each part of the installation logs in with a role of its own, so the journal names the writer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.states import State
from tests.chaos.ledger import Ledger

_INSTALL = """
CREATE TABLE chaos_journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id uuid NOT NULL,
    old_state text NOT NULL,
    new_state text NOT NULL,
    old_epoch integer NOT NULL,
    new_epoch integer NOT NULL,
    writer text NOT NULL DEFAULT session_user,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_journal (task_id, old_state, new_state, old_epoch, new_epoch)
    VALUES (NEW.id, OLD.state, NEW.state, OLD.epoch, NEW.epoch);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note AFTER UPDATE ON tasks FOR EACH ROW
    WHEN ((OLD.state, OLD.epoch) IS DISTINCT FROM (NEW.state, NEW.epoch)) EXECUTE FUNCTION chaos_note();
"""

# A chunk's xmin has the lower half of a transaction's number.
_READ = """
SELECT task_id, old_state, new_state, old_epoch, new_epoch, writer,
       (transaction::text::numeric % 4294967296)::bigint AS transaction
FROM chaos_journal ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a task's state or epoch. ``transaction`` is the ``xmin`` of the rows written with it."""

    old_state: State
    new_state: State
    old_epoch: int
    new_epoch: int
    writer: str
    transaction: int


def install(ledger: Ledger, roles: Iterable[str]) -> None:
    """Create the journal and the roles with which the parts log in."""
    ledger.execute(_INSTALL + "".join(f'CREATE ROLE "{role}" LOGIN SUPERUSER;' for role in roles))


def read(ledger: Ledger) -> dict[str, list[Change]]:
    """The changes of each task by its id, in order: the row's lock serialises them."""
    journal: dict[str, list[Change]] = {}
    for row in ledger.fetch(_READ):
        task_id, old_state, new_state, *others = row
        journal.setdefault(str(task_id), []).append(Change(State(old_state), State(new_state), *others))
    return journal
