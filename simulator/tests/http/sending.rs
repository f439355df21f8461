//! `sms/send`, `sms/sendarray`, `call/maketts`.

use serde_json::json;

use crate::server::{PHONE, START, Server};

const HOUR: u64 = 3_600;

#[tokio::test]
async fn a_send_by_post_answers_with_the_documented_row() {
    let server = Server::start();
    let fields = [
        ("receptor", "+989123004501"),
        ("message", "متن نمونه"),
        ("sender", "30009911"),
    ];
    let response = server.raw_post("sms/send", &fields).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/json; charset=utf-8"
    );
    let expected = format!(
        "{{\"return\":{{\"status\":200,\"message\":\"تایید شد\"}},\"entries\":[{{\"messageid\":2890000000,\
         \"message\":\"متن نمونه\",\"status\":1,\"statustext\":\"در صف ارسال\",\"sender\":\"30009911\",\
         \"receptor\":\"09123004501\",\"date\":{START},\"cost\":2280}}]}}"
    );
    assert_eq!(response.text().await.unwrap(), expected);
    assert_eq!(server.credit(), 100_000_000 - 2_280);
}

#[tokio::test]
async fn a_get_with_names_in_any_case_and_a_trailing_slash_is_the_same() {
    let server = Server::start();
    let url = format!("{}/v1/demo/sms/send.json/", server.url);
    let query = [("Receptor", PHONE), ("MESSAGE", "سلام")];
    let response = server.client.get(url).query(&query).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        server.simulator.messages(Some("+989123004501"), 1)[0].text,
        "سلام"
    );
}

#[tokio::test]
async fn rows_stand_in_the_order_of_the_receptors() {
    let server = Server::start();
    let answer = server.send("09123004501, 09351118820", "71,72").await;
    assert_eq!(answer.row(0)["receptor"], "09123004501");
    assert_eq!(answer.row(1)["receptor"], "09351118820");
    assert_eq!(server.credit(), 100_000_000 - 2 * 2_280);
}

#[tokio::test]
async fn a_repeated_local_id_sends_nothing_and_shows_the_first_message_as_it_is_now() {
    let server = Server::start();
    let first = server.send(PHONE, "900000000017").await;
    server.advance(10);
    let again = server.send("09351118820", "900000000017").await;
    assert_eq!(again.status(), 200);
    assert_eq!(again.id(), first.id());
    assert_eq!(again.row(0)["receptor"], PHONE);
    assert_eq!(again.row(0)["status"], 10);
    assert_eq!(server.accepted(), 1);
    assert_eq!(server.credit(), 100_000_000 - 2_280);
}

#[tokio::test]
async fn a_local_id_is_remembered_for_twelve_hours_only() {
    let server = Server::start();
    let first = server.send(PHONE, "17").await.id();
    server.advance(12 * HOUR);
    assert_eq!(server.send(PHONE, "17").await.id(), first);
    server.advance(1);
    assert_ne!(server.send(PHONE, "17").await.id(), first);
}

