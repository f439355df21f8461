//! How long a sign-in takes at half of the highest rate.

use super::side::Side;
use super::{Setup, WARM_UP};
use crate::Failure;
use crate::people::Crowd;
use crate::results::{Figure, Target};

pub(super) async fn measure(
    setup: &Setup<'_>,
    crowd: &Crowd,
    sides: &[Side],
    rate: f64,
) -> Result<Vec<Figure>, Failure> {
    let mut middle = [Vec::new(), Vec::new()];
    let mut high = [Vec::new(), Vec::new()];
    for round in setup.rounds() {
        for ((side, middle), high) in sides.iter().zip(&mut middle).zip(&mut high) {
            crowd.open(&side.service, rate, WARM_UP).await?;
            let lasts = setup.arguments.duration();
            let outcome = crowd.open(&side.service, rate, lasts).await?.held()?;
            let [p50, p99] = [50.0, 99.0].map(|percent| {
                let [ask, message, verify, whole] = [
                    outcome.waited(|took| took.ask, percent),
                    outcome.waited(|took| took.message, percent),
                    outcome.waited(|took| took.verify, percent),
                    outcome.waited(|took| took.whole, percent),
                ];
                setup.say_round(
                    round,
                    format_args!(
                        "{} at {rate:.0} sign-ins/s: p{percent:.0} {whole:.2} ms (ask {ask:.2}, message \
                         {message:.2} from the request, verify {verify:.2})",
                        side.name
                    ),
                );
                whole
            });
            middle.push(p50);
            high.push(p99);
        }
    }
    let ([p50, p50_floor], [p99, p99_floor]) = (middle, high);
    let load = format!("at {rate:.0} sign-ins/s, open loop");
    let target = Target::RatioAtMost(3.0);
    Ok(vec![
        Figure::beside(format!("whole sign-in, p50 {load}"), "ms", p50, p50_floor)?.target(target),
        Figure::beside(format!("whole sign-in, p99 {load}"), "ms", p99, p99_floor)?.target(target),
    ])
}
