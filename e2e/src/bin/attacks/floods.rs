//! As many requests as one stranger can send.

use std::time::{Duration, Instant};

use domain::random::Random;
use e2e::Production;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::crowd::{BEHIND_A_PROXY, Person, Sender, every, flood};
use crate::outcome::{Noticed, Outcome};

const PASSWORD: &str = "tahdig-va-ghormeh-71";
/// How many of the others ask in a second.
const OTHERS: u32 = 4;

/// A random address of one IPv6 /48.
fn of_one_48(random: &Random) -> String {
    let [a, b, c, d] = random.bytes::<4>();
    format!(
        "2001:db8:7:{:x}::{:x}",
        u16::from_be_bytes([a, b]),
        u16::from_be_bytes([c, d])
    )
}

fn random_phone(random: &Random) -> String {
    let number = u32::from_be_bytes(random.bytes::<4>()) % 10_000_000;
    format!("0912{number:07}")
}

/// What Redis uses, in bytes.
async fn redis_memory(production: &Production) -> u64 {
    let client = redis::Client::open(production.redis.url()).expect("an address");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut connection)
        .await
        .expect("INFO");
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok())
        .expect("used_memory")
}

pub(crate) async fn guesses(lasts: Duration) -> Outcome {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let (sender, random) = (Sender::new(&production), Random::operating_system());
    let alone = sender.crowd(OTHERS, lasts / 2).await;
    let before = redis_memory(&production).await;
    let attacker = sender.clone();
    let attack = flood(16, lasts, move || {
        let (sender, address, phone) =
            (attacker.clone(), of_one_48(&random), random_phone(&random));
        async move {
            let body = json!({ "phone_number": phone, "code": "123456" });
            sender
                .told(&address, "/api/v1/usr/otp/verify", &body)
                .await
                .0
        }
    });
    let (attack, beside) = tokio::join!(attack, sender.crowd(OTHERS, lasts));
    let grown = redis_memory(&production).await.saturating_sub(before);
    let compared = attack.counted(|answer| answer.starts_with("403"));
    let seconds = lasts.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts of a short run")]
    let (tried, a_second) = (attack.all() as f64 / seconds, compared as f64 / seconds);
    let mut outcome = Outcome {
        achieved: format!(
            "{tried:.0} guesses a second tried, {a_second:.1} compared; {} kB more in Redis, with what the others left",
            grown / 1024
        ),
        alone: Some(alone),
        beside: Some(beside),
        broken: Vec::new(),
    };
    // The group's rate is 10 a second, after a burst of as much as a minute allows.
    outcome.must(
        a_second < 50.0,
        "guesses of one group were compared without bound",
    );
    outcome.others_are_served();
    outcome
}

pub(crate) async fn messages(lasts: Duration) -> Outcome {
    let settings = [BEHIND_A_PROXY, ("KAVENEGAR_RATE", "20")];
    let production = Production::start(1, &settings).await;
    let (sender, random) = (Sender::new(&production), Random::operating_system());
    let alone = sender.crowd(OTHERS, lasts / 2).await;
    let attacker = sender.clone();
    let attack = flood(16, lasts, move || {
        let (sender, random) = (attacker.clone(), random.clone());
        let person = Person {
            phone: random_phone(&random),
            address: of_one_48(&random),
        };
        async move { sender.ask(&person).await.0 }
    });
    let (attack, beside) = tokio::join!(attack, sender.crowd(OTHERS, lasts));
    let mut outcome = Outcome {
        achieved: format!(
            "{} of {} asks granted, at a gateway of 20 a second",
            attack.served(),
            attack.all()
        ),
        alone: Some(alone),
        beside: Some(beside),
        broken: Vec::new(),
    };
    outcome.others_are_served();
    outcome
}

