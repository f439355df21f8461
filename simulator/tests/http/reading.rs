//! Methods that look messages up.

use serde_json::json;

use crate::server::{PHONE, START, Server};

const HOUR: u64 = 3_600;

#[tokio::test]
async fn the_status_of_ids_is_known_for_48_hours_and_100_otherwise() {
    let server = Server::start();
    let id = server.lookup(PHONE).await.id();
    let ids = format!("{id},17");
    server.advance(5);
    let answer = server.get("sms/status", &[("messageid", &ids)]).await;
    let expected = json!([
        {"messageid": id, "status": 10, "statustext": "رسیده به گیرنده"},
        {"messageid": 17, "status": 100, "statustext": "شناسه نامعتبر"},
    ]);
    assert_eq!(answer.json["entries"], expected);
    server.advance(48 * HOUR);
    let answer = server
        .post("sms/status", &[("messageid", &id.to_string())])
        .await;
    assert_eq!(answer.row(0)["status"], 100);
}

#[tokio::test]
async fn more_than_500_ids_are_414_and_text_is_400() {
    let server = Server::start();
    let many = vec!["1"; 501].join(",");
    for method in ["sms/status", "sms/select", "sms/cancel"] {
        assert_eq!(
            server.post(method, &[("messageid", &many)]).await.status(),
            414,
            "{method}"
        );
        assert_eq!(
            server.post(method, &[("messageid", "a")]).await.status(),
            400,
            "{method}"
        );
        assert_eq!(server.post(method, &[]).await.status(), 400, "{method}");
    }
    let answer = server
        .post("sms/statuslocalmessageid", &[("localid", &many)])
        .await;
    assert_eq!(answer.status(), 414);
}

#[tokio::test]
async fn local_ids_are_read_back_as_text_for_12_hours() {
    let server = Server::start();
    let id = server.send(PHONE, "900000000017").await.id();
    let read = async || {
        server
            .post("sms/statuslocalmessageid", &[("localid", "900000000017")])
            .await
    };
    let expected = json!({"messageid": id, "localid": "900000000017", "status": 1,
        "statustext": "در صف ارسال"});
    assert_eq!(*read().await.row(0), expected);
    server.advance(12 * HOUR + 1);
    assert_eq!(read().await.row(0)["status"], 100);
}

#[tokio::test]
async fn messages_of_a_receptor_are_found_in_their_window() {
    let server = Server::start();
    let first = server.lookup(PHONE).await.id();
    server.advance(10);
    let second = server.send(PHONE, "").await.id();
    let window = async |start: i64, end: i64| {
        let (start, end) = (start.to_string(), end.to_string());
        let fields = [
            ("receptor", "00989123004501"),
            ("startdate", start.as_str()),
            ("enddate", &end),
        ];
        server.post("sms/statusbyreceptor", &fields).await
    };
    let both = window(START, START + 10).await;
    assert_eq!(
        [&both.row(0)["messageid"], &both.row(1)["messageid"]],
        [first, second]
    );
    assert_eq!(both.row(0)["receptor"], PHONE);
    assert!(both.row(0).get("message").is_none());
    assert_eq!(window(START + 10, START + 20).await.id(), second);
    assert_eq!(window(START + 11, START + 20).await.status(), 449);
    assert_eq!(window(START, START - 1).await.status(), 417);
    assert_eq!(window(START, START + 86_401).await.status(), 417);
    server.account(json!({"empty_reads": "empty_list"})).await;
    assert_eq!(
        window(START + 11, START + 20).await.json["entries"],
        json!([])
    );
    let no_date = server
        .post("sms/statusbyreceptor", &[("receptor", PHONE)])
        .await;
    assert_eq!(no_date.status(), 400);
}

#[tokio::test]
async fn whole_rows_are_for_registered_addresses() {
    let server = Server::start();
    let first = server.lookup(PHONE).await.id();
    server.advance(1);
    let second = server.send(PHONE, "").await.id();
    let start = START.to_string();
    let ids = format!("{first},17");

    let selected = server.post("sms/select", &[("messageid", &ids)]).await;
    assert_eq!(selected.row(0)["message"], "کد ورود شما: 48291");
    assert_eq!(selected.row(1)["status"], 100);
    let outbox = server
        .post("sms/selectoutbox", &[("startdate", &start)])
        .await;
    assert_eq!(
        [&outbox.row(0)["messageid"], &outbox.row(1)["messageid"]],
        [second, first]
    );
    let own = [("startdate", start.as_str()), ("sender", "30009911")];
    assert_eq!(
        server.post("sms/selectoutbox", &own).await.json["entries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let latest = server.get("sms/latestoutbox", &[("pagesize", "1")]).await;
    assert_eq!(latest.json["entries"].as_array().unwrap().len(), 1);
    assert_eq!(latest.id(), second);
    assert_eq!(
        server
            .get("sms/latestoutbox", &[("pagesize", "501")])
            .await
            .status(),
        400
    );
    let old = (START - 4 * 86_400).to_string();
    let end = (START - 4 * 86_400 + 60).to_string();
    let old = [("startdate", old.as_str()), ("enddate", &end)];
    assert_eq!(server.post("sms/selectoutbox", &old).await.status(), 417);

    server.account(json!({"panel_ip_registered": false})).await;
    assert_eq!(
        server
            .post("sms/select", &[("messageid", &ids)])
            .await
            .status(),
        407
    );
    assert_eq!(
        server
            .post("sms/selectoutbox", &[("startdate", &start)])
            .await
            .status(),
        407
    );
    assert_eq!(server.post("sms/latestoutbox", &[]).await.status(), 407);
    assert_eq!(
        server
            .post("sms/status", &[("messageid", &ids)])
            .await
            .status(),
        200
    );
}
