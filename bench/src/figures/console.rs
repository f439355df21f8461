//! What it costs those who ask and sign in that somebody of the staff goes through the console meanwhile.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::growth::VERIFYING;
use super::proofs::Codes;
use super::{Measured, Setup};
use crate::Failure;
use crate::clicks::Clicker;
use crate::gateway::GatewayProcess;
use crate::grow::grow;
use crate::installation::{Installation, free_address};
use crate::load::{Requests, Until, closed, closed_over};
use crate::results::{Figure, Target};

/// Codes that are given back in a measurement, for each second that others last.
const VERIFICATIONS_OF_A_SECOND: u64 = 600;
const SAMPLES: u32 = 100;
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    setup.say("console: preparing a database with a past");
    let console = free_address()?.to_string();
    let gateway = GatewayProcess::start(setup.programs).await?;
    let settings = [("ADMIN_LISTEN", console.as_str())];
    let installation = Installation::start_set(setup.programs, gateway, &settings).await?;
    grow(&installation.database_url, &setup.arguments.size).await?;
    let codes = Codes::of(&installation)?;
    let url = format!("http://{console}");
    let clicker = Clicker::sign_in(&installation.database_url, &url, SAMPLES).await?;
    let (mut accepted, mut verified) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    let mut pages = 0;
    for round in setup.rounds() {
        // The second one meets a machine that the first has warmed, or tired.
        let order = if round % 2 == 0 { [1, 0] } else { [0, 1] };
        for clicks in order {
            installation.flush().await?;
            let work = accept(setup, &installation);
            let (rate, seen) = beside(clicks == 1, &clicker, work).await?;
            pages += seen;
            accepted[clicks].push(rate);

            installation.flush().await?;
            let work = verify(setup, &installation, &codes).await?;
            let (rate, seen) = beside(clicks == 1, &clicker, work).await?;
            pages += seen;
            verified[clicks].push(rate);
            setup.say_round(
                round,
                format_args!("console, {clicks} who click: {rate:.0} verifications/s"),
            );
        }
    }
    let [without, with] = accepted;
    let [verified_without, verified_with] = verified;
    let beside = "while somebody goes through the console, against nobody";
    let figure = |what: &str, with, without| {
        let figure = Figure::beside(format!("{what} {beside}"), "1/s", with, without)?;
        Ok::<_, Failure>(figure.target(Target::RatioAtLeast(0.95)))
    };
    Ok(Measured {
        figures: vec![
            figure("accepted requests", with, without)?
                .note(format!("{pages} pages in all, at most five a second")),
            figure("verifications", verified_with, verified_without)?,
        ],
        ..Measured::default()
    })
}

async fn accept(setup: &Setup<'_>, installation: &Installation) -> Result<f64, Failure> {
    let address = installation.address;
    let warm = closed(
        address,
        Requests::for_codes(address),
        Until::Elapsed(WARM_UP),
    );
    warm.await?.most(202)?;
    let lasts = Until::Elapsed(setup.arguments.duration());
    let answers = closed(address, Requests::for_codes(address), lasts);
    Ok(answers.await?.nearly_all(202)?.rate())
}

/// Asks for codes, and gives the work of giving them back.
async fn verify(
    setup: &Setup<'_>,
    installation: &Installation,
    codes: &Codes,
) -> Result<impl Future<Output = Result<f64, Failure>>, Failure> {
    let address = installation.address;
    let people = setup.arguments.seconds * VERIFICATIONS_OF_A_SECOND;
    let bodies = codes.proofs(installation, Vec::new(), people).await?;
    Ok(async move {
        let count = Until::Count(bodies.len() as u64);
        let requests = Requests::verifications(address, bodies);
        let answers = closed_over(VERIFYING, address, requests, count);
        Ok(answers.await?.nearly_all(200)?.rate())
    })
}

/// The work, with somebody who clicks as long as it lasts; and how many pages they have seen.
async fn beside(
    clicks: bool,
    clicker: &Clicker,
    work: impl Future<Output = Result<f64, Failure>>,
) -> Result<(f64, u64), Failure> {
    if !clicks {
        return Ok((work.await?, 0));
    }
    let stop = CancellationToken::new();
    let work = async {
        let rate = work.await;
        stop.cancel();
        rate
    };
    let (rate, seen) = tokio::join!(work, clicker.click_through(stop.clone()));
    Ok((rate?, seen?))
}
