"""Stands in for Grafana: answers /api/health with 200 while what the real one would be given is
there and can be read, and with 503 and the reasons otherwise."""

import http.server
import json
import os
import pathlib
import re

ETC = pathlib.Path("/etc/grafana")


def problems():
    found = []
    password = pathlib.Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"])
    if not password.read_text().strip():
        found.append("the password of the administrator is empty")
    source = "\n".join(
        file.read_text() for file in (ETC / "provisioning/datasources").glob("*.y*ml")
    )
    if "uid: ramz-prometheus" not in source or "url: http://prometheus:9090" not in source:
        found.append("no data source ramz-prometheus")
    providers = [file.read_text() for file in (ETC / "provisioning/dashboards").glob("*.y*ml")]
    paths = [path for text in providers for path in re.findall(r"^\s*path: (\S+)$", text, re.M)]
    if not paths:
        found.append("no provider of dashboards")
    for path in paths:
        if not os.path.isdir(path):
            found.append(f"{path} is not there")
        for board in pathlib.Path(path).glob("**/*.json"):
            if not json.loads(board.read_text()).get("uid"):
                found.append(f"{board} has no uid")
    state = pathlib.Path("/var/lib/grafana/state")
    state.write_text("written")
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            found = problems()
        except (OSError, KeyError, ValueError) as error:
            found = [repr(error)]
        status = 404 if self.path != "/api/health" else 503 if found else 200
        body = json.dumps({"stand-in": True, "problems": found}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
