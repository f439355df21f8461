//! Lists of sends: every filter, alone and together, page by page, and how far a page has looked.

use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::Channel;
use domain::notice::NoticeKind;
use domain::otp::Purpose;
use domain::phone::{Operator, PhoneNumber};
use shared::records::{
    Begin, LedgerRow, LedgerWriter, MessageId, Route, SendFate, SendFilter, SendKey, SendPlace,
    SendResult, SendsListed, SendsNext,
};
use strum::VariantArray as _;

use crate::stage::{Stage, accepted, failed, finish};

/// More than any list here has.
const ALL: u32 = 1_000;
const BUDGET: u32 = 10_000;

async fn listed(stage: &Stage, filter: &SendFilter) -> Vec<LedgerRow> {
    let listed = stage.records.list_sends(filter, None, ALL, BUDGET).await;
    let listed = listed.expect("a list");
    assert_eq!(listed.next, SendsNext::End);
    listed.rows
}

async fn page(
    stage: &Stage,
    filter: &SendFilter,
    after: Option<SendPlace>,
    limit: u32,
    budget: u32,
) -> SendsListed {
    let listed = stage.records.list_sends(filter, after, limit, budget).await;
    listed.expect("a list")
}

pub(crate) async fn who_was_written_to_is_told_in_the_order_of_the_ledger(stage: Stage) {
    let mut rows = some_of_each(&stage).await;
    rows.reverse();
    let erased = PhoneNumber::from_e164("+989211110002").expect("canonical");
    let erase = format!(
        "UPDATE sends SET phone = NULL WHERE phone = '{erased}'",
        erased = erased.as_e164()
    );
    assert_eq!(stage.execute(erase).await.expect("erased"), 4);
    let end = rows[30].created_at;
    let expected: Vec<_> = rows.iter().filter(|row| row.created_at < end).collect();
    let mut found = Vec::new();
    let mut after = SendPlace::before(rows[0].created_at);
    loop {
        let page = stage
            .records
            .written_to(after, end, 7)
            .await
            .expect("a page");
        let Some((last, _)) = page.last() else { break };
        after = *last;
        found.extend(page);
    }
    assert!(expected.len() > 14, "{}", expected.len());
    assert_eq!(found.len(), expected.len());
    for ((place, phone), row) in found.into_iter().zip(expected) {
        assert_eq!(place, SendPlace::of(row));
        assert_eq!(phone, row.phone.clone().filter(|phone| *phone != erased));
    }
}

/// One row of each fate, to numbers of several operators, some by call, some over another route.
async fn some_of_each(stage: &Stage) -> Vec<LedgerRow> {
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let numbers = [
        "+989121110001",
        "+989351110001",
        "+989211110002",
        "+989981010002",
        "+989991010003",
        "+989999910003",
        "+989311110004",
        "+989944010004",
        "+905321110001",
    ];
    let mut keys = Vec::new();
    for round in 0..4_i64 {
        for (index, number) in numbers.iter().enumerate() {
            let place = round * 9 + i64::try_from(index).expect("small");
            let mut begin = stage.begin(1);
            begin.phone = PhoneNumber::from_e164(number).expect("canonical");
            if place % 3 == 1 {
                begin.channel = Channel::Call;
            }
            if place % 4 == 2 {
                begin.route = Route::named("backup");
            }
            keys.push(begin.key);
            ended(stage, &writer, &begin, place).await;
            // Some begin in the same moment.
            stage.clock.advance(if place % 5 == 0 { 0 } else { 1_000 });
        }
    }
    let mut rows = Vec::new();
    for key in keys {
        let row = stage.records.ledger_row(key).await.expect("an answer");
        rows.push(row.expect("a row"));
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.key)));
    rows
}

