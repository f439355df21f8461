//! Whether a large table of users makes signing in slower: the rates of verifications and of
//! log-ins with many users beside those with few, in rounds that take turns.

use std::error::Error;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use e2e::{Client, Production};
use futures::StreamExt as _;
use futures::stream;
use harness::Process;
use serde_json::json;

const AT_ONCE: usize = 32;
/// Fewer than wait in the line for hashing.
const LOG_INS_AT_ONCE: usize = 8;
const PASSWORD: &str = "a password of the measurement 9";
/// Imports and preparations take longer than a test may.
const IMPORT_LIMIT: Duration = Duration::from_hours(1);

type Failure = Box<dyn Error>;

/// Measures verifications and log-ins beside tables of several sizes.
#[derive(Parser)]
struct Arguments {
    /// Sizes of the table of users, separated by commas; the first is what others are compared to.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 1_000_000])]
    users: Vec<u64>,
    /// Rounds; each measures every size once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Verifications of a round.
    #[arg(long, default_value_t = 1_000)]
    verifications: usize,
    /// Log-ins of a round. Each costs an argon2id hash.
    #[arg(long, default_value_t = 200)]
    log_ins: usize,
    /// The program that makes the dumps: the example `make_user_dump` of `api`.
    #[arg(long)]
    make_user_dump: PathBuf,
}

/// An installation with so many users, and what was measured of it.
struct Size {
    users: u64,
    production: Production,
    /// Numbers that have the password.
    known: Vec<String>,
    import_seconds: f64,
    verified: Vec<f64>,
    logged_in: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let mut sizes = Vec::new();
    for &users in &arguments.users {
        sizes.push(Size::prepare(users, &arguments).await?);
    }
    for round in 0..arguments.rounds {
        for size in &mut sizes {
            eprintln!("round {} with {} users", round + 1, size.users);
            size.measure(round, &arguments).await?;
        }
    }
    report(&sizes);
    Ok(())
}

impl Size {
    async fn prepare(users: u64, arguments: &Arguments) -> Result<Self, Failure> {
        eprintln!("importing {users} users");
        // All clients here have one address.
        let limits = [
            ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
            ("LIMIT_GROUP_PER_MINUTE", "off"),
            ("LIMIT_FAILURES_ADDRESS", "1000/s"),
            ("LIMIT_FAILURES_GROUP", "off"),
        ];
        let production = Production::start(1, &limits).await;
        let folder = tempfile::tempdir()?;
        let dump = folder.path().join("users.csv");
        make_dump(&arguments.make_user_dump, users, &dump)?;
        let started = Instant::now();
        let mut import = Process::ramz("api")
            .arg("import-users")
            .arg(&dump)
            .env("DATABASE_URL", &production.database_url)
            .start();
        if !import.wait(IMPORT_LIMIT).await.success() {
            return Err(import.log().into());
        }
        let import_seconds = started.elapsed().as_secs_f64();
        let known = with_password(&production).await?;
        Ok(Self {
            users,
            production,
            known,
            import_seconds,
            verified: Vec::new(),
            logged_in: Vec::new(),
        })
    }

    async fn measure(&mut self, round: usize, arguments: &Arguments) -> Result<(), Failure> {
        let client = self.production.client();
        let numbers = (0..arguments.verifications)
            .map(|index| format!("0935{:07}", round * arguments.verifications + index));
        let proofs = proofs(&self.production, numbers.collect()).await?;
        let verify = |(session, code): (String, String)| {
            let client = client.clone();
            async move {
                let verified = client.verify(&session, &code).await;
                verified.map(drop).map_err(|problem| problem.code)
            }
        };
        self.verified.push(rate(AT_ONCE, proofs, verify).await?);

        let known = self.known.iter().cycle().take(arguments.log_ins).cloned();
        let log_in = |number: String| {
            let client = client.clone();
            async move {
                let body = json!({ "phone_number": number, "password": PASSWORD });
                expect_success(client.try_post("/api/v1/usr/login", &body).await).await
            }
        };
        self.logged_in
            .push(rate(LOG_INS_AT_ONCE, known.collect(), log_in).await?);
        Ok(())
    }
}

