//! What the workers have seen of the credit.

use chrono::TimeDelta;
use shared::records::{CreditLook, Route};

use crate::stage::Stage;

pub(crate) async fn looks_at_the_credit_are_kept_for_a_week(stage: Stage) {
    let route = Route::KAVENEGAR;
    let beginning = stage.now();
    let look = |days: i64, credit_rials, rials_a_day| CreditLook {
        looked_at: beginning + TimeDelta::days(days),
        credit_rials,
        rials_a_day,
    };
    let all = [
        look(0, 9_000_000_000_000, None),
        look(4, 700_000, Some(100_000)),
        look(5, -20, Some(0)),
    ];
    for one in all {
        stage.records.note_credit(&route, one).await.expect("kept");
    }
    let other = Route::named("backup");
    stage
        .records
        .note_credit(&other, look(5, 1, None))
        .await
        .expect("kept");
    let seen = async |since: i64, limit| {
        let since = beginning + TimeDelta::days(since);
        let looks = stage.records.credit_looks(&route, since, limit).await;
        looks.expect("an answer")
    };
    assert_eq!(seen(0, 10).await, [all[2], all[1], all[0]]);
    assert_eq!(seen(0, 2).await, [all[2], all[1]]);
    assert_eq!(seen(5, 10).await, [all[2]]);
    // Of two workers that look in one moment one is kept, whatever it saw.
    let again = look(5, 1_000, None);
    stage
        .records
        .note_credit(&route, again)
        .await
        .expect("kept");
    assert_eq!(seen(5, 10).await, [all[2]]);
    // A week later the first is gone.
    let late = look(8, 5, Some(1));
    stage.records.note_credit(&route, late).await.expect("kept");
    assert_eq!(seen(0, 10).await, [late, all[2], all[1]]);
    let days = [all[0].days_left(), all[1].days_left(), all[2].days_left()];
    assert_eq!(days, [None, Some(7.0), None]);
}
