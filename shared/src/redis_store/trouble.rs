//! What an error of Redis means for the connection that it came by, and how it is told.

use redis::{ErrorKind, RedisError, Value};

/// What a server answers that is not, or no longer, the one to write to. Its address may lead to
/// another by now, so a new connection may help:
///
/// * `READONLY`, `MOVED`, `ASK`: a replica, or a node that has given the keys away;
/// * `UNBLOCKED`: it has just become a replica, told to the one who was waiting in a read;
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

/// What Redis says to a command of more than ten words, or with a long one, where it would say `NOAUTH` to a
/// shorter: it does not even read it. Then it closes the connection.
const NOT_READ: &str = "Protocol error: unauthenticated";
const NO_AUTH: &str = "NOAUTH";

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
        Ok(Value::ServerError(error)) => by_code(true_code(Some(error.code()), error.details())),
        Ok(_) => Fate::Kept,
        Err(error) if error.is_io_error() || error.is_unrecoverable_error() => Fate::Broken,
        Err(error) => by_code(true_code(error.code(), error.detail())),
    }
}

fn true_code<'e>(code: Option<&'e str>, detail: Option<&str>) -> Option<&'e str> {
    if detail.is_some_and(|detail| detail.starts_with(NOT_READ)) {
        return Some(NO_AUTH);
    }
    code
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
        (_, Some(detail)) if detail.starts_with(NOT_READ) => {
            format!("{NO_AUTH} Authentication required.")
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As it comes over the wire: inside of a pipeline a value, for a single command an error.
    fn fates(code: &str) -> [Fate; 2] {
        let line = format!("-{code} some words\r\n");
        let value = redis::parse_redis_value(line.as_bytes()).expect("an answer");
        let error = value.clone().extract_error().expect_err("an error");
        [fate(Ok(&value)), fate(Err(&error))]
    }

    #[test]
    fn f_20_what_another_server_says_gives_the_connection_up() {
        for code in [
            "READONLY",
            "MOVED",
            "ASK",
            "UNBLOCKED",
            "MASTERDOWN",
            "LOADING",
            "NOREPLICAS",
            "CLUSTERDOWN",
            "NOAUTH",
        ] {
            assert_eq!(fates(code), [Fate::Misled(code); 2]);
        }
    }

    #[test]
    fn f_20_a_long_command_without_a_password_is_told_and_judged_like_a_short_one() {
        for words in ["multibulk length", "bulk length"] {
            let line = format!("-ERR Protocol error: unauthenticated {words}\r\n");
            let value = redis::parse_redis_value(line.as_bytes()).expect("an answer");
            assert_eq!(fate(Ok(&value)), Fate::Misled("NOAUTH"));
            let error = value.extract_error().expect_err("an error");
            assert_eq!(fate(Err(&error)), Fate::Misled("NOAUTH"));
            assert_eq!(cause(&error), "NOAUTH Authentication required.");
        }
        let other = b"-ERR Protocol error: too big mbulk count string\r\n";
        let value = redis::parse_redis_value(other).expect("an answer");
        assert_eq!(fate(Ok(&value)), Fate::Kept);
    }

    #[test]
    fn f_20_what_the_right_server_says_keeps_the_connection() {
        for code in [
            "MISCONF",
            "OOM",
            "BUSY",
            "TRYAGAIN",
            "NOPERM",
            "NOSCRIPT",
            "NOGROUP",
            "BUSYGROUP",
            "WRONGTYPE",
            "CROSSSLOT",
            "EXECABORT",
            "NOTBUSY",
            "UNKILLABLE",
            "ERR",
        ] {
            assert_eq!(fates(code), [Fate::Kept; 2], "{code}");
        }
    }

    #[test]
    fn every_code_is_told_with_its_words() {
        for code in OF_ANOTHER_SERVER
            .into_iter()
            .chain(["MISCONF", "OOM", "BUSY", "TRYAGAIN", "NOPERM"])
        {
            let line = format!("-{code} some words\r\n");
            let value = redis::parse_redis_value(line.as_bytes()).expect("an answer");
            let error = value.extract_error().expect_err("an error");
            assert_eq!(cause(&error), format!("{code} some words"));
        }
    }
}
