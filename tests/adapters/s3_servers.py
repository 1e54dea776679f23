"""S3 services on loopback: a working one, and failing ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "sluice-files"
SECRET = "a-secret-made-for-tests"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAMADEFORTESTS",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


class S3Service:
    """A working service at a fixed address. It keeps its objects while it is stopped."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, self._port = self._server.get_host_and_port()
        self.url = f"http://{host}:{self._port}"

    def stop(self) -> None:
        """Stop: connections are refused."""
        self._server.stop()

    def start_again(self) -> None:
        """Start again at the same address."""
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()


@contextmanager
def run_s3() -> Iterator[S3Service]:
    """Run a service with a bucket for a block, with credentials for it in the environment."""
    service = S3Service()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            boto3.session.Session().client("s3", endpoint_url=service.url).create_bucket(Bucket=BUCKET)
            yield service
    finally:
        httpx.post(f"{service.url}/moto-api/reset", trust_env=False).raise_for_status()
        service.stop()


@contextmanager
def run_answering(status: int, body: bytes = b"", *, promised: int | None = None) -> Iterator[str]:
    """Run a service that gives every request the same answer. Its body may be shorter than the promised length."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if promised is None else promised))
            self.end_headers()
            self.wfile.write(body if self.command != "HEAD" else b"")
            self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - names that the library looks for

        def log_message(self, *_: object) -> None:
            """Write no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
