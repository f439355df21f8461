//! Listeners that are not for the public: an exact address where one is set, else the next free port.

use std::io;
use std::net::SocketAddr;

use shared::config::MetricsAddress;
use tokio::net::TcpListener;

/// How many ports above the first are tried.
const TRIED_PORTS: u16 = 100;

/// Binds such an address; `setting` is its name and `what` what is served there, for errors and the log.
///
/// # Errors
/// When an exact address, or each of the ports that may be tried, is taken.
pub async fn bind_private(
    address: MetricsAddress,
    setting: &str,
    what: &str,
) -> io::Result<TcpListener> {
    match address {
        MetricsAddress::Exactly(address) => bind_exactly(address, setting).await,
        MetricsAddress::FirstFreeFrom(first) => bind_first_free(first, setting, what).await,
    }
}

async fn bind_exactly(address: SocketAddr, setting: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let text = format!("{setting}: {address} cannot be bound: {error}");
        io::Error::new(error.kind(), text)
    })
}

async fn bind_first_free(first: SocketAddr, setting: &str, what: &str) -> io::Result<TcpListener> {
    for offset in 0..=TRIED_PORTS {
        let Some(port) = first.port().checked_add(offset) else {
            break;
        };
        match TcpListener::bind(SocketAddr::new(first.ip(), port)).await {
            Ok(listener) => {
                if offset > 0 {
                    tracing::info!(
                        port,
                        "the usual port of {what} is taken; using the next free"
                    );
                }
                return Ok(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    let text =
        format!("no port for {what} is free from {first} on; set {setting} to a free address");
    Err(io::Error::new(io::ErrorKind::AddrInUse, text))
}