pub(crate) async fn passwords(lasts: Duration) -> Outcome {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    let mut people = Vec::new();
    for _ in 0..12 {
        let person = Person::new();
        let signed_in = sender.sign_in(&production, &person).await;
        let token = signed_in["access_token"].as_str().expect("a token");
        let set = production
            .client()
            .try_post_as(
                token,
                "/api/v1/usr/password",
                &json!({ "new_password": PASSWORD }),
            )
            .await;
        let set = set.expect("an answer");
        assert!(set.status().is_success(), "{}", set.status());
        people.push(person);
    }
    let log_ins = |lasts| {
        let (sender, people) = (sender.clone(), people.clone());
        let turn = std::sync::atomic::AtomicUsize::new(0);
        every(2, lasts, move || {
            let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (sender, person) = (sender.clone(), people[turn % people.len()].clone());
            async move {
                let body = json!({ "phone_number": person.phone, "password": PASSWORD });
                sender
                    .told(&person.address, "/api/v1/usr/login", &body)
                    .await
                    .0
            }
        })
    };
    let alone = log_ins(lasts / 2).await;
    let (attacker, random) = (sender.clone(), Random::operating_system());
    let attack = flood(36, lasts, move || {
        let (sender, session) = (attacker.clone(), Uuid::from_bytes(random.bytes()));
        async move {
            let hard = "correct horse battery staple ".repeat(4);
            let body = json!({ "session_id": session, "code": "123456", "new_password": hard });
            sender
                .told("203.0.113.5", "/api/v1/usr/password/reset/verify", &body)
                .await
                .0
        }
    });
    let (attack, beside) = tokio::join!(attack, log_ins(lasts));
    let mut outcome = Outcome {
        achieved: format!("{} calls: {}", attack.all(), attack.told()),
        alone: Some(alone),
        beside: Some(beside),
        broken: Vec::new(),
    };
    outcome.others_are_served();
    outcome
}

pub(crate) async fn refreshes(lasts: Duration) -> Outcome {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    let person = Person::new();
    let mut token = sender.sign_in(&production, &person).await["refresh_token"].clone();
    let alone = sender.crowd(OTHERS, lasts / 2).await;
    let attack = async {
        let (begun, mut noticed) = (Instant::now(), Noticed::default());
        while begun.elapsed() < lasts {
            let asked = Instant::now();
            let body = json!({ "refresh_token": token });
            let (told, body) = sender
                .told(&person.address, "/api/v1/usr/token/refresh", &body)
                .await;
            if told == "200" {
                token = body["refresh_token"].clone();
            }
            noticed.add(told, asked.elapsed());
        }
        noticed
    };
    let (attack, beside) = tokio::join!(attack, sender.crowd(OTHERS, lasts));
    let mut outcome = Outcome {
        achieved: format!("{} rotations of {} calls", attack.served(), attack.all()),
        alone: Some(alone),
        beside: Some(beside),
        broken: Vec::new(),
    };
    outcome.must(attack.served() < 200, "rotations without bound");
    outcome.others_are_served();
    outcome
}

/// Median of the times in which a wrong password is refused, for each kind of number.
pub(crate) async fn log_in_times() -> Outcome {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    let kinds = [
        ("unknown", None),
        (
            "pbkdf2",
            Some("pbkdf2_sha256$870000$c2FsdHNhbHQ$NPZ4hEbcoeZMhqWPiYxK7MTU5ijnGqbLA1zyMZiPKvc="),
        ),
        (
            "bcrypt",
            Some("bcrypt_sha256$$2b$12$WhOsGcQkVUHxTwmLcLHM8ebCbXYrlRIZKnA9/V/v5GGkQ4Bu6cZwS"),
        ),
    ];
    let mut database = PgConnection::connect(&production.database_url)
        .await
        .expect("PostgreSQL");
    let mut medians = Vec::new();
    for (kind, hash) in kinds {
        let person = Person::new();
        if let Some(hash) = hash {
            sender.sign_in(&production, &person).await;
            let update = format!(
                "UPDATE users SET password_hash = '{hash}', password_changed_at = now() WHERE phone = '+98{}'",
                person.phone.trim_start_matches('0')
            );
            let updated = sqlx::query(AssertSqlSafe(update))
                .execute(&mut database)
                .await;
            assert_eq!(updated.expect("an update").rows_affected(), 1, "{kind}");
        }
        let mut times = Vec::new();
        for _ in 0..9 {
            let (begun, somebody) = (Instant::now(), Person::new());
            let body = json!({ "phone_number": person.phone, "password": "not it at all" });
            let (told, _) = sender
                .told(&somebody.address, "/api/v1/usr/login", &body)
                .await;
            assert!(told.starts_with("403"), "{kind}: {told}");
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        medians.push((kind, times[4]));
    }
    let told: Vec<String> = medians
        .iter()
        .map(|(kind, time)| format!("{kind} {} ms", time.as_millis()))
        .collect();
    let (least, most) = (
        medians
            .iter()
            .map(|(_, time)| *time)
            .min()
            .unwrap_or_default(),
        medians
            .iter()
            .map(|(_, time)| *time)
            .max()
            .unwrap_or_default(),
    );
    let mut outcome = Outcome {
        achieved: format!("refused in (median) {}", told.join(", ")),
        ..Outcome::default()
    };
    outcome.must(
        most < least + Duration::from_millis(60),
        "the time tells one number from another",
    );
    outcome
}
