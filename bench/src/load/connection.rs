//! One connection to the API, kept alive, with one request at a time.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::HttpRequest;

/// Before a connection is tried again, so that a server that is away costs no core.
const RETRY: Duration = Duration::from_millis(20);

pub(super) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Connects at once, so that no connection is opened while something is measured.
    pub(super) async fn open(address: SocketAddr) -> Result<Self, String> {
        let mut connection = Self {
            address,
            sender: None,
        };
        connection.connect().await?;
        Ok(connection)
    }

    async fn connect(&mut self) -> Result<(), String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| text(&error))?;
        stream.set_nodelay(true).map_err(|error| text(&error))?;
        let (sender, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| text(&error))?;
        tokio::task::spawn_local(driver);
        self.sender = Some(sender);
        Ok(())
    }

    /// Status and body of the answer.
    pub(super) async fn call(&mut self, request: HttpRequest) -> Result<(u16, Bytes), String> {
        let answer = self.try_call(request).await;
        if answer.is_err() {
            self.sender = None;
            tokio::time::sleep(RETRY).await;
        }
        answer
    }

    async fn try_call(&mut self, request: HttpRequest) -> Result<(u16, Bytes), String> {
        if self.sender.is_none() {
            self.connect().await?;
        }
        let sender = self.sender.as_mut().ok_or("no connection")?;
        let call = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            Ok((status, body))
        };
        call.await.map_err(|error: hyper::Error| error.to_string())
    }
}
