//! The least that could sign people in: one script of two writes for a request, a loop that takes jobs and
//! makes the gateway call, one statement for user, use, session and token, one signed token. It has no
//! limits, no counted tries, no ledger, no metrics and no log.

mod calls;
mod file;
mod handlers;
mod servers;

use uuid::Uuid;

use crate::Failure;
use crate::arguments::SignInFloorPart;

/// Serves until the process is ended.
pub(crate) async fn serve(part: &SignInFloorPart) -> Result<(), Failure> {
    match part {
        SignInFloorPart::Api {
            listen,
            redis,
            database_url,
        } => {
            let store = servers::Servers::connect(redis, database_url).await?;
            handlers::serve(*listen, handlers::Store::Servers(store)).await
        }
        SignInFloorPart::Loop { redis, gateway } => calls::take_jobs(redis, gateway).await,
        SignInFloorPart::Alone {
            listen,
            sqlite,
            gateway,
        } => {
            let store = file::File::open(sqlite, gateway).await?;
            handlers::serve(*listen, handlers::Store::File(store)).await
        }
    }
}

/// A message that is to be sent.
#[derive(serde::Serialize, serde::Deserialize)]
struct Job {
    phone: String,
    code: String,
}

/// What a sign-in writes.
struct Opening {
    user: Uuid,
    session: Uuid,
    token_hash: [u8; 32],
}

/// Who signed in.
struct Opened {
    user: Uuid,
    phone: String,
    is_new: bool,
}
