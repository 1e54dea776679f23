"""The API starts again after the bootstrap key was revoked."""

from tests.running import KEY, Stack


def test_the_api_starts_with_a_revoked_bootstrap_key_which_stays_revoked(stack: Stack) -> None:
    stack.start_api()
    secret = stack.post("/api-keys", {"name": "Second", "scopes": ["admin", "operator"]})["secret"]
    [bootstrap] = [key for key in stack.get("/api-keys")["api_keys"] if key["name"] == "bootstrap"]
    stack.client.headers["Authorization"] = f"Bearer {secret}"
    assert stack.client.delete(f"/api-keys/{bootstrap['id']}").status_code == 204
    stack.stop(stack.api)
    assert stack.environment["BOOTSTRAP_API_KEY"] == KEY
    stack.start_api()  # it answers to the second key
    assert stack.client.get("/agents", headers={"Authorization": f"Bearer {KEY}"}).status_code == 401