/// Ends an attempt in the way that belongs to its place.
async fn ended(stage: &Stage, writer: &LedgerWriter, begin: &Begin, place: i64) {
    writer.begin(begin.clone()).await.expect("begun");
    let id = 1_000 + place;
    let outcome = match place % 9 {
        0 => return,
        1 => {
            let mut refused = failed(SendResult::Refused, "refused_config");
            refused.gateway_status = Some(424);
            refused
        }
        2 => failed(SendResult::Unknown, "timeout"),
        3 => {
            let mut later = failed(SendResult::NotSent, "busy");
            later.gateway_status = Some(409);
            later
        }
        _ => accepted(id),
    };
    let finished = writer.finish(finish(begin, 1, outcome)).await;
    finished.expect("finished");
    let delivery = match place % 9 {
        5 => "delivery_status = 10",
        6 => "delivery_status = 11",
        7 => "delivery_status = 14",
        8 => "delivery_status = 4",
        _ => return,
    };
    let (key, delivered) = (begin.key, place % 2 == 0);
    let at = if delivered && place % 9 == 5 {
        format!(", delivered_at = '{}'", stage.now().to_rfc3339())
    } else {
        String::new()
    };
    let set = format!(
        "UPDATE sends SET {delivery}{at} WHERE challenge_id = {}",
        stage.blob(key.root.as_bytes())
    );
    assert_eq!(stage.execute(set).await.expect("changed"), 1);
}

pub(crate) async fn each_filter_finds_what_it_says_and_they_compose(stage: Stage) {
    let rows = some_of_each(&stage).await;
    assert_eq!(listed(&stage, &SendFilter::default()).await, rows);
    let by = async |filter: SendFilter, expected: &dyn Fn(&LedgerRow) -> bool| {
        let expected: Vec<LedgerRow> = rows.iter().filter(|row| expected(row)).cloned().collect();
        assert_eq!(listed(&stage, &filter).await, expected, "{filter:?}");
        expected.len()
    };
    let mut found = 0;
    for &fate in SendFate::VARIANTS {
        let filter = SendFilter {
            fate: Some(fate),
            ..SendFilter::default()
        };
        found += by(filter, &|row| SendFate::of(row) == fate).await;
    }
    assert_eq!(found, rows.len(), "each row has one fate");
    let mut found = 0;
    for &operator in Operator::VARIANTS {
        let filter = SendFilter {
            operator: Some(operator),
            ..SendFilter::default()
        };
        let of = |row: &LedgerRow| row.phone.as_ref().map(Operator::of);
        let operators = by(filter, &|row| of(row) == Some(operator)).await;
        assert!(operators > 0, "{operator:?}");
        found += operators;
    }
    assert_eq!(found, rows.len(), "each row has one operator");
    let call = SendFilter {
        channel: Some(Channel::Call),
        ..SendFilter::default()
    };
    assert!(by(call.clone(), &|row| row.channel == Channel::Call).await > 0);
    let backup = SendFilter {
        route: Some(Route::named("backup")),
        ..SendFilter::default()
    };
    assert!(by(backup, &|row| row.route.as_str() == "backup").await > 0);
    for code in [200, 409, 424] {
        let filter = SendFilter {
            code: Some(code),
            ..SendFilter::default()
        };
        assert!(by(filter, &|row| row.gateway_status == Some(code)).await > 0);
    }
    for code in [4, 10, 14, 5] {
        let filter = SendFilter {
            code: Some(code),
            ..SendFilter::default()
        };
        let said = |row: &LedgerRow| row.delivery_status.or(row.entry_status);
        assert!(
            by(filter, &|row| said(row) == Some(code)).await > 0,
            "{code}"
        );
    }
    for digits in ["0001", "3", "10002", "9121110001"] {
        let filter = SendFilter {
            last_digits: Some(digits.to_owned()),
            ..SendFilter::default()
        };
        let ends = |row: &LedgerRow| {
            let phone = row.phone.as_ref().map(|phone| phone.digits().to_owned());
            phone.is_some_and(|phone| phone.ends_with(digits))
        };
        assert!(by(filter, &ends).await > 0, "{digits}");
    }
    let moment = rows[20].created_at;
    let late = SendFilter {
        from: Some(moment),
        ..SendFilter::default()
    };
    assert!(by(late, &|row| row.created_at >= moment).await > 0);
    let early_calls = SendFilter {
        to: Some(moment),
        operator: Some(Operator::Irancell),
        ..call
    };
    let both = |row: &LedgerRow| {
        let of = row.phone.as_ref().map(Operator::of);
        row.created_at < moment && row.channel == Channel::Call && of == Some(Operator::Irancell)
    };
    assert!(by(early_calls, &both).await > 0);
}

