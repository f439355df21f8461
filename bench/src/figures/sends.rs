//! Messages a second by one worker, against a loop that writes two rows and makes the call, and
//! against the calls alone. All three send to the same simulator, 256 at once.

use std::sync::Arc;

use super::{Measured, Setup};
use crate::Failure;
use crate::floor::{SendLoop, WithRecords};
use crate::installation::Installation;
use crate::load::{Requests, Until, closed};
use crate::results::{Figure, Target};

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    setup.say("sends: starting Ramz and the bare loop");
    let mut installation = Installation::start(setup.programs).await?;
    let floor_database = installation.postgres.create_database().await;
    let gateway_url = installation.gateway.url().to_owned();
    let bare = Arc::new(SendLoop::prepare(&floor_database, &gateway_url).await?);
    let messages = setup.arguments.sends;
    let (mut worker, mut records, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for round in setup.rounds() {
        installation.flush().await?;
        let rate = rate_of_workers(&mut installation, 1, messages).await?;
        setup.say_round(round, format_args!("one worker: {rate:.0} messages/s"));
        worker.push(rate);
        for (rates, with) in [
            (&mut records, WithRecords::Yes),
            (&mut calls, WithRecords::No),
        ] {
            let rate = rate_of_loop(&installation, &bare, messages, with).await?;
            setup.say_round(
                round,
                format_args!("bare loop, {with}: {rate:.0} messages/s"),
            );
            rates.push(rate);
        }
    }
    let alone = "messages of a loop that makes the calls alone, for comparison";
    Ok(Measured {
        figures: vec![
            Figure::beside("messages sent by one worker", "1/s", worker, records)?
                .target(Target::RatioAtLeast(0.6))
                .note(format!("{messages} messages a measurement")),
            Figure::absolute(alone, "1/s", calls)?,
        ],
        ..Measured::default()
    })
}

/// Accepts so many messages while no worker runs, then starts workers and sees how fast they send.
pub(super) async fn rate_of_workers(
    installation: &mut Installation,
    workers: usize,
    messages: u64,
) -> Result<f64, Failure> {
    let requests = Requests::for_codes(installation.address);
    installation.gateway.forget_messages().await?;
    let mark = installation.gateway.mark()?;
    let accepted = closed(installation.address, requests, Until::Count(messages));
    let accepted = accepted.await?.most(202)?.good();
    installation.start_workers(workers).await?;
    let rate = installation.gateway.rate_of(accepted, mark).await?;
    installation.wait_for_empty_queue().await?;
    installation.stop_workers().await?;
    Ok(rate)
}

async fn rate_of_loop(
    installation: &Installation,
    bare: &Arc<SendLoop>,
    messages: u64,
    with: WithRecords,
) -> Result<f64, Failure> {
    installation.gateway.forget_messages().await?;
    let mark = installation.gateway.mark()?;
    bare.run(messages, with).await?;
    installation.gateway.rate_of(messages, mark).await
}
