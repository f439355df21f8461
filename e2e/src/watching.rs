//! What stands beside Prometheus: who tells people, and who looks at the machine.

use std::path::Path;

use harness::{Process, free_port, wait_for_http};

use crate::PATIENCE;

/// A program with the address that Prometheus knows it by.
pub struct Watching {
    /// The process.
    pub process: Process,
    /// Host and port.
    pub address: String,
}

/// Alertmanager with this configuration.
pub async fn start_alertmanager(config: &Path) -> Watching {
    let address = format!("127.0.0.1:{}", free_port());
    let process = Process::program("prometheus-alertmanager")
        .arg(format!("--config.file={}", config.display()))
        .args(["--storage.path=data", "--cluster.listen-address="])
        .arg(format!("--web.listen-address={address}"))
        .start();
    wait_for_http(&format!("http://{address}/-/ready"), PATIENCE).await;
    Watching { process, address }
}

/// What tells how full disks and memory are, as docker-compose.yml starts it.
pub async fn start_machine_exporter() -> Watching {
    let address = format!("127.0.0.1:{}", free_port());
    let process = Process::program("prometheus-node-exporter")
        .args(["--collector.disable-defaults", "--collector.filesystem"])
        .args(["--collector.meminfo", "--collector.vmstat"])
        .arg(format!("--web.listen-address={address}"))
        .start();
    wait_for_http(&format!("http://{address}/metrics"), PATIENCE).await;
    Watching { process, address }
}
