//! The two requests of a sign-in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use domain::clock::Clock;
use domain::random::Random;
use domain::tokens::{AccessTokens, AccessTokensSettings, RefreshToken, SigningKeys};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::file::File;
use super::servers::Servers;
use super::{Job, Opening};
use crate::Failure;
use crate::load::{OTP_PATH, VERIFY_PATH};

const LIFE_OF_A_TOKEN: Duration = Duration::from_mins(5);

/// Where it is written.
pub(super) enum Store {
    Servers(Servers),
    File(File),
}

struct Floor {
    store: Store,
    tokens: AccessTokens,
    random: Random,
}

#[derive(Deserialize)]
struct Asking {
    phone_number: String,
}

#[derive(Serialize)]
struct Asked {
    phone_number: String,
    session_id: Uuid,
    expires_in: u32,
}

#[derive(Deserialize)]
struct Verifying {
    session_id: Uuid,
    code: String,
}

#[derive(Serialize)]
struct SignedIn {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
    is_new_user: bool,
    user: Person,
}

#[derive(Serialize)]
struct Person {
    id: Uuid,
    phone_number: String,
}

pub(super) async fn serve(listen: SocketAddr, store: Store) -> Result<(), Failure> {
    let random = Random::operating_system();
    let keys = SigningKeys::generate_pem(&random);
    let settings = AccessTokensSettings {
        issuer: format!("http://{listen}"),
        audience: format!("http://{listen}"),
        lifetime: LIFE_OF_A_TOKEN,
    };
    let floor = Floor {
        store,
        tokens: AccessTokens::new(SigningKeys::from_pem(keys.expose_secret())?, settings),
        random,
    };
    let router = Router::new()
        .route(OTP_PATH, post(ask))
        .route(VERIFY_PATH, post(verify))
        .with_state(Arc::new(floor));
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn ask(
    State(floor): State<Arc<Floor>>,
    Json(asking): Json<Asking>,
) -> Result<(StatusCode, Json<Asked>), StatusCode> {
    let session = floor.random.uuid_v4();
    let code = u64::from_le_bytes(floor.random.bytes()) % 1_000_000;
    let job = Job {
        phone: asking.phone_number,
        code: format!("{code:06}"),
    };
    let written = match &floor.store {
        Store::Servers(servers) => servers.ask(session, &job).await,
        Store::File(file) => file.ask(session, &job).await,
    };
    written.map_err(|failure| unavailable(&failure))?;
    let asked = Asked {
        phone_number: job.phone,
        session_id: session,
        expires_in: 120,
    };
    Ok((StatusCode::ACCEPTED, Json(asked)))
}

async fn verify(
    State(floor): State<Arc<Floor>>,
    Json(verifying): Json<Verifying>,
) -> Result<Json<SignedIn>, StatusCode> {
    let now = Clock::system().now().timestamp_millis();
    let refresh_token = RefreshToken::new(&floor.random);
    let opening = Opening {
        user: floor.random.uuid_v7(now),
        session: floor.random.uuid_v7(now),
        token_hash: refresh_token.hash(),
    };
    let Verifying { session_id, code } = verifying;
    let opened = match &floor.store {
        Store::Servers(servers) => servers.sign_in(session_id, &code, &opening).await,
        Store::File(file) => file.sign_in(session_id, &code, &opening).await,
    };
    let opened = opened.map_err(|failure| unavailable(&failure))?;
    let opened = opened.ok_or(StatusCode::BAD_REQUEST)?;
    let access_token = floor
        .tokens
        .issue(opened.user, opening.session, now, &floor.random)
        .map_err(|error| unavailable(&error))?;
    Ok(Json(SignedIn {
        access_token: access_token.expose().to_owned(),
        refresh_token: refresh_token.expose(),
        token_type: "Bearer",
        expires_in: LIFE_OF_A_TOKEN.as_secs(),
        is_new_user: opened.is_new,
        user: Person {
            id: opened.user,
            phone_number: opened.phone,
        },
    }))
}

fn unavailable(failure: &dyn std::fmt::Display) -> StatusCode {
    eprintln!("bench: {failure}");
    StatusCode::SERVICE_UNAVAILABLE
}