#[tokio::test]
async fn concurrent_repeats_of_a_local_id_make_one_message() {
    let server = Server::start();
    let sends = (0..20).map(|_| server.send(PHONE, "5"));
    let answers = futures::future::join_all(sends).await;
    assert!(answers.iter().all(|answer| answer.id() == answers[0].id()));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn refused_sends_name_their_reason_and_make_nothing() {
    let server = Server::start();
    server
        .account(
            json!({"lines": ["30009911", "10004346"], "restricted_lines": ["2000500666"],
            "links_allowed": false, "max_text": 20, "tags": ["otp"]}),
        )
        .await;
    let past = (START - 1).to_string();
    let many = vec![PHONE; 201].join(",");
    let cases: &[(&[(&str, &str)], u64)] = &[
        (&[("message", "x")], 400),
        (&[("receptor", PHONE)], 400),
        (&[("receptor", ""), ("message", "x")], 406),
        (&[("receptor", PHONE), ("message", "")], 406),
        (
            &[("receptor", PHONE), ("message", "x"), ("sender", "")],
            412,
        ),
        (
            &[("receptor", PHONE), ("message", "x"), ("sender", "5000")],
            412,
        ),
        (
            &[
                ("receptor", PHONE),
                ("message", "x"),
                ("sender", "2000500666"),
            ],
            427,
        ),
        (&[("receptor", "989123004501"), ("message", "x")], 411),
        (&[("receptor", "09123004501,1"), ("message", "x")], 411),
        (&[("receptor", "02188001122"), ("message", "x")], 411),
        (
            &[("receptor", PHONE), ("message", "a text that is too long")],
            413,
        ),
        (&[("receptor", PHONE), ("message", "http://x.ir")], 420),
        (&[("receptor", PHONE), ("message", "a\u{1}b")], 422),
        (&[("receptor", &many), ("message", "x")], 414),
        (
            &[("receptor", PHONE), ("message", "x"), ("localid", "1,2")],
            419,
        ),
        (
            &[("receptor", PHONE), ("message", "x"), ("date", &past)],
            417,
        ),
        (
            &[("receptor", PHONE), ("message", "x"), ("date", "tomorrow")],
            417,
        ),
        (&[("receptor", PHONE), ("message", "x"), ("type", "4")], 400),
        (
            &[("receptor", PHONE), ("message", "x"), ("tag", "other")],
            607,
        ),
    ];
    for (fields, status) in cases {
        let answer = server.post("sms/send", fields).await;
        assert_eq!(answer.status(), *status, "{fields:?}");
        assert_eq!(u64::from(answer.http), *status, "{fields:?}");
        assert!(answer.json["entries"].is_null());
    }
    assert_eq!(server.accepted(), 0);
    assert_eq!(server.credit(), 100_000_000);
    let good = [
        ("receptor", PHONE),
        ("message", "x"),
        ("sender", "+9810004346"),
        ("tag", "otp"),
    ];
    let answer = server.post("sms/send", &good).await;
    assert_eq!(answer.row(0)["sender"], "10004346");
}

#[tokio::test]
async fn a_send_without_a_default_line_is_412() {
    let server = Server::start();
    server.account(json!({"default_sender": null})).await;
    assert_eq!(server.send(PHONE, "").await.status(), 412);
}

#[tokio::test]
async fn credit_is_taken_for_all_parts_or_nothing_is_sent() {
    let server = Server::start();
    server
        .account(json!({"credit": 5_000, "tariff": 1_000}))
        .await;
    let long = "س".repeat(71);
    let two_parts = [
        ("receptor", "09123004501,09351118820,09123004502"),
        ("message", &long),
    ];
    assert_eq!(server.post("sms/send", &two_parts).await.status(), 418);
    assert_eq!((server.accepted(), server.credit()), (0, 5_000));
    let answer = server
        .post("sms/send", &[("receptor", PHONE), ("message", &long)])
        .await;
    assert_eq!(answer.row(0)["cost"], 2_000);
    assert_eq!(server.credit(), 3_000);
}

#[tokio::test]
async fn a_trial_account_reaches_its_owner_only() {
    let server = Server::start();
    server
        .account(json!({"trial_owner": "+989123004501"}))
        .await;
    assert_eq!(server.send("09351118820", "").await.status(), 501);
    assert_eq!(server.lookup("09351118820").await.status(), 501);
    assert_eq!(server.send(PHONE, "").await.status(), 200);
}

#[tokio::test]
async fn a_receiver_who_opted_out_is_blocked_at_once_and_free_but_a_lookup_arrives() {
    let server = Server::start();
    server
        .account(json!({"delivery": {"rules": [{"receptor_suffix": "4501", "status": 14}]}}))
        .await;
    let answer = server.send(PHONE, "").await;
    assert_eq!(answer.row(0)["status"], 14);
    assert_eq!(answer.row(0)["statustext"], "فیلتر شده");
    assert_eq!(answer.row(0)["cost"], 2_280);
    assert_eq!(server.credit(), 100_000_000);
    server.lookup(PHONE).await;
    server.advance(10);
    assert_eq!(server.simulator.messages(Some(PHONE), 1)[0].status, 10);
}

#[tokio::test]
async fn in_debug_mode_messages_are_accepted_and_end_cancelled() {
    let server = Server::start();
    server.account(json!({"debugmode": true})).await;
    assert_eq!(server.send(PHONE, "").await.row(0)["status"], 1);
    server.advance(10);
    assert_eq!(server.simulator.messages(None, 1)[0].status, 13);
    assert_eq!(server.credit(), 100_000_000);
}

#[tokio::test]
async fn a_scheduled_message_can_be_cancelled_and_is_refunded() {
    let server = Server::start();
    let date = (START + 600).to_string();
    let fields = [("receptor", PHONE), ("message", "x"), ("date", &date)];
    let answer = server.post("sms/send", &fields).await;
    assert_eq!(answer.row(0)["status"], 2);
    assert_eq!(answer.row(0)["date"], START + 600);
    let sent = server.send(PHONE, "").await.id();
    let ids = format!("{},{sent},17", answer.id());
    let cancelled = server.post("sms/cancel", &[("messageid", &ids)]).await;
    assert_eq!(cancelled.row(0)["status"], 13);
    assert_eq!(cancelled.row(1)["status"], 1);
    assert_eq!(cancelled.row(2)["status"], 100);
    assert_eq!(server.credit(), 100_000_000 - 2_280);
}

#[tokio::test]
async fn an_array_goes_by_post_only_and_takes_local_ids_under_every_name() {
    let server = Server::start();
    let arrays = [
        ("receptor", "[\"09123004501\",\"09351118820\"]"),
        ("sender", "[\"30009911\",\"10004346\"]"),
        ("message", "[\"الف\",\"ب\"]"),
        ("type", "[1,1]"),
    ];
    assert_eq!(server.get("sms/sendarray", &arrays).await.status(), 405);
    for (index, name) in ["localmessageids", "localmessageid", "localids", "localid"]
        .into_iter()
        .enumerate()
    {
        let localids = format!("[{},{}]", 2 * index + 1, 2 * index + 2);
        let mut fields = arrays.to_vec();
        fields.push((name, &localids));
        let answer = server.post("sms/sendarray", &fields).await;
        assert_eq!(answer.row(1)["message"], "ب");
        assert_eq!(answer.row(1)["sender"], "10004346");
        let newest = &server.simulator.messages(None, 1)[0];
        assert_eq!(newest.localid, Some(2 * index as u64 + 2), "{name}");
    }
}

#[tokio::test]
async fn arrays_of_unequal_length_and_null_local_ids_are_419() {
    let server = Server::start();
    let two = ("receptor", "[\"09123004501\",\"09351118820\"]");
    let senders = ("sender", "[\"30009911\",\"30009911\"]");
    let texts = ("message", "[\"الف\",\"ب\"]");
    let cases: [(Vec<(&str, &str)>, u64); 5] = [
        (vec![two, senders, ("message", "[\"الف\"]")], 419),
        (vec![two, ("sender", "[\"30009911\"]"), texts], 419),
        (vec![two, senders, texts, ("localmessageids", "null")], 419),
        (vec![two, senders, texts, ("type", "[1]")], 419),
        (vec![("receptor", "09123004501"), senders, texts], 400),
    ];
    for (fields, status) in cases {
        assert_eq!(
            server.post("sms/sendarray", &fields).await.status(),
            status,
            "{fields:?}"
        );
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_spoken_text_reaches_a_landline_as_a_call() {
    let server = Server::start();
    let fields = [
        ("receptor", "02188001122"),
        ("message", "کد شما 1234"),
        ("localid", "8"),
    ];
    let answer = server.post("call/maketts", &fields).await;
    assert_eq!(answer.row(0)["status"], 5);
    assert_eq!(server.post("call/maketts", &fields).await.id(), answer.id());
    let message = &server.simulator.messages(None, 1)[0];
    assert!(message.voice);
    assert_eq!(message.code.as_deref(), Some("1234"));
}