fn make_dump(program: &Path, users: u64, to: &Path) -> Result<(), Failure> {
    let made = Command::new(program)
        .arg(users.to_string())
        .stdout(Stdio::from(std::fs::File::create(to)?))
        .status()?;
    if made.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {made}", program.display()).into())
    }
}

/// Imported users who sign in by a code and set the password.
async fn with_password(production: &Production) -> Result<Vec<String>, Failure> {
    let numbers: Vec<String> = (1..=50)
        .map(|id: u64| format!("0{}", 9_000_000_000 + id))
        .collect();
    let client = production.client();
    for (session, code) in proofs(production, numbers.clone()).await? {
        let signed_in = client.verify(&session, &code).await;
        let token = signed_in.map_err(|problem| problem.code)?.access_token;
        let body = json!({ "new_password": PASSWORD });
        let set = client.try_post_as(&token, "/api/v1/usr/password", &body);
        expect_success(set.await).await?;
    }
    Ok(numbers)
}

/// Session ids with their codes, fresh from the gateway.
async fn proofs(
    production: &Production,
    numbers: Vec<String>,
) -> Result<Vec<(String, String)>, Failure> {
    let client = production.client();
    let asked = stream::iter(numbers)
        .map(|number| {
            let client: Client = client.clone();
            async move {
                let asked = client.ask(&number).await.map_err(|problem| problem.code)?;
                let code = production.simulator.wait_for_code(&number).await;
                Ok::<_, String>((asked.session_id, code))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    Ok(asked.into_iter().collect::<Result<_, _>>()?)
}

/// How many of these calls a second succeed, so many at once; the first failure ends it.
async fn rate<T, C: Future<Output = Result<(), String>>>(
    at_once: usize,
    inputs: Vec<T>,
    call: impl FnMut(T) -> C,
) -> Result<f64, Failure> {
    let count = inputs.len();
    let started = Instant::now();
    let results: Vec<_> = stream::iter(inputs)
        .map(call)
        .buffer_unordered(at_once)
        .collect()
        .await;
    let seconds = started.elapsed().as_secs_f64();
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(count_as_f64(count) / seconds)
}

async fn expect_success(answer: reqwest::Result<reqwest::Response>) -> Result<(), String> {
    let answer = answer.map_err(|error| error.without_url().to_string())?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(answer.text().await.unwrap_or_default())
}

fn report(sizes: &[Size]) {
    println!(
        "| users | import, rows/s | verify/s, median (min to max) | log-in/s, median (min to max) |"
    );
    println!("|---|---|---|---|");
    for size in sizes {
        println!(
            "| {} | {:.0} | {} | {} |",
            size.users,
            count_as_f64(usize::try_from(size.users).unwrap_or_default()) / size.import_seconds,
            spread(&size.verified),
            spread(&size.logged_in),
        );
    }
    if let [first, others @ ..] = sizes {
        for size in others {
            println!(
                "{} users beside {}: verify x{:.2}, log-in x{:.2}",
                size.users,
                first.users,
                median(&size.verified) / median(&first.verified),
                median(&size.logged_in) / median(&first.logged_in),
            );
        }
    }
}

fn sorted(rates: &[f64]) -> Vec<f64> {
    let mut rates = rates.to_vec();
    rates.sort_by(f64::total_cmp);
    rates
}

fn median(rates: &[f64]) -> f64 {
    let rates = sorted(rates);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

fn spread(rates: &[f64]) -> String {
    let sorted = sorted(rates);
    let (least, most) = (
        sorted.first().copied().unwrap_or_default(),
        sorted.last().copied().unwrap_or_default(),
    );
    format!("{:.0} ({least:.0} to {most:.0})", median(rates))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count_as_f64(count: usize) -> f64 {
    count as f64
}
