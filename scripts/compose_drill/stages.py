"""What is done with the running project, one stage after the other."""

import json
import queue
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import images
from docker import DrillError, run, wait_until
from traffic import Load, call, some_address, token_is_signed_by

# The least that one of three workers must send of what all send.
FAIR = 0.15
RATE = 40


def build(options, project, report, runtime, tag):
    began = time.monotonic()
    if options.from_source:
        project.compose("build", timeout=4 * 3600)
    elif not (options.prepared and images.has_own(tag)):
        images.own_images_of_host_programs(options.root, runtime, tag)
    took = time.monotonic() - began
    how = "from source" if options.from_source else "of this machine's programs (debug build)"
    sizes = []
    for name in images.PROGRAMS:
        size = run("docker", "image", "inspect", "--format", "{{.Size}}", f"ramz-{name}:{tag}")
        sizes.append(f"{name} {int(size) / 1e6:.0f} MB")
    base = int(run("docker", "image", "inspect", "--format", "{{.Size}}", runtime)) / 1e6
    report.note(
        "images", f"{how}, {took:.0f}s; {', '.join(sizes)}, of which {base:.0f} MB are the base"
    )


def start(project, report):
    began = time.monotonic()
    project.compose("up", "-d", "--no-build", timeout=600)
    own = ("postgres", "redis", "api", "worker", "simulator")
    for name in (*own, "prometheus", "alertmanager", "machine", "grafana"):
        project.wait_healthy(name)
    migrate = project.inspect("migrate", every=True)[0]["State"]
    report.check(
        "one command starts everything, and all become healthy",
        migrate["Status"] == "exited" and migrate["ExitCode"] == 0,
        f"{time.monotonic() - began:.0f}s",
    )
    rules = project.execute(
        project.ids("prometheus")[0],
        "promtool",
        "check",
        "config",
        "/etc/prometheus/prometheus.yml",
        check=False,
    )
    report.check(
        "promtool finds no fault in the configuration",
        "SUCCESS" in rules and "FAILED" not in rules,
        f"{rules.count('rules found')} rule files",
    )
    status, health = call(project.grafana, "GET", "/api/health")
    report.check("Grafana is well on its published port", status == 200, json.dumps(health))


def sign_in(project, report):
    number = "09121110000"
    status, asked = call(
        project.api, "POST", "/api/v1/usr/otp", {"phone_number": number}, some_address()
    )
    if status != 202:
        report.check("a sign-in through the published port", False, f"{status} {asked}")
        return
    query = f"/_sim/messages?receptor={number}&limit=1"
    message = wait_until("the message", lambda: call(project.inbox, "GET", query)[1], timeout=30)[0]
    answer = {"session_id": asked["session_id"], "code": message["code"]}
    status, tokens = call(project.api, "POST", "/api/v1/usr/otp/verify", answer, some_address())
    keys = call(project.api, "GET", "/.well-known/jwks.json")[1]["keys"]
    claims = token_is_signed_by(tokens["access_token"], keys) if status == 200 else None
    # The token is used; until then the same answer would be given once more, as one that was lost.
    if status == 200:
        used = {"refresh_token": tokens["refresh_token"]}
        call(project.api, "POST", "/api/v1/usr/token/refresh", used, some_address())
    again, refusal = call(project.api, "POST", "/api/v1/usr/otp/verify", answer, some_address())
    passed = claims and claims["iss"] == f"http://127.0.0.1:{project.api}" and again == 409
    report.check(
        "a sign-in: code in the inbox, token signed by the JWKS, the code acts once",
        passed,
        f"{status}, then {again} {refusal.get('code')}",
    )


