"""What a caller may do and see follows from its restriction, whatever scopes its row has."""

import pytest

from app.domain.errors import NotFoundError, RestrictedKeyError
from app.domain.identity import Access, Identity, Scope

_ALL = frozenset(Scope)


@pytest.mark.parametrize(
    ("identity", "allowed"),
    [
        (Identity(1, _ALL, "k"), list(Scope)),
        (Identity(1, _ALL, "k", agent_ids=frozenset({1})), [Scope.READ, Scope.WRITE, Scope.ADMIN]),
        (Identity(1, _ALL, "k", document_filter={"a": 1}), [Scope.READ]),
        (Identity(1, frozenset({Scope.WRITE}), "k"), [Scope.READ, Scope.WRITE]),
    ],
)
def test_a_restricted_key_has_no_scope_that_reaches_further(identity: Identity, allowed: list[Scope]) -> None:
    assert [scope for scope in Scope if identity.allows(scope)] == allowed


def test_an_agent_that_a_key_does_not_include_does_not_exist_for_it() -> None:
    Access(1).check_agent(7)
    Access(1, document_filter={"a": 1}).check_agent(7)
    bound = Access(1, frozenset({7}))
    bound.check_agent(7)
    with pytest.raises(NotFoundError, match=r"Agent 8 does not exist\."):
        bound.check_agent(8)
    assert not bound.includes_agent(None)


@pytest.mark.parametrize("access", [Access(1, frozenset()), Access(1, frozenset({7})), Access(1, document_filter={})])
def test_a_restriction_to_nothing_is_one(access: Access) -> None:
    with pytest.raises(RestrictedKeyError):
        access.check_unrestricted()
