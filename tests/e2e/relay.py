"""A relay before an origin that writes down what the gate asks for."""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests

OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@contextmanager
def relay_to(origin):
    """Gives the relay's address and the list of (method, path, headers) that grows with each request."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self):
            asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_ONE_CONNECTION}
            url = origin + self.path
            with requests.request(self.command, url, headers=headers, data=body, stream=True, timeout=60) as answer:
                content = answer.raw.read()  # as it came, packed or not
                self.send_response_only(answer.status_code)
                for name, value in answer.raw.headers.items():
                    if name.lower() not in OF_ONE_CONNECTION:
                        self.send_header(name, value)
                length = answer.headers.get("content-length") if self.command == "HEAD" else str(len(content))
                if length is not None and answer.status_code != 304:
                    self.send_header("Content-Length", length)
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = relay

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