def console(project, report):
    """Staff find the console on loopback, and nobody finds it under another name or among the pages."""

    def get(port, host, path="/sign-in", **more):
        return call(port, "GET", path, headers={"Host": host, "Accept": "text/html", **more})

    name = f"127.0.0.1:{project.admin}"
    own = get(project.admin, name)
    foreign = get(project.admin, "evil.example")
    public = get(project.api, f"127.0.0.1:{project.api}")
    # A session that there is not is looked for in the database, under the role of the console.
    made_up = get(project.admin, name, "/", Cookie=f"ramz_staff={'A' * 43}")
    report.check(
        "the console asks who comes, on its own port and under its own name only",
        own[0] == 200 and "password" in own[1] and foreign[0] == 421 and public[0] == 404,
        f"own {own[0]}, another name {foreign[0]}, public port {public[0]}",
    )
    report.check(
        "a made-up session leads to the sign-in", made_up[0] == 303, f"status {made_up[0]}"
    )


def fetch_from_prometheus(project, path):
    url = f"http://127.0.0.1:9090/api/v1/{path}"
    output = project.execute(project.ids("prometheus")[0], "wget", "-q", "-O", "-", url)
    return json.loads(output)["data"]


def ask_prometheus(project, query):
    result = fetch_from_prometheus(project, f"query?query={quote(query)}")["result"]
    return {item["metric"].get("instance", ""): float(item["value"][1]) for item in result}


def share_the_load(project, report):
    project.compose("up", "-d", "--no-build", "--scale", "worker=3", timeout=300)
    project.wait_healthy("worker", 3)
    query = (
        'ramz_sms_total{job="ramz-worker",outcome="accepted"} * on(instance) up{job="ramz-worker"}'
    )
    before = wait_until(
        "Prometheus to find three workers",
        lambda: len(found := ask_prometheus(project, query)) == 3 and found,
    )
    api = ask_prometheus(project, 'up{job="ramz-api"}')
    report.check(
        "Prometheus finds every replica by itself",
        list(api.values()) == [1.0],
        f"workers {', '.join(sorted(before))}; api {', '.join(api)}",
    )
    load = Load(project.api, 1_000_000, RATE)
    time.sleep(15)
    load.stop()
    accepted = len(load.accepted)

    def all_counted():
        now = ask_prometheus(project, query)
        sent = {instance: now.get(instance, 0) - before[instance] for instance in before}
        return sum(sent.values()) >= accepted and sent

    try:
        sent = wait_until("Prometheus to count every message", all_counted, timeout=60)
    except DrillError:
        sent = {instance: 0 for instance in before}
    fair = min(sent.values()) >= FAIR * accepted
    report.check(
        "three workers share the load, as Prometheus tells",
        fair and not load.faults(),
        f"{accepted} accepted; "
        + ", ".join(f"{count:.0f}" for count in sent.values())
        + (f"; refused {load.faults()}" if load.faults() else ""),
    )
    return [load]


def rules(project, report):
    """Rules can be well-formed and still fail on what is there, such as two series where one is
    expected."""
    groups = fetch_from_prometheus(project, "rules")["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    failed = [
        f"{rule['name']}: {rule.get('lastError')}" for rule in found if rule["health"] == "err"
    ]
    evaluated = sum(rule["health"] == "ok" for rule in found)
    report.check(
        "Prometheus can evaluate the rules",
        not failed,
        "; ".join(failed) or f"{evaluated} of {len(found)} evaluated",
    )


