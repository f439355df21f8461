//! Whole sign-ins: asked, message at the gateway, code given back, tokens out. Ramz, its floor and its peers
//! take turns in every round; the load plays the people and the gateway, so that no simulator is in between.

mod alone;
mod latency;
mod peers;
mod rates;
mod scale;
mod side;
mod stages;

use std::time::Duration;

pub(super) use rates::rate_of;
pub(super) use side::Side;

use super::{Measured, Setup};
use crate::Failure;
use crate::arguments::Subject;
use crate::people::Crowd;

pub(super) const WARM_UP: Duration = Duration::from_secs(1);

pub(super) async fn measure(setup: &Setup<'_>, subject: Subject) -> Result<Measured, Failure> {
    let subjects = setup.arguments.subjects();
    let with_peers = subjects.contains(&Subject::Peers);
    if subject == Subject::Peers && subjects.contains(&Subject::SignIns) {
        setup.say("peers: measured with the sign-ins");
        return Ok(Measured::default());
    }
    let crowd = Crowd::start().await?;
    setup.say("sign-ins: starting Ramz and its floor");
    let mut sides = vec![
        Side::ramz(setup.programs, &crowd).await?,
        Side::floor(setup.programs, &crowd).await?,
    ];
    if with_peers {
        setup.say("sign-ins: starting the peers");
        let folder = &setup.arguments.peers_dir;
        sides.push(peers::better_auth(folder, &crowd).await?);
        sides.push(peers::django(folder, &crowd).await?);
    }
    let (highest, mut measured) = rates::measure(setup, &crowd, &sides).await?;
    if subject == Subject::Peers {
        return Ok(measured);
    }
    sides.truncate(2);
    // What was measured is not lost where the rest cannot be, on a machine that is busy.
    match latency::measure(setup, &crowd, &sides, highest / 2.0).await {
        Ok(figures) => measured.figures.extend(figures),
        Err(failure) => measured.failures.push(format!("latency: {failure}")),
    }
    match stages::measure(setup, &crowd, &mut sides).await {
        Ok(steps) => measured.steps.extend(steps),
        Err(failure) => measured.failures.push(format!("steps: {failure}")),
    }
    Ok(measured)
}

/// The same in one process on an SQLite file.
pub(super) async fn measure_alone(setup: &Setup<'_>) -> Result<Measured, Failure> {
    let crowd = Crowd::start().await?;
    let figures = alone::measure(setup, &crowd).await?;
    Ok(Measured {
        figures,
        ..Measured::default()
    })
}

/// The same with 1, 2 and 4 processes.
pub(super) async fn measure_scale(setup: &Setup<'_>) -> Result<Measured, Failure> {
    scale::measure(setup).await
}
