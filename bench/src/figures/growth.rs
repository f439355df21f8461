//! Whether a database with a past makes Ramz slower, and whether more workers send more when the
//! gateway takes its time.

use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::proofs::Codes;
use super::sends::rate_of_workers;
use super::{Measured, Setup};
use crate::Failure;
use crate::arguments::GrowSize;
use crate::grow::{grow, user_phone};
use crate::installation::Installation;
use crate::load::{Requests, Until, closed, closed_over};
use crate::results::{Figure, Target};
use crate::statistics::number;
use crate::table::grouped;

const SMALL: GrowSize = GrowSize {
    users: 1_000,
    ledger_rows: 1_000,
};
const VERIFICATIONS: u64 = 2_000;
/// Connections that verify: enough to keep PostgreSQL busy.
pub(super) const VERIFYING: usize = 16;
/// Those of them that are of users of the database; the others create one.
const KNOWN: u64 = 200;
const WORKERS: [usize; 3] = [1, 2, 4];
const GATEWAY_MILLIS: u64 = 200;
/// What a worker sends then in about four seconds: 256 at once, five times a second.
const MESSAGES_OF_A_WORKER: u64 = 5_000;

/// An installation over a database of some size.
struct Size {
    name: String,
    installation: Installation,
    codes: Codes,
    requested: Vec<f64>,
    verified: Vec<f64>,
    sent: Vec<f64>,
    written: Vec<f64>,
}

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    let large = setup.arguments.size.clone();
    let mut sizes = [
        Size::prepare(setup, &SMALL).await?,
        Size::prepare(setup, &large).await?,
    ];
    for round in setup.rounds() {
        for size in &mut sizes {
            size.measure(setup, round).await?;
        }
    }
    let [small, large] = sizes;
    let beside = format!("with {}, against {}", large.name, small.name);
    let mut figures = vec![
        Figure::beside(
            format!("requests, a worker sending, {beside}"),
            "1/s",
            large.requested,
            small.requested,
        )?
        .target(Target::RatioAtLeast(0.9)),
        Figure::beside(
            format!("verifications {beside}"),
            "1/s",
            large.verified,
            small.verified,
        )?
        .target(Target::RatioAtLeast(0.9)),
        Figure::beside(
            format!("messages of one worker {beside}"),
            "1/s",
            large.sent,
            small.sent,
        )?
        .target(Target::RatioAtLeast(0.9)),
        Figure::beside(
            format!("log of PostgreSQL for a message {beside}"),
            "bytes",
            large.written,
            small.written,
        )?,
    ];
    drop(large.installation);
    figures.extend(more_workers(setup, small.installation).await?);
    Ok(Measured {
        figures,
        ..Measured::default()
    })
}

impl Size {
    async fn prepare(setup: &Setup<'_>, size: &GrowSize) -> Result<Self, Failure> {
        let [users, rows] = [size.users, size.ledger_rows].map(|it| grouped(&it.to_string()));
        let name = format!("{users} users and {rows} ledger rows");
        setup.say(format_args!("growth: preparing {name}"));
        let installation = Installation::start(setup.programs).await?;
        grow(&installation.database_url, size).await?;
        Ok(Self {
            name,
            codes: Codes::of(&installation)?,
            installation,
            requested: Vec::new(),
            verified: Vec::new(),
            sent: Vec::new(),
            written: Vec::new(),
        })
    }

    async fn measure(&mut self, setup: &Setup<'_>, round: u32) -> Result<(), Failure> {
        let address = self.installation.address;
        self.installation.flush().await?;
        let messages = setup.arguments.sends;
        let before = self.log_position().await?;
        let sent = rate_of_workers(&mut self.installation, 1, messages).await?;
        let written = (self.log_position().await? - before) / number(messages);
        self.sent.push(sent);
        self.written.push(written);

        self.installation.flush().await?;
        self.installation.start_workers(1).await?;
        let lasts = Until::Elapsed(setup.arguments.duration());
        let answers = closed(address, Requests::for_codes(address), lasts);
        let requested = answers.await?.nearly_all(202)?.rate();
        self.requested.push(requested);
        self.installation.stop_workers().await?;

        self.installation.flush().await?;
        // Each round asks for others, so that the limits of a phone refuse nobody.
        let first = u64::from(round - 1) * KNOWN;
        let phones = (first..first + KNOWN).map(|index| user_phone(index % SMALL.users));
        let strangers = VERIFICATIONS - KNOWN;
        let bodies = self
            .codes
            .proofs(&self.installation, phones.collect(), strangers)
            .await?;
        let count = Until::Count(bodies.len() as u64);
        let requests = Requests::verifications(address, bodies);
        let verified = closed_over(VERIFYING, address, requests, count);
        let verified = verified.await?.nearly_all(200)?.rate();
        self.verified.push(verified);
        setup.say_round(
            round,
            format_args!(
                "{}: {requested:.0} requests/s, {verified:.0} verifications/s, {sent:.0} messages/s \
                 of {written:.0} bytes of log",
                self.name
            ),
        );
        Ok(())
    }

    /// How many bytes PostgreSQL has written to its log (WAL), ever.
    async fn log_position(&self) -> Result<f64, Failure> {
        let mut connection = PgConnection::connect(&self.installation.database_url).await?;
        let position = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
        let position = sqlx::query_scalar(position).fetch_one(&mut connection);
        Ok(position.await?)
    }
}

async fn more_workers(
    setup: &Setup<'_>,
    mut installation: Installation,
) -> Result<Vec<Figure>, Failure> {
    let delay = json!({ "gateway_delay_ms": GATEWAY_MILLIS });
    installation.gateway.change_account(&delay).await?;
    let mut rates = WORKERS.map(|_| Vec::new());
    for round in setup.rounds() {
        for (workers, rates) in WORKERS.iter().zip(&mut rates) {
            installation.flush().await?;
            let messages = MESSAGES_OF_A_WORKER * *workers as u64;
            let rate = rate_of_workers(&mut installation, *workers, messages).await?;
            setup.say_round(
                round,
                format_args!("{workers} workers, {GATEWAY_MILLIS} ms a call: {rate:.0} messages/s"),
            );
            rates.push(rate);
        }
    }
    let [alone, ..] = rates.clone();
    let figures = WORKERS.iter().zip(rates).map(|(workers, rates)| {
        let what = format!(
            "messages, workers: {workers}, a gateway of {GATEWAY_MILLIS} ms, against one worker"
        );
        Figure::beside(what, "1/s", rates, alone.clone())
    });
    figures.collect()
}