pub(crate) async fn a_number_a_request_and_a_message_are_found_among_all(stage: Stage) {
    let rows = some_of_each(&stage).await;
    let one = rows
        .iter()
        .find(|row| row.message_id.is_some() && row.route.as_str() == "backup")
        .expect("one over the other route");
    let only = |filter: SendFilter| async {
        let filter = filter;
        listed(&stage, &filter).await
    };
    // By itself, and with the route.
    for route in [None, Some(Route::named("backup"))] {
        let filter = SendFilter {
            message: one.message_id.clone(),
            route,
            ..SendFilter::default()
        };
        assert_eq!(only(filter).await, slice::from_ref(one));
    }
    let elsewhere = SendFilter {
        message: one.message_id.clone(),
        route: Some(Route::KAVENEGAR),
        ..SendFilter::default()
    };
    assert_eq!(only(elsewhere).await, []);
    let unknown = SendFilter {
        message: Some(MessageId::named("999999")),
        ..SendFilter::default()
    };
    assert_eq!(only(unknown).await, []);
    let request = SendFilter {
        request: one.request_id,
        ..SendFilter::default()
    };
    assert_eq!(only(request).await, slice::from_ref(one));
    let phone = SendFilter {
        phone: one.phone.clone(),
        ..SendFilter::default()
    };
    let of_phone: Vec<LedgerRow> = rows
        .iter()
        .filter(|row| row.phone == one.phone)
        .cloned()
        .collect();
    assert_eq!(of_phone.len(), 4);
    assert_eq!(only(phone.clone()).await, of_phone);
    // Page by page, one each.
    let mut after = None;
    for expected in &of_phone {
        let one = page(&stage, &phone, after, 1, BUDGET).await;
        assert_eq!(one.rows, slice::from_ref(expected));
        after = one.next.place();
    }
    assert_eq!(after, None);
    // A row that the release before wrote has a number in place of a text.
    stage
        .execute("UPDATE sends SET messageid = 77, message_id = NULL WHERE message_id = '1005'")
        .await
        .expect("changed");
    let old = SendFilter {
        message: Some(MessageId::named("77")),
        ..SendFilter::default()
    };
    assert_eq!(only(old).await.len(), 1);
}

pub(crate) async fn pages_follow_each_other_without_gaps_while_rows_come(stage: Stage) {
    let rows = some_of_each(&stage).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let one = page(&stage, &SendFilter::default(), after, 7, BUDGET).await;
        seen.extend(one.rows);
        match one.next {
            SendsNext::More(place) => {
                // What comes meanwhile is newer and moves nothing.
                let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
                stage.clock.advance(1_000);
                writer.begin(stage.begin(1)).await.expect("begun");
                // As it comes back out of an address.
                after = Some(place.to_string().parse().expect("a place"));
            }
            SendsNext::End => break,
            SendsNext::LookFurther(place) => panic!("{place}: every row is wanted"),
        }
    }
    assert_eq!(seen, rows);
}

pub(crate) async fn what_has_no_index_is_looked_for_step_by_step(stage: Stage) {
    let rows = some_of_each(&stage).await;
    let filter = SendFilter {
        last_digits: Some("0003".to_owned()),
        ..SendFilter::default()
    };
    let expected: Vec<LedgerRow> = rows
        .iter()
        .filter(|row| {
            let phone = row.phone.as_ref();
            phone.is_some_and(|phone| phone.last_digits() == "0003")
        })
        .cloned()
        .collect();
    let (mut seen, mut after, mut further) = (Vec::new(), None, 0);
    loop {
        let one = page(&stage, &filter, after, 3, 4).await;
        seen.extend(one.rows);
        match one.next {
            SendsNext::End => break,
            SendsNext::More(place) => after = Some(place),
            SendsNext::LookFurther(place) => {
                assert!(after.is_none_or(|before| place.created_at < before.created_at));
                (after, further) = (Some(place), further + 1);
            }
        }
    }
    assert_eq!(seen, expected);
    assert!(
        (4..=10).contains(&further),
        "36 rows in steps of 4: {further}"
    );
    // Rows of one moment, more than the budget of a step, stop nobody.
    stage
        .execute(format!(
            "UPDATE sends SET created_at = '{}'",
            stage
                .now()
                .to_rfc3339_opts(chrono::SecondsFormat::Micros, false)
        ))
        .await
        .expect("changed");
    let one = page(&stage, &filter, None, 100, 4).await;
    assert_eq!(one.rows.len(), expected.len());
    let place = one.next.place().expect("further");
    let next = page(&stage, &filter, Some(place), 100, 4).await;
    assert_eq!((next.rows.len(), next.next), (0, SendsNext::End));
}

