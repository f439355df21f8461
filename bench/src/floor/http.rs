//! A bare handler: it reads the body, makes two writes, and answers 202. It checks nothing, limits
//! nothing and records nothing else. A process of its own, like the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use domain::random::Random;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::redis_writes::RedisWrites;
use super::sqlite_writes::SqliteWrites;
use crate::Failure;
use crate::arguments::FloorArguments;
use crate::load::OTP_PATH;

#[derive(Deserialize)]
struct Asked {
    phone_number: String,
}

#[derive(Serialize)]
struct Accepted {
    session_id: String,
    expires_in: u32,
}

struct Floor {
    store: Store,
    random: Random,
}

enum Store {
    Redis(RedisWrites),
    Sqlite(SqliteWrites),
}

/// Serves until the process is ended.
pub(crate) async fn serve(arguments: &FloorArguments) -> Result<(), Failure> {
    let store = match (&arguments.redis, &arguments.sqlite) {
        (Some(url), _) => Store::Redis(RedisWrites::connect(url).await?),
        (None, Some(file)) => Store::Sqlite(SqliteWrites::open(file).await?),
        (None, None) => return Err("--redis or --sqlite".into()),
    };
    let random = Random::operating_system();
    let router = Router::new()
        .route(OTP_PATH, post(accept))
        .with_state(Arc::new(Floor { store, random }));
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn accept(
    State(floor): State<Arc<Floor>>,
    Json(asked): Json<Asked>,
) -> Result<(StatusCode, Json<Accepted>), StatusCode> {
    let id = floor.random.uuid_v4().to_string();
    let written = match &floor.store {
        Store::Redis(redis) => redis.write(&id, &asked.phone_number).await,
        Store::Sqlite(sqlite) => sqlite.write(&id, &asked.phone_number).await,
    };
    written.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let accepted = Accepted {
        session_id: id,
        expires_in: 120,
    };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}
