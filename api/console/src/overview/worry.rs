//! What is wrong now, in words.

use flows::overview::{View, Worry};

use crate::frame::Banner;
use crate::times;
use crate::words::Words;

/// Each as what stands above everything.
pub(super) fn banners(view: &View, words: &'static Words) -> Vec<Banner> {
    view.worries
        .iter()
        .map(|worry| banner(worry, view, words))
        .collect()
}

fn banner(worry: &Worry, view: &View, words: &'static Words) -> Banner {
    let texts = words.overview;
    let time = |at| times::moment(at, view.at, words);
    let span = |seconds| times::span(seconds, words);
    let mut more = None;
    let ((title, detail), fields): (_, Vec<(&str, String)>) = match *worry {
        Worry::RecordsAway => (texts.records_away, Vec::new()),
        Worry::HotStateAway => (texts.hot_state_away, Vec::new()),
        Worry::BreakerOpen {
            code,
            since,
            probe_at,
        } => (
            if code == 418 {
                texts.no_credit_worry
            } else {
                texts.breaker_worry
            },
            vec![
                ("{code}", code.to_string()),
                ("{since}", time(since)),
                ("{probe}", time(probe_at)),
            ],
        ),
        Worry::NoWorker {
            waiting,
            oldest_seconds,
        } => (
            texts.no_worker,
            vec![
                ("{waiting}", waiting.to_string()),
                ("{oldest}", span(seconds(oldest_seconds))),
            ],
        ),
        Worry::QueueBehind {
            waiting,
            oldest_seconds,
        } => (
            texts.behind,
            vec![
                ("{waiting}", waiting.to_string()),
                ("{oldest}", span(seconds(oldest_seconds))),
            ],
        ),
        Worry::CreditLow { days, rials, .. } => (
            texts.credit_low,
            vec![
                ("{days}", format!("{days:.1}")),
                ("{rials}", times::grouped(rials.into())),
            ],
        ),
        Worry::OperatorSlow {
            operator,
            before,
            now,
            since,
        } => {
            more = Some(format!("/sends?operator={}", operator.as_str()));
            let fields = vec![
                ("{operator}", words.sends.operator_name(operator).to_owned()),
                ("{before}", span(before)),
                ("{now}", span(now)),
                ("{since}", time(since)),
            ];
            (texts.operator_slow, fields)
        }
        Worry::ManyNotSent { percent, since } => {
            more = Some("/sends?state=refused".to_owned());
            let fields = vec![("{percent}", percent.to_string()), ("{since}", time(since))];
            (texts.many_not_sent, fields)
        }
        Worry::FewSignIns {
            percent,
            usual_percent,
            since,
        } => {
            more = Some("/sends?state=handed_over".to_owned());
            let fields = vec![
                ("{percent}", percent.to_string()),
                ("{usual}", usual_percent.to_string()),
                ("{since}", time(since)),
            ];
            (texts.few_sign_ins, fields)
        }
    };
    let fill = |text: &str| {
        let filled = fields.iter();
        filled.fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    };
    Banner {
        is_bad: worry.is_bad(),
        title: fill(title),
        detail: fill(detail),
        more,
    }
}

/// Nobody waits for so long that it would matter.
fn seconds(whole: u64) -> f64 {
    f64::from(u32::try_from(whole).unwrap_or(u32::MAX))
}
