"""Docker and compose as commands, and a daemon where none runs."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path


class DrillError(Exception):
    """Why the drill can't go on."""


def run(*command, check=True, timeout=600, **options):
    """Runs a command and returns its output."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    shown = " ".join(str(part) for part in command)
    try:
        result = subprocess.run(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise DrillError(f"{shown}: no end after {timeout} seconds") from None
    output = result.stdout.decode(errors="replace")
    if check and result.returncode != 0:
        raise DrillError(f"{shown}: status {result.returncode}\n{output[-4000:]}")
    return output


def succeeds(*command, timeout=60):
    try:
        run(*command, timeout=timeout)
    except (DrillError, OSError):
        return False
    return True


def wait_until(what, condition, timeout=120, pause=0.5):
    """Waits until the condition gives something, and returns it."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise DrillError(f"after {timeout} seconds still waiting for {what}")
        time.sleep(pause)


class Daemon:
    """A dockerd of the drill's own, with its data under the target folder, for its next run."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.process = None

    def start(self):
        if os.geteuid() != 0 or not shutil.which("dockerd"):
            raise DrillError(
                "no Docker daemon answers, and none can be started: that needs root and dockerd"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        # A short path: the name of a socket has 107 characters at most.
        self.run_folder = run_folder = f"/run/ramz-drill-{os.getpid()}"
        os.makedirs(run_folder, exist_ok=True)
        os.environ["DOCKER_HOST"] = f"unix://{run_folder}/docker.sock"
        log = open(self.folder / "dockerd.log", "wb")
        self.process = subprocess.Popen(
            [
                "dockerd",
                "--data-root",
                self.folder / "data",
                "--exec-root",
                f"{run_folder}/exec",
                "--pidfile",
                f"{run_folder}/pid",
                "--host",
                os.environ["DOCKER_HOST"],
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

        def answers():
            if self.process.poll() is not None:
                tail = (self.folder / "dockerd.log").read_text()[-2000:]
                last = tail.strip().split("\n")[-1]
                raise DrillError(f"dockerd does not stay: {last}\n{tail}")
            return succeeds("docker", "info")

        wait_until("dockerd", answers, timeout=60)

    def stop(self, clean=False):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
            shutil.rmtree(self.run_folder, ignore_errors=True)
        if clean:
            shutil.rmtree(self.folder, ignore_errors=True)


class Project:
    """One compose project."""

    def __init__(self, engine, folder, name):
        self.engine = engine
        self.folder = Path(folder)
        self.name = name

    def compose(self, *arguments, check=True, timeout=600):
        # Nothing of this shell may change what .env of the project says.
        kept = ("PATH", "HOME", "DOCKER_HOST", "COMPOSE_DOCKER_CLI_BUILD", "DOCKER_BUILDKIT")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        return run(
            *self.engine,
            "-p",
            self.name,
            *arguments,
            check=check,
            timeout=timeout,
            cwd=self.folder,
            env=environment,
        )

    def ids(self, service=None, every=False):
        filters = ["--filter", f"label=com.docker.compose.project={self.name}"]
        if service:
            filters += ["--filter", f"label=com.docker.compose.service={service}"]
        return run("docker", "ps", "-q", "--no-trunc", *(["-a"] if every else []), *filters).split()

    def inspect(self, service=None, every=False):
        ids = self.ids(service, every)
        return json.loads(run("docker", "inspect", *ids)) if ids else []

    def execute(self, container, *command, check=True):
        return run("docker", "exec", container, *command, check=check, timeout=60)

    def wait_healthy(self, service, count=1, timeout=180):
        """Waits until so many containers of a service are healthy, and returns their ids."""

        def healthy():
            found = self.inspect(service)
            states = [item["State"].get("Health", {}).get("Status") for item in found]
            return states == ["healthy"] * count and [item["Id"] for item in found]

        try:
            return wait_until(f"{count} healthy {service}", healthy, timeout)
        except DrillError as error:
            states = [item["State"] for item in self.inspect(service, every=True)]
            log = self.compose("logs", "--no-color", "--tail=30", service, check=False)
            raise DrillError(f"{error}\n{json.dumps(states)[:3000]}\n{log}") from None

    def remove(self):
        self.compose("down", "--volumes", "--remove-orphans", check=False)


def find_engine(wanted):
    """The compose command that was asked for, or the first that works."""
    for engine in [wanted.split()] if wanted else [["docker", "compose"], ["docker-compose"]]:
        if shutil.which(engine[0]) and succeeds(*engine, "version"):
            return engine
    if wanted:
        raise DrillError(f"{wanted} does not work here")
    raise DrillError("neither `docker compose` nor `docker-compose` works here")
