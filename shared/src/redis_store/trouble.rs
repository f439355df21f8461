//! What an error of Redis means for the connection that it came by, and how it is told.

use redis::{ErrorKind, RedisError, Value};

/// What a server answers that is not, or no longer, the one to write to. Its address may lead to
/// another by now, so a new connection may help:
///
/// * `READONLY`, `MOVED`, `ASK`: a replica, or a node that has given the keys away;
/// * `UNBLOCKED`: it has just become a replica, told to whoever was waiting in a read;
/// * `MASTERDOWN`, `LOADING`: a replica without a primary, or one that is fetching its data;
/// * `NOREPLICAS`, `CLUSTERDOWN`: a primary that was cut off from the others;
/// * `NOAUTH`: it does not know this connection any more.
///
/// The others are troubles of the right server, which a new connection would meet again: `MISCONF`
/// and `OOM` (it cannot store), `BUSY` and `TRYAGAIN` (it is busy), `NOPERM` (its settings).
const OF_ANOTHER_SERVER: [&str; 9] = [
    "READONLY",
    "MOVED",
    "ASK",
    "UNBLOCKED",
    "MASTERDOWN",
    "LOADING",
    "NOREPLICAS",
    "CLUSTERDOWN",
    "NOAUTH",
];

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on being used.
    Kept,
    /// It is broken, or does not answer in time.
    Broken,
    /// It leads to a server that is not the primary; the code that said so.
    Misled(&'static str),
}

/// What an answer says of the connection that it came by.
pub(super) fn fate(answer: Result<&Value, &RedisError>) -> Fate {
    match answer {
        Ok(Value::ServerError(error)) => by_code(Some(error.code())),
        Ok(_) => Fate::Kept,
        Err(error) if error.is_io_error() || error.is_unrecoverable_error() => Fate::Broken,
        Err(error) => by_code(error.code()),
    }
}

fn by_code(code: Option<&str>) -> Fate {
    let known = OF_ANOTHER_SERVER
        .into_iter()
        .find(|known| Some(*known) == code);
    known.map_or(Fate::Kept, Fate::Misled)
}

/// The cause for operators: the code and the words of Redis or of the operating system. Of what a
/// command held, which Redis repeats where it does not know the command, nothing.
pub(crate) fn cause(error: &RedisError) -> String {
    let text = match (error.code(), error.detail()) {
        _ if error.is_timeout() => "no answer in time".to_owned(),
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) if error.kind() == ErrorKind::AuthenticationFailed => {
            "the user or the password was refused".to_owned()
        }
        (None, _) => error.to_string(),
    };
    let end = [", with args beginning with", " script: "]
        .into_iter()
        .filter_map(|repeated| text.find(repeated))
        .min();
    text[..end.unwrap_or(text.len())].trim_end().to_owned()
}
