"""Runs docker-compose.yml for real and checks what docs/compose.md promises."""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import sys
from pathlib import Path

import checks
import images
import stages
from docker import Daemon, DrillError, Project, find_engine, run, succeeds
from report import Report

NAME = "ramz-drill"
TAG = "drill"
DESCRIPTION = """\
Starts docker-compose.yml as a project of its own on free loopback ports, with the simulator as
gateway, and checks it: a sign-in, what is published, what containers may do, where secrets are,
three workers that share the load, and replacements under load that neither lose nor double a
message. Ends with a table, and removes what it made, base images aside.

Images that can't be pulled are made of Debian's packages (root and debootstrap). They have names
of their own (ramz-stand-in/...), so that nothing else takes them for the official ones. Where no
daemon answers, root with dockerd gets one for the time of the drill."""
# Not the one of docker-compose.yml, which may be in use here.
SUBNET, GATEWAY = "10.213.253.0/24", "10.213.253.1"
# Where Alertmanager finds the drill, which lets itself be told.
ALERTS_SUBNET, ALERTS_GATEWAY = "10.213.252.0/24", "10.213.252.1"


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/compose-drill",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--from-source",
        action="store_true",
        help="build the programs in Docker, as a user does; else this machine does (debug)",
    )
    parser.add_argument(
        "--engine",
        metavar="COMMAND",
        help="`docker compose` or `docker-compose`; the first that works",
    )
    parser.add_argument(
        "--make-bases", action="store_true", help="pull nothing, make all base images"
    )
    parser.add_argument(
        "--own-daemon", action="store_true", help="start a daemon even if one answers"
    )
    parser.add_argument("--clean", action="store_true", help="remove stand-ins at the end too")
    parser.add_argument(
        "--can-run",
        action="store_true",
        help="only tell whether this machine can run it; if not, print why",
    )
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="only make the images, for a run with --prepared to use",
    )
    parser.add_argument(
        "--prepared",
        action="store_true",
        help="use the images that --prepare has made; makes them where it has not",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument(
        "--cargo-config",
        type=Path,
        metavar="FILE",
        help="Cargo's config.toml for a made Rust image, such as a mirror of crates.io",
    )
    parser.add_argument(
        "--ca-bundle",
        type=Path,
        metavar="FILE",
        help="root certificates for a made Rust image, where a proxy has its own",
    )
    options = parser.parse_args()
    options.work = Path(os.environ["CARGO_TARGET_DIR"]) / "compose-drill"
    options.work.mkdir(parents=True, exist_ok=True)
    return options


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def make_project(options, engine, chosen):
    """A copy of what the project folder needs, with secrets and settings of the drill's own."""
    folder = options.work / "project"
    if (folder / "docker-compose.yml").exists():
        Project(engine, folder, NAME).remove()  # of a drill that was cut off
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "scripts").mkdir(parents=True)
    for name in ("docker-compose.yml", "scripts/make-secrets"):
        shutil.copy(options.root / name, folder / name)
    shutil.copytree(options.root / "scripts/roles", folder / "scripts/roles")
    for name in ("prometheus", "grafana"):
        shutil.copytree(options.root / name, folder / name)
    (folder / "grafana/dashboards").mkdir(exist_ok=True)
    if options.from_source:
        for name in run("git", "ls-files", "-z", cwd=options.root).split("\0"):
            if name and not (folder / name).exists() and (options.root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(options.root / name, folder / name)
    api, grafana, inbox, receiver, admin = free_ports(5)
    webhook = f"http://{ALERTS_GATEWAY}:{receiver}/{secrets.token_hex(16)}"
    environment = {**os.environ, "ALERT_WEBHOOK_URL": webhook}
    run(folder / "scripts/make-secrets", "--demo", env=environment)
    settings = {
        "API_PORT": api,
        "ADMIN_PORT": admin,
        "ADMIN_URL": f"http://127.0.0.1:{admin}",
        "GRAFANA_PORT": grafana,
        "INBOX_PORT": inbox,
        "PUBLIC_URL": f"http://127.0.0.1:{api}",
        "FRONT_SUBNET": SUBNET,
        "FRONT_GATEWAY": GATEWAY,
        "TRUSTED_PROXIES": f"{GATEWAY}/32",
        "IMAGE_TAG": TAG,
        "LOG_LEVEL": "info",
        **chosen,
    }
    with open(folder / ".env", "a") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    # The gateway's own record of what was sent, on a disk of its own.
    override = {
        "networks": {
            "alerts": {"ipam": {"config": [{"subnet": ALERTS_SUBNET, "gateway": ALERTS_GATEWAY}]}}
        },
        "services": {
            "simulator": {
                "environment": {"SIMULATOR_JOURNAL": "/journal/calls"},
                "tmpfs": ["/journal"],
            }
        }
    }
    (folder / "docker-compose.override.yml").write_text(json.dumps(override))
    project = Project(engine, folder, NAME)
    project.api, project.grafana, project.inbox = api, grafana, inbox
    project.admin = admin
    project.webhook, project.receiver = webhook, (ALERTS_GATEWAY, receiver)
    return project


def bases(options, report):
    """The images that ours and docker-compose.yml are made of, by the names of their variables."""
    text = (options.root / "docker-compose.yml").read_text()
    chosen, stand_ins = images.base_images(text, images.SERVICES, options)
    build_names = ("runtime", "rust") if options.from_source else ("runtime",)
    build, made = images.base_images(text, build_names, options)
    chosen.update(build)
    for name in stand_ins + made:
        report.note(
            name,
            "a stand-in made of Debian's packages"
            + (", which shows no board" if name == "grafana" else ""),
        )
    return chosen


def drill(options, report):
    engine = find_engine(options.engine)
    report.note("engine", f"{' '.join(engine)}, {run(*engine, 'version').splitlines()[0]}")
    chosen = bases(options, report)
    project = make_project(options, engine, chosen)
    runtime = chosen["RUNTIME_IMAGE"]
    try:
        stages.build(options, project, report, runtime, TAG)
        stages.start(project, report)
        stages.sign_in(project, report)
        stages.console(project, report)
        ports = [
            ("api", 8000, project.api),
            ("api", 8001, project.admin),
            ("grafana", 3000, project.grafana),
            ("simulator", 8025, project.inbox),
        ]
        checks.published_ports(project, report, ports)
        checks.hardening(project, report)
        checks.processes(project, report)
        checks.files(project, report)
        checks.roles(project, report)
        checks.networks(project, report, runtime, images.mirror())
        sent = stages.share_the_load(project, report)
        stages.rules(project, report)
        stages.be_woken(project, report)
        sent = stages.replace_under_load(project, report, sent)
        stages.exactly_once(project, report, sent)
        checks.forwarded_for(project, report, runtime)
        checks.secrets(project, report, project.folder / "secrets", TAG)
        stages.stop(project, report)
    finally:
        if not options.keep:
            project.remove()
            images.remove_own(TAG)
            if options.clean:
                images.remove_stand_ins()
            left = project.ids(every=True)
            for kind in ("volume", "network"):
                left += run(
                    "docker",
                    kind,
                    "ls",
                    "-q",
                    "--filter",
                    f"label=com.docker.compose.project={NAME}",
                ).split()
            report.check("nothing is left behind", not left, " ".join(left))
            shutil.rmtree(project.folder, ignore_errors=True)


def can_run(options, daemon):
    try:
        find_engine(options.engine)
        if not succeeds("docker", "info"):
            daemon.start()
        debian = images.official((options.root / "docker-compose.yml").read_text(), "RUNTIME_IMAGE")
        can_make = os.geteuid() == 0 and shutil.which("debootstrap")
        if not (
            can_make or images.present(debian) or succeeds("docker", "pull", debian, timeout=300)
        ):
            raise DrillError(
                "images can neither be pulled nor made: that needs root and debootstrap"
            )
    except DrillError as error:
        print(str(error).splitlines()[0])
        sys.exit(1)
    finally:
        daemon.stop()
    sys.exit(0)


def main():
    options = arguments()
    report = Report()
    daemon = Daemon(options.work / "daemon")
    # An end from outside cleans up as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.can_run:
        can_run(options, daemon)
    try:
        if options.own_daemon or not succeeds("docker", "info"):
            daemon.start()
            report.note("daemon", "started for the drill")
        if options.prepare:
            find_engine(options.engine)
            runtime = bases(options, report)["RUNTIME_IMAGE"]
            images.own_images_of_host_programs(options.root, runtime, TAG)
        else:
            drill(options, report)
    except (DrillError, KeyboardInterrupt) as error:
        report.check("the drill came to its end", False, str(error) or "interrupted")
    finally:
        daemon.stop(options.clean)
    sys.exit(0 if report.finish() else 1)


main()
