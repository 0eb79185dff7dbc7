"""A receiver of webhooks, and a resolver of names, for the tests of what the edge sends.

Listens on a port of 127.0.0.1 that is free and prints {"url": ...}. Then a line for each call: {"call": n, "path",
"headers", "body"}. The path says what is answered: /200 that status, /500/500/200 one after the other and the last for
good, /302 a redirect to /landed, /hang nothing: {"cut": n} is printed once the caller has given up. What follows a
question mark only tells one receiver from another.

A line {"verify": n, "secret": ...} on stdin asks the package `standardwebhooks` whether call n is good:
{"verified": true} or false.

GET /dns-query is DNS over HTTPS in JSON: NAMES says what names mean. It ends with stdin.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

PUBLIC = "93.184.216.34"
# What the A and AAAA records of a name say; of a list of lists, one answer after the other.
NAMES = {
    "public.example": {"A": [PUBLIC]},
    "metadata.example": {"A": ["169.254.169.254"]},
    "private.example": {"A": ["10.1.2.3"]},
    "one-of-two.example": {"A": [PUBLIC, "192.168.0.1"]},
    "six.example": {"A": [PUBLIC], "AAAA": ["fd00::1"]},
    "mapped.example": {"AAAA": ["::ffff:127.0.0.1"]},
    "nonsense.example": {"A": ["not-an-address"]},
    "turning.example": {"A": [[PUBLIC], ["127.0.0.1"]]},
}
TYPES = {"A": 1, "AAAA": 28}

lock = threading.Lock()
calls = []
counts = {}


def say(**line):
    with lock:
        print(json.dumps(line), flush=True)


def turn(of, steps):
    """The next of some steps, one after the other and the last for good."""
    with lock:
        at = counts[of] = counts.get(of, -1) + 1
    return steps[min(at, len(steps) - 1)]


class Receiver(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        name, kind = query.get("name", [""])[0], query.get("type", [""])[0]
        if parts.path != "/dns-query" or self.headers["accept"] != "application/dns-json":
            self.do_POST()
        elif name == "broken.example":
            self.answer(500)
        else:
            records = NAMES.get(name, {}).get(kind, [])
            if records and isinstance(records[0], list):
                records = turn(("name", name), records)
            records = [{"name": name, "type": TYPES[kind], "TTL": 0, "data": data} for data in records]
            said = {"Status": 0 if name in NAMES else 3, "Answer": records}
            self.answer(200, json.dumps(said).encode(), content_type="application/dns-json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with lock:
            n = len(calls)
            calls.append((headers, body))
        say(call=n, method=self.command, path=self.path, headers=headers, body=body, at=time.time())
        step = turn(self.path, urlsplit(self.path).path.strip("/").split("/"))
        if step == "hang":
            self.connection.recv(1)
            say(cut=n)
        elif step == "302":
            self.answer(302, location="/landed")
        elif step == "503":
            self.answer(503, retry_after="3")
        elif step.isdigit():
            self.answer(int(step), b"" if step == "204" else b"x" * 1000)
        else:
            self.answer(200)


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
say(url=f"http://127.0.0.1:{server.server_port}")
for line in sys.stdin:
    asked = json.loads(line)
    headers, body = calls[asked["verify"]]
    try:
        Webhook(asked["secret"]).verify(body, headers)
        say(verified=True)
    except WebhookVerificationError:
        say(verified=False)
