//! The job: a wire format that outlives releases.
//!
//! A job names a challenge and a send number, or a notice. It carries no phone number, no code and
//! no session id: the worker loads the rest and decides then whether a message is still wanted. Its
//! JSON is written by hot state (`hot_state/redis/accept.lua` and `enqueue_notice.lua` build the
//! same text), so fields may be added with a default, never renamed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use domain::challenge::{ChallengeId, Channel};
use domain::clock::UnixMillis;
use domain::root::RootId;

/// The version of a job that names no root but that of its challenge, or a notice.
const VERSION: u8 = 1;
/// The version of a job whose challenge is on another's root. A worker that knows no roots would
/// compute a wrong code for it, and leaves it to others.
const ROOT_VERSION: u8 = 2;

/// One thing for the worker to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    #[serde(rename = "v")]
    version: u8,
    /// What to do.
    #[serde(flatten)]
    pub task: JobTask,
    /// When the API accepted the request, or a notice came into the queue.
    pub accepted_at: UnixMillis,
    /// From this moment on nothing is sent.
    pub deadline: UnixMillis,
    /// W3C `traceparent` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The id of the request, as it stands in logs and errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Uuid>,
}

/// What a job asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobTask {
    /// Send the code of a challenge.
    Send {
        /// The challenge.
        challenge: ChallengeId,
        /// The root of the code, where that is not the challenge's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root: Option<RootId>,
        /// Which message of the root this is, from 1; with the root the key of the ledger.
        send: u32,
        /// How it travels.
        channel: Channel,
    },
    /// Send a notice.
    Notice {
        /// The row of its text and receiver.
        notice: Uuid,
    },
}

/// Why a payload cannot be run by this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A newer build wrote it; a newer worker can run it.
    #[error("the job has a version or kind that this build does not know")]
    UnknownVersion,
    /// Nobody can read it.
    #[error("the job is malformed")]
    Malformed,
}

impl Job {
    /// A job that sends the code of a root to the one who began this challenge.
    pub fn send(
        challenge: ChallengeId,
        root: RootId,
        send: u32,
        channel: Channel,
        accepted_at: UnixMillis,
        deadline: UnixMillis,
        trace: Option<String>,
    ) -> Self {
        let root = (root != challenge.into()).then_some(root);
        let version = if root.is_some() {
            ROOT_VERSION
        } else {
            VERSION
        };
        let task = JobTask::Send {
            challenge,
            root,
            send,
            channel,
        };
        Self {
            version,
            task,
            accepted_at,
            deadline,
            trace,
            request: None,
        }
    }

    /// A job that sends a notice.
    pub fn notice(
        notice: Uuid,
        accepted_at: UnixMillis,
        deadline: UnixMillis,
        trace: Option<String>,
    ) -> Self {
        Self {
            version: VERSION,
            task: JobTask::Notice { notice },
            accepted_at,
            deadline,
            trace,
            request: None,
        }
    }

    /// The same job, of this request.
    #[must_use]
    pub fn of_request(self, request: Option<Uuid>) -> Self {
        Self { request, ..self }
    }

    /// The payload.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a job has string keys and plain values")
    }

    /// Reads a payload.
    pub fn decode(payload: &str) -> Result<Self, JobError> {
        #[derive(Deserialize)]
        struct Envelope {
            v: u8,
            kind: String,
        }
        let envelope: Envelope = serde_json::from_str(payload).map_err(|_| JobError::Malformed)?;
        let known = matches!(
            (envelope.kind.as_str(), envelope.v),
            ("send", VERSION | ROOT_VERSION) | ("notice", VERSION)
        );
        if !known {
            return Err(JobError::UnknownVersion);
        }
        serde_json::from_str(payload).map_err(|_| JobError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let id = ChallengeId::from_bytes([0xab; 16]);
        let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        Job::send(
            id,
            id.into(),
            2,
            Channel::Sms,
            1_763_700_000_000,
            1_763_700_090_000,
            trace,
        )
    }

    #[test]
    fn the_wire_format_is_fixed() {
        let wire = r#"{"v":1,"kind":"send","challenge":"abababababababababababababababab","send":2,"channel":"sms","accepted_at":1763700000000,"deadline":1763700090000,"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
        assert_eq!(job().encode(), wire);
        assert_eq!(Job::decode(wire), Ok(job()));
        let request = Uuid::from_u128(0x6e1f_0a52_6d0f_4b7c_9d0e_2f4a_0c5b_7d11);
        let requested = job().of_request(Some(request));
        let wire = wire.replace('}', r#","request":"6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11"}"#);
        assert_eq!(requested.encode(), wire);
        assert_eq!(Job::decode(&wire), Ok(requested));
        let challenge = ChallengeId::from_bytes([0xab; 16]);
        let root = RootId::from_bytes([0xcd; 16]);
        let joined = Job::send(challenge, root, 3, Channel::Sms, 1, 2, None);
        let wire = r#"{"v":2,"kind":"send","challenge":"abababababababababababababababab","root":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","send":3,"channel":"sms","accepted_at":1,"deadline":2}"#;
        assert_eq!(joined.encode(), wire);
        assert_eq!(Job::decode(wire), Ok(joined));
        let id = Uuid::from_bytes([0xab; 16]);
        let notice = Job::notice(id, 1_763_700_000_000, 1_763_786_400_000, None);
        let wire = r#"{"v":1,"kind":"notice","notice":"abababab-abab-abab-abab-abababababab","accepted_at":1763700000000,"deadline":1763786400000}"#;
        assert_eq!(notice.encode(), wire);
        assert_eq!(Job::decode(wire), Ok(notice));
    }

    #[test]
    fn f_25_fields_of_later_releases_are_passed_over_and_later_versions_are_told_apart() {
        let later = job().encode().replacen('{', r#"{"priority":"high","#, 1);
        assert_eq!(Job::decode(&later), Ok(job()));
        let version = job().encode().replace(r#""v":1"#, r#""v":3"#);
        assert_eq!(Job::decode(&version), Err(JobError::UnknownVersion));
        let kind = job()
            .encode()
            .replace(r#""kind":"send""#, r#""kind":"fax""#);
        assert_eq!(Job::decode(&kind), Err(JobError::UnknownVersion));
    }

    #[test]
    fn f_18_poison_is_malformed_and_does_not_panic() {
        let valid = job().encode();
        let half = &valid[..valid.len() / 2];
        for payload in [
            "",
            "{",
            "null",
            "[]",
            half,
            &valid.replace("sms", "pigeon"),
            &valid.replace("ab", "xy"),
        ] {
            assert_eq!(Job::decode(payload), Err(JobError::Malformed), "{payload}");
        }
    }

    proptest::proptest! {
        /// A payload of chance is refused or means what it says: encoded again it is the same job.
        #[test]
        fn fuzz_f_18_no_payload_makes_the_reader_panic(
            text in "\\PC{0,80}",
            version in 0_u8..5,
            kind in "(send|notice|fax)",
            challenge in "[0-9a-f]{30,34}",
            send in proptest::prelude::any::<i64>(),
            channel in "(sms|call|[a-z]{0,4})",
            extra in "[a-z]{1,6}",
        ) {
            let near = serde_json::json!({
                "v": version, "kind": kind, "challenge": challenge, "send": send, "channel": channel,
                "notice": "abababab-abab-abab-abab-abababababab", "accepted_at": send, "deadline": 2,
                extra: text,
            });
            for payload in [text.clone(), near.to_string()] {
                if let Ok(job) = Job::decode(&payload) {
                    proptest::prop_assert_eq!(Job::decode(&job.encode()), Ok(job));
                }
            }
        }
    }
}
