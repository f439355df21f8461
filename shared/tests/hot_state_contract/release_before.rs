//! An api and a worker of the release before, which knows no roots: the scripts that it runs, and what
//! it does with their answers. Needed as long as both may run beside each other.

use domain::challenge::ChallengeId;
use domain::otp::{OtpCode, Purpose, derive};
use domain::phone::PhoneNumber;
use domain::root::{RootId, Salt};
use redis::Script;
use redis::aio::MultiplexedConnection;
use serde_json::Value;

use crate::stage::{DAY, MINUTE, SECOND, Stage};

const FIELDS: [&str; 14] = [
    "p", "u", "k", "s", "d", "l", "c", "e", "t", "n", "a", "b", "x", "w",
];

pub(crate) struct Before<'a> {
    pub(crate) stage: &'a Stage,
    connection: MultiplexedConnection,
    tag: String,
}

/// A record as this release reads it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: ChallengeId,
    salt: Salt,
    code: OtpCode,
    pub(crate) consumed: bool,
}

impl<'a> Before<'a> {
    pub(crate) async fn beside(stage: &'a Stage) -> Self {
        let (connection, tag) = stage.raw_redis().await;
        Self {
            stage,
            connection,
            tag,
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.tag)
    }

    fn now(&self) -> i64 {
        self.stage.clock.now_millis()
    }

    pub(crate) async fn ask(&mut self, phone: &str, purpose: Purpose) -> ChallengeId {
        let id = ChallengeId::from_bytes(self.stage.random.bytes());
        let salt: [u8; 16] = self.stage.random.bytes();
        let reply = self.accept("new", id, phone, purpose, &salt).await;
        assert!(matches!(reply, redis::Value::Int(_)), "{reply:?}");
        id
    }

    /// The outcome of the script.
    pub(crate) async fn resend(&mut self, id: ChallengeId) -> String {
        let reply = self.accept("resend", id, "", Purpose::SignIn, &[]).await;
        let redis::Value::Array(reply) = reply else {
            panic!("{reply:?}")
        };
        redis::from_redis_value(reply[0].clone()).expect("an outcome")
    }

    async fn accept(
        &mut self,
        mode: &str,
        id: ChallengeId,
        phone: &str,
        purpose: Purpose,
        salt: &[u8],
    ) -> redis::Value {
        let nonce: [u8; 8] = self.stage.random.bytes();
        let numbers: Vec<u8> = [
            120 * SECOND,
            10 * MINUTE,
            30 * SECOND,
            30 * SECOND,
            3,
            10_000,
            i64::MAX,
            0,
            DAY,
            100,
            2 * MINUTE,
            100,
            DAY,
        ]
        .into_iter()
        .flat_map(i64::to_be_bytes)
        .collect();
        let new = mode == "new";
        Script::new(include_str!("release_before/accept.lua"))
            .key(self.key("jobs"))
            .key(self.key("delayed"))
            .key(self.key("breaker"))
            .key(self.key(&format!("c:{id}")))
            .key(self.key("a:"))
            .arg(self.now())
            .arg(mode)
            .arg(&nonce[..])
            .arg(id.to_string())
            .arg("sms")
            .arg("")
            .arg("")
            .arg(self.key("s:"))
            .arg(self.key("r:"))
            .arg(phone)
            .arg(if new { purpose.as_str() } else { "" })
            .arg(if new { "fa" } else { "" })
            .arg(if new { "k1" } else { "" })
            .arg(salt)
            .arg(if new { 6 } else { 0 })
            .arg(&numbers[..])
            .invoke_async(&mut self.connection)
            .await
            .expect("an answer")
    }

    /// `None` where it knows no such challenge. A record that it could not read would panic here.
    pub(crate) async fn read(&mut self, id: ChallengeId) -> Option<Record> {
        let fields: Vec<Option<Vec<u8>>> = redis::cmd("HMGET")
            .arg(self.key(&format!("c:{id}")))
            .arg(&FIELDS)
            .query_async(&mut self.connection)
            .await
            .expect("an answer");
        if fields.iter().all(Option::is_none) {
            return None;
        }
        let bytes = |index: usize| fields[index].clone().expect("a readable record");
        let text = |index: usize| String::from_utf8(bytes(index)).expect("text");
        let salt = Salt::from_bytes(bytes(3).try_into().expect("16 bytes"));
        let phone = PhoneNumber::from_e164(&text(0)).expect("a number");
        let purpose = Purpose::from_name(&text(1)).expect("a purpose");
        let key = self.stage.keys.find(&text(2)).expect("a key");
        // Of a challenge by itself.
        let code = derive(key, purpose, &phone, RootId::from(id), &salt, 6);
        Some(Record {
            id,
            salt,
            code,
            consumed: fields[12].as_deref() == Some(b"1"),
        })
    }

    /// The verdict on a code that comes with the session id; `None` where it knows no such challenge.
    pub(crate) async fn verify(&mut self, id: ChallengeId, typed: &OtpCode) -> Option<String> {
        let record = self.read(id).await?;
        Some(self.count("session", &[record], typed).await)
    }

    pub(crate) async fn verify_by_phone(&mut self, phone: &str, typed: &OtpCode) -> String {
        let key = self.key(&format!("s:{}", phone.trim_start_matches('+')));
        let found: Vec<(String, Vec<Option<Vec<u8>>>)> =
            Script::new(include_str!("release_before/phone_challenges.lua"))
                .key(key)
                .arg(self.key("c:"))
                .arg(3)
                .arg(&FIELDS)
                .invoke_async(&mut self.connection)
                .await
                .expect("an answer");
        let mut records = Vec::new();
        for (id, _) in found {
            records.extend(self.read(id.parse().expect("an id")).await);
        }
        self.count("phone", &records, typed).await
    }

    async fn count(&mut self, way: &str, records: &[Record], typed: &OtpCode) -> String {
        let script = Script::new(include_str!("release_before/count_attempt.lua"));
        let mut call = script.prepare_invoke();
        call.arg(self.now()).arg(way).arg(3);
        for record in records {
            call.key(self.key(&format!("c:{}", record.id)))
                .arg(&record.salt.as_bytes()[..])
                .arg(u8::from(record.code.matches(typed)));
        }
        let reply: (String, u32, usize) = call
            .invoke_async(&mut self.connection)
            .await
            .expect("an answer");
        reply.0
    }

    pub(crate) async fn consume(&mut self, id: ChallengeId) {
        let reply: i64 = Script::new(include_str!("release_before/consume.lua"))
            .key(self.key(&format!("c:{id}")))
            .arg(id.to_string())
            .arg(self.key("s:"))
            .invoke_async(&mut self.connection)
            .await
            .expect("an answer");
        assert_eq!(reply, 1);
    }

    /// The code that its worker would text for a job: `None` where it leaves the job to others, or
    /// where the code was used.
    pub(crate) async fn texts(&mut self, payload: &str) -> Option<OtpCode> {
        let job: Value = serde_json::from_str(payload).expect("JSON");
        if job["v"] != 1 {
            return None;
        }
        let id = job["challenge"].as_str().expect("an id").parse();
        let record = self.read(id.expect("an id")).await?;
        (!record.consumed).then_some(record.code)
    }
}
