//! The listener of the console: private, and apart from the public one.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use serving::{bind_private, serve};
use shared::config::{ConsoleConfig, ServeLimits};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The staff is few.
const MAX_CONNECTIONS: usize = 256;

/// A bound listener with the console behind it.
#[derive(Debug)]
pub struct ConsoleListener {
    listener: TcpListener,
    router: Router,
    address: SocketAddr,
}

impl ConsoleListener {
    /// Binds `ADMIN_LISTEN`; nothing where there is to be no console.
    ///
    /// # Errors
    /// When the address, or each of the ports that may be tried, is taken.
    pub async fn bind(
        config: Option<&ConsoleConfig>,
        router: Option<Router>,
    ) -> io::Result<Option<Self>> {
        let (Some(config), Some(router)) = (config, router) else {
            return Ok(None);
        };
        let listener = bind_private(config.listen, "ADMIN_LISTEN", "the console").await?;
        let address = listener.local_addr()?;
        Ok(Some(Self {
            listener,
            router,
            address,
        }))
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled.
    pub async fn serve(this: Option<Self>, shutdown: CancellationToken) {
        let Some(this) = this else { return };
        let limits = ServeLimits {
            max_connections: MAX_CONNECTIONS,
            ..ServeLimits::default()
        };
        serve(this.listener, this.router, limits, shutdown).await;
    }
}