class Receiver(BaseHTTPRequestHandler):
    """Whom Alertmanager tells, as docs/compose.md describes it."""

    told = queue.SimpleQueue()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.told.put((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def be_woken(project, report):
    """An alert reaches the receiver that make-secrets was given, and the disks are watched."""
    server = ThreadingHTTPServer(project.receiver, Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    project.execute(
        project.ids("alertmanager")[0],
        "amtool",
        *("alert", "add", "Trial", "severity=page"),
        "--alertmanager.url=http://127.0.0.1:9093",
    )
    began = time.monotonic()
    try:
        path, told = Receiver.told.get(timeout=60)
    except queue.Empty:
        path, told = "", {}
    server.shutdown()
    names = [alert["labels"]["alertname"] for alert in told.get("alerts", [])]
    report.check(
        "an alert reaches the receiver of secrets/alertmanager",
        names == ["Trial"] and project.webhook.endswith(path) and path != "",
        f"{time.monotonic() - began:.0f}s; {told.get('status')} {', '.join(names)}",
    )
    found = wait_until(
        "Prometheus to find Alertmanager",
        lambda: fetch_from_prometheus(project, "alertmanagers")["activeAlertmanagers"],
    )
    free = wait_until(
        "the figures of the disks", lambda: ask_prometheus(project, "min(ramz:disk_free:ratio)")
    )
    report.check(
        "Prometheus tells Alertmanager, and sees the disks",
        len(found) == 1 and 0 < free[""] <= 1,
        f"{found[0]['url']}; {free['']:.0%} of the fullest disk are free",
    )


def replace_under_load(project, report, sent):
    load = Load(project.api, 2_000_000, RATE / 2)
    done = []
    try:
        for container in project.ids("worker"):
            run("docker", "restart", "--time", "30", container)
            project.wait_healthy("worker", 3)
        done.append("3 workers restarted one by one")
        project.compose("stop", "worker")
        ended = [item["State"]["ExitCode"] for item in project.inspect("worker", every=True)]
        report.check("workers end in time and in order", ended == [0] * 3, f"exit codes {ended}")
        time.sleep(3)
        recreate = ["up", "-d", "--no-build", "--no-deps", "--force-recreate"]
        project.compose(*recreate, "--scale", "worker=3", "worker")
        project.wait_healthy("worker", 3)
        done.append("all stopped for a while and replaced")
        first = project.ids("api")
        project.compose(*recreate, "api")
        assert project.wait_healthy("api") != first
        done.append("the api replaced")
        time.sleep(2)
    finally:
        load.stop()
    note = (
        f"{len(load.accepted)} accepted, {load.retries} refused connections tried again, "
        f"{len(load.unsure) - load.busy} broken, {load.busy} times 503; {', '.join(done)}"
    )
    report.check(
        "under load: no request gets an error while parts are replaced",
        not load.faults(),
        note + (f"; {load.faults()}" if load.faults() else ""),
    )
    return [*sent, load]


def exactly_once(project, report, loads):
    """Compares what clients were promised with what the gateway has written down."""
    accepted = [number for load in loads for number in load.accepted]
    unsure = {number for load in loads for number in load.unsure}

    def messages():
        lines = project.execute(project.ids("simulator")[0], "cat", "/journal/calls").splitlines()
        calls = [json.loads(line) for line in lines]
        return Counter(
            "0" + number[-10:]
            for entry in calls
            if entry["messageids"]
            for number in entry["receptors"]
        )

    def complete():
        found = messages()
        return all(found[number] for number in accepted)

    try:
        wait_until("every accepted message", complete, timeout=90)
    except DrillError:
        pass
    # A message of unknown fate would be repeated some seconds later.
    found, before = messages(), None
    while found != before:
        time.sleep(8)
        found, before = messages(), found
    ours = {number: count for number, count in found.items() if number[:5] in ("09121", "09122")}
    ours.pop("09121110000", None)
    lost = [number for number in accepted if not found[number]]
    doubled = [number for number, count in ours.items() if count > 1]
    strange = set(ours) - set(accepted) - unsure
    report.check(
        "I-01 I-02 every accepted request was sent exactly once",
        accepted and not lost and not doubled and not strange,
        f"{len(accepted)} accepted, {sum(ours.values())} sent, {len(lost)} lost, "
        f"{len(doubled)} doubled, {len(strange)} never accepted",
    )


def stop(project, report):
    project.compose("stop", timeout=300)
    ended = {
        item["Config"]["Labels"]["com.docker.compose.service"]: item["State"]["ExitCode"]
        for item in project.inspect(every=True)
    }
    ours = {name: ended[name] for name in ("api", "worker", "simulator", "postgres", "redis")}
    report.check("everything ends in order", not any(ours.values()), json.dumps(ours))
