"""Real servers on this machine for the tests: HTTP with faults on demand, and S3."""

from __future__ import annotations

import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer:
    """An answer that a test wants a server to give."""

    def __init__(self, body=b"", status=200, headers=None, cut=None):
        self.body, self.status, self.headers = body, status, dict(headers or {})
        self.cut = cut  # number of bytes of the body after which the connection breaks off


class Server:
    """An HTTP server whose answers a function gives; it keeps the paths of the requests."""

    def __init__(self, answer):
        self.requests: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.requests.append(self.path)
                reply = answer(self.path, self.headers)
                body = reply.body
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if reply.cut is not None:
                    self.wfile.write(body[: reply.cut])
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
                reply = Answer(real.read(), real.status, {"Content-Type": real.headers.get("Content-Type", "")})
        except urllib.error.HTTPError as error:
            reply = Answer(error.read(), error.code)
        instead = fault(path, nth)
        if callable(instead):
            return instead(reply)
        return instead or reply

    with serving(answer) as server:
        yield server
