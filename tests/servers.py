"""Real servers on this machine for the tests: HTTP with faults on request, and S3 behind it."""

from __future__ import annotations

import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer:
    """What a test wants a server to say."""

    def __init__(self, body=b"", status=200, headers=None, cut=None):
        self.body, self.status, self.headers = body, status, dict(headers or {})
        self.cut = cut  # send so many bytes of the body, then break the connection off


class Server:
    """An HTTP server whose answers a function gives; it keeps the paths it was asked for."""

    def __init__(self, answer):
        self.asked: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.asked.append(self.path)
                said = answer(self.path, self.headers)
                body = said.body
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if said.cut is not None:
                    self.wfile.write(body[: said.cut])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                    return
                self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

            def finish(self):
                try:
                    super().finish()
                except (OSError, ValueError):
                    pass  # the test broke the connection off

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@contextmanager
def serving(answer):
    """Run a server for the length of a block."""
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def s3_server():
    """Run a real S3 server (moto's, over HTTP) on a free port; give its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def upload(address, folder, bucket="sun"):
    """Put a folder's files into a bucket that everybody may read, under the folder's name."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
    )
    client.create_bucket(Bucket=bucket, ACL="public-read")
    for path in folder.rglob("*"):
        if path.is_file():
            key = path.relative_to(folder.parent).as_posix()
            client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ACL="public-read")


@contextmanager
def in_front_of(target, fault):
    """A proxy in front of a server; ``fault(path, nth)`` may give an `Answer` instead of the server's.

    ``nth`` counts the requests for the path from 1.
    """
    counts: dict[str, int] = {}
    lock = threading.Lock()

    def answer(path, headers):
        with lock:
            counts[path] = counts.get(path, 0) + 1
            nth = counts[path]
        request = urllib.request.Request(target + path)
        for name in ("Range", "Accept"):
            if headers.get(name):
                request.add_header(name, headers[name])
        try:
            with urllib.request.urlopen(request, timeout=20) as real:
                said = Answer(real.read(), real.status, {"Content-Type": real.headers.get("Content-Type", "")})
        except urllib.error.HTTPError as error:
            said = Answer(error.read(), error.code)
        instead = fault(path, nth)
        if callable(instead):
            return instead(said)
        return instead or said

    with serving(answer) as server:
        yield server
