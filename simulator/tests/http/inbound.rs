//! Messages of people to the account's lines, and the counts of both boxes.

use serde_json::{Value, json};

use crate::server::{PHONE, START, Server};

const LINE: &str = "30009911";
const DAY: i64 = 86_400;

type Fields<'a> = &'a [(&'a str, &'a str)];

impl Server {
    async fn comes_in(&self, message: &str) -> u64 {
        let sent = json!({"sender": PHONE, "message": message});
        let url = format!("{}/_sim/inbound", self.url);
        let answer = self.client.post(url).json(&sent).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["messageid"].as_u64().unwrap()
    }

    async fn inbox(&self, method: &str, line: &str, isread: &str) -> Vec<u64> {
        let fields = [("linenumber", line), ("isread", isread)];
        let answer = self.get(method, &fields).await;
        assert_eq!(answer.status(), 200, "{}", answer.json);
        let rows = answer.json["entries"].as_array().unwrap().iter();
        rows.map(|row| row["messageid"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn what_came_in_is_handed_out_once_a_hundred_at_a_time() {
    let server = Server::start();
    let mut sent = Vec::new();
    for number in 0..101 {
        sent.push(server.comes_in(&format!("سلام {number}")).await);
    }
    assert_eq!(server.inbox("sms/receive", "2000500666", "0").await, [0; 0]);
    assert_eq!(server.inbox("sms/receive", LINE, "0").await, sent[..100]);
    assert_eq!(server.inbox("sms/receive", LINE, "0").await, sent[100..]);
    assert_eq!(server.inbox("sms/receive", LINE, "0").await, [0; 0]);
    assert_eq!(server.inbox("sms/receive", LINE, "1").await, sent[..100]);
    assert_eq!(server.inbox("sms/inboxpaged", LINE, "1").await, sent);

    let row = server
        .get("sms/receive", &[("linenumber", LINE), ("isread", "1")])
        .await;
    let expected = json!({"messageid": sent[0], "message": "سلام 0", "sender": PHONE,
        "receptor": LINE, "date": START});
    assert_eq!(*row.row(0), expected);
    let paged = [("linenumber", LINE), ("isread", "1"), ("pagenumber", "2")];
    let paged = server.get("sms/inboxpaged", &paged).await;
    let expected = json!({"totalcount": "101", "currentpage": "2", "totalpages": "1",
        "pagesize": "200"});
    assert_eq!(paged.json["metadata"], expected);
}

#[tokio::test]
async fn wrong_questions_about_the_inbox_have_their_statuses() {
    let server = Server::start();
    let old = (START - 61 * DAY).to_string();
    let (start, long) = (START.to_string(), (START + DAY + 1).to_string());
    let cases: [(&str, Fields<'_>, u64); 10] = [
        ("sms/receive", &[("linenumber", LINE)], 400),
        ("sms/receive", &[("linenumber", LINE), ("isread", "")], 406),
        ("sms/receive", &[("linenumber", LINE), ("isread", "2")], 400),
        ("sms/receive", &[("linenumber", "x"), ("isread", "0")], 412),
        (
            "sms/inboxpaged",
            &[("linenumber", LINE), ("isread", "0"), ("startdate", &old)],
            417,
        ),
        ("sms/countinbox", &[], 400),
        ("sms/countinbox", &[("startdate", &old)], 417),
        (
            "sms/countinbox",
            &[("startdate", &start), ("enddate", &long)],
            417,
        ),
        ("sms/countoutbox", &[], 400),
        (
            "sms/countoutbox",
            &[("startdate", &start), ("enddate", &long)],
            417,
        ),
    ];
    for (method, fields, status) in cases {
        let answer = server.post(method, fields).await;
        assert_eq!(answer.status(), status, "{method} {fields:?}");
    }
}

#[tokio::test]
async fn both_boxes_are_counted_by_their_window_and_state() {
    let server = Server::start();
    server.comes_in("یک").await;
    server.lookup(PHONE).await;
    server.advance(10);
    server.send(PHONE, "").await;
    let count = async |method: &str, start: i64, end: i64, more: &[(&str, &str)]| {
        let (start, end) = (start.to_string(), end.to_string());
        let mut fields = vec![("startdate", start.as_str()), ("enddate", &end)];
        fields.extend(more);
        let answer = server.get(method, &fields).await;
        answer.row(0)["sumcount"].as_u64()
    };
    let now = START + 10;
    assert_eq!(count("sms/countinbox", START, now, &[]).await, Some(1));
    assert_eq!(count("sms/countinbox", START + 1, now, &[]).await, Some(0));
    let read = [("isread", "1")];
    assert_eq!(count("sms/countinbox", START, now, &read).await, Some(0));
    let other = [("linenumber", "2000500666")];
    assert_eq!(count("sms/countinbox", START, now, &other).await, Some(0));
    assert_eq!(count("sms/countoutbox", START, now, &[]).await, Some(2));
    assert_eq!(count("sms/countoutbox", now, now, &[]).await, Some(1));
    let delivered = [("status", "10")];
    assert_eq!(
        count("sms/countoutbox", START, now, &delivered).await,
        Some(1)
    );
}

#[tokio::test]
async fn a_call_has_a_state_and_a_text_has_none_as_a_call() {
    let server = Server::start();
    let call = [("receptor", PHONE), ("message", "1234")];
    let call = server.post("call/maketts", &call).await.id();
    let text = server.send(PHONE, "").await.id();
    server.advance(5);
    let ids = format!("{call},{text}");
    let answer = server.get("call/status", &[("messageid", &ids)]).await;
    assert_eq!(answer.row(0)["status"], 10);
    assert_eq!(answer.row(1)["status"], 100);
}