pub(crate) async fn what_no_number_can_be_finds_nothing(stage: Stage) {
    some_of_each(&stage).await;
    for digits in ["%", "_001", "00'01", "۰۰۰۱", "1 OR 1=1"] {
        let filter = SendFilter {
            last_digits: Some(digits.to_owned()),
            ..SendFilter::default()
        };
        assert_eq!(listed(&stage, &filter).await, [], "{digits}");
    }
    for route in ["", "%", "kave'negar"] {
        let filter = SendFilter {
            route: Some(Route::named(route)),
            ..SendFilter::default()
        };
        assert_eq!(listed(&stage, &filter).await, [], "{route}");
    }
}

pub(crate) async fn sends_without_a_number_stay_in_the_list(stage: Stage) {
    let rows = some_of_each(&stage).await;
    stage
        .execute("UPDATE sends SET phone = NULL")
        .await
        .expect("changed");
    let all = listed(&stage, &SendFilter::default()).await;
    assert_eq!(all.len(), rows.len());
    let of = |operator| SendFilter {
        operator: Some(operator),
        ..SendFilter::default()
    };
    assert_eq!(listed(&stage, &of(Operator::Other)).await.len(), rows.len());
    assert_eq!(listed(&stage, &of(Operator::Mci)).await, []);
}

pub(crate) async fn sends_are_counted_by_operator_and_fate(stage: Stage) {
    let beginning = stage.now();
    let mut rows = some_of_each(&stage).await;
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    // A second message of one code, and a notice.
    for (send, notice) in [(2, false), (1, true)] {
        let mut begin = stage.begin(1);
        begin.key = SendKey { send, ..begin.key };
        if notice {
            begin.purpose = NoticeKind::PasswordChanged.into();
        }
        writer.begin(begin.clone()).await.expect("begun");
        let row = stage.records.ledger_row(begin.key).await;
        rows.push(row.expect("an answer").expect("a row"));
        stage.clock.advance(1_000);
    }
    let counts = async |from: DateTime<Utc>, to: DateTime<Utc>| {
        let counts = stage.records.send_counts(from, to).await;
        counts.expect("an answer")
    };
    let end = stage.now() + TimeDelta::hours(1);
    let counted = counts(beginning, end).await;
    for &operator in Operator::VARIANTS {
        for &fate in SendFate::VARIANTS {
            let of: Vec<&LedgerRow> = rows
                .iter()
                .filter(|row| {
                    row.phone.as_ref().map(Operator::of) == Some(operator)
                        && SendFate::of(row) == fate
                })
                .collect();
            let count = counted
                .iter()
                .find(|one| one.operator == operator && one.fate == fate);
            let rials: i64 = of.iter().filter_map(|row| row.cost_rials).sum();
            let new = of
                .iter()
                .filter(|row| row.key.send == 1 && row.purpose == Purpose::SignIn.into());
            let seen = count.map_or((0, 0, 0), |one| (one.messages, one.rials, one.new_codes));
            assert_eq!(
                seen,
                (number(of.len()), rials, number(new.count())),
                "{operator:?} {fate:?}"
            );
        }
    }
    let total: u64 = counted.iter().map(|one| one.messages).sum();
    assert_eq!(total, 38);
    assert_eq!(counts(end, end + TimeDelta::hours(1)).await, []);
    let middle = rows[15].created_at;
    let (first, second) = (counts(beginning, middle).await, counts(middle, end).await);
    let sum: u64 = first.iter().chain(&second).map(|one| one.messages).sum();
    assert_eq!(sum, 38, "the end is not included, the beginning is");
}

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("small")
}
