//! Sign-ins through the OpenID Connect provider and its pages beside sign-ins through our own API, in rounds
//! that take turns on one installation: `provider_rate --help`.

mod visitor;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use domain::tokens::SigningKeys;
use e2e::{Production, Secrets};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::task::JoinSet;

use visitor::Visitor;

/// Measures whole sign-ins a second: through our own API (two requests), and through the provider and its
/// pages as a browser makes them (seven requests, with redirects and the pages that are shown).
///
/// Starts the real binaries with a Redis and a PostgreSQL of its own on 127.0.0.1.
#[derive(Debug, Parser)]
#[command(name = "provider_rate", version)]
struct Arguments {
    /// Rounds; each measures both ways once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each way is measured in a round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
    /// People at once
    #[arg(long, default_value_t = 32)]
    people: usize,
}

static NUMBERS: AtomicU32 = AtomicU32::new(0);

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("a folder");
    let clients = folder.path().join("clients.toml");
    let mut file = std::fs::File::create(&clients).expect("a file");
    file.write_all(visitor::CLIENTS.as_bytes())
        .expect("written");
    let rsa = SigningKeys::generate_rsa_pem().expect("a key");
    let keys = Secrets::generate().jwt_private_key + rsa.expose_secret();
    let settings = [
        ("OIDC_CLIENTS_FILE", clients.to_str().expect("UTF-8")),
        ("JWT_PRIVATE_KEY", keys.as_str()),
        // Everybody comes from one address here.
        ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
        ("LIMIT_GROUP_PER_MINUTE", "off"),
        ("LIMIT_AUTHORIZE_ADDRESS", "off"),
        ("LIMIT_AUTHORIZE_GROUP", "off"),
        ("LOG_LEVEL", "warn"),
    ];
    let production = Arc::new(Production::start(1, &settings).await);
    let lasts = Duration::from_secs(arguments.seconds);
    let mut ratios = Vec::new();
    for round in 1..=arguments.rounds {
        let own = measure(&production, arguments.people, lasts, false).await;
        let provider = measure(&production, arguments.people, lasts, true).await;
        println!("round {round}: own API {own:.0} a second, provider {provider:.0} a second");
        ratios.push(provider / own);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "provider by own API, median of {} rounds: {:.2}",
        ratios.len(),
        ratios[ratios.len() / 2]
    );
}

/// Whole sign-ins a second.
async fn measure(
    production: &Arc<Production>,
    people: usize,
    lasts: Duration,
    by_provider: bool,
) -> f64 {
    let (begun, done) = (Instant::now(), Arc::new(AtomicU32::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..people {
        let (production, done) = (Arc::clone(production), Arc::clone(&done));
        tasks.spawn(async move {
            while begun.elapsed() < lasts {
                let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
                let phone = format!("0912{number:07}");
                if by_provider {
                    Visitor::new(production.url())
                        .sign_in(&production, &phone)
                        .await;
                } else {
                    own_sign_in(&production, &phone).await;
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tasks.join_all().await;
    f64::from(done.load(Ordering::Relaxed)) / begun.elapsed().as_secs_f64()
}

async fn own_sign_in(production: &Production, phone: &str) {
    // A connection of its own for each person, as the other way has.
    let client = production.client();
    let asked = client.ask(phone).await.expect("accepted");
    let code = code_of(production, phone).await;
    let body = json!({ "session_id": asked.session_id, "code": code });
    let answer = client.try_post("/api/v1/usr/otp/verify", &body).await;
    assert!(answer.expect("an answer").status().is_success());
}

/// The code as soon as the message is there.
pub(crate) async fn code_of(production: &Production, phone: &str) -> String {
    loop {
        if let Some(code) = production.simulator.codes(phone).await.into_iter().next() {
            return code;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
