//! A Redis that all tests of a suite share, each with keys of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use harness::RedisServer;
use shared::redis_store::RedisStore;
use tokio::sync::OnceCell;

static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
static TAGS: AtomicU64 = AtomicU64::new(0);

/// The server of all tests.
pub(crate) async fn shared_server() -> &'static RedisServer {
    SERVER.get_or_init(RedisServer::start).await
}

/// Keys of its own on a server, and the tag that they have.
pub(crate) fn new_keys(url: &str) -> (RedisStore, String) {
    let tag = format!("t{}", TAGS.fetch_add(1, Ordering::Relaxed));
    let store = RedisStore::connect_tagged(url, &tag).expect("an address");
    (store, tag)
}
