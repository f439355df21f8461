//! Asking the gateway: deliveries, credit, settings of the account.

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use gateway::{Class, MAX_STATUS_IDS, NotSentReason, ReadError, StatusRow, UnknownReason};

use super::server::{Server, closed_port};
use super::{CANARY_KEY, error_body, phone, plain};

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(seconds * 1_000 + 900).expect("a time")
}

fn row(messageid: i64, status: DeliveryStatus) -> StatusRow {
    StatusRow {
        messageid: Some(messageid),
        localid: None,
        status,
    }
}

#[tokio::test]
async fn deliveries_are_read_by_message_id() {
    let body = r#"{"return":{"status":200,"message":"تایید شد"},"entries":[{"messageid":2890114633,"status":10,"statustext":"رسیده به گیرنده"},{"messageid":17,"status":100,"statustext":"شناسه نامعتبر"}]}"#;
    let server = Server::answering(200, body).await;
    let rows = plain(&server.url).status(&[2_890_114_633, 17]).await;
    assert_eq!(
        rows,
        Ok(vec![
            row(2_890_114_633, DeliveryStatus::Delivered),
            row(17, DeliveryStatus::NotKnown)
        ])
    );
    let request = server.only_request();
    assert_eq!(
        request.line(),
        format!("POST /v1/{CANARY_KEY}/sms/status.json HTTP/1.1")
    );
    assert_eq!(request.field("messageid"), Some("2890114633,17"));
}

#[tokio::test]
async fn more_ids_than_one_request_may_name_go_into_several() {
    let body = r#"{"return":{"status":200},"entries":[{"messageid":1,"status":4}]}"#;
    let server = Server::answering(200, body).await;
    let ids: Vec<i64> = (1..=1_001).collect();
    let rows = plain(&server.url).status(&ids).await.expect("rows");
    assert_eq!(rows.len(), 3);
    let asked: Vec<usize> = server
        .requests()
        .iter()
        .filter_map(|request| request.field("messageid"))
        .map(|list| list.split(',').count())
        .collect();
    assert_eq!(asked, [MAX_STATUS_IDS, MAX_STATUS_IDS, 1]);
    let nothing = plain(&server.url).status(&[]).await;
    assert_eq!(nothing, Ok(Vec::new()));
    assert_eq!(server.requests().len(), 3, "no ids, no request");
}

#[tokio::test]
async fn deliveries_are_read_by_our_own_id_which_comes_back_as_text() {
    let body = r#"{"return":{"status":200},"entries":[{"messageid":2890114507,"localid":"900000000017","status":11},{"messageid":null,"localid":"5","status":100}]}"#;
    let server = Server::answering(200, body).await;
    let rows = plain(&server.url)
        .status_by_local_id(&[900_000_000_017, 5])
        .await
        .expect("rows");
    assert_eq!(rows[0].messageid, Some(2_890_114_507));
    assert_eq!(rows[0].localid, Some(900_000_000_017));
    assert_eq!(rows[0].status, DeliveryStatus::Undelivered);
    assert_eq!((rows[1].messageid, rows[1].localid), (None, Some(5)));
    let request = server.only_request();
    assert!(request.line().contains("/sms/statuslocalmessageid.json "));
    assert_eq!(request.field("localid"), Some("900000000017,5"));
}

#[tokio::test]
async fn the_window_of_a_number_is_asked_in_whole_seconds_and_rows_about_others_are_dropped() {
    let body = r#"{"return":{"status":200},"entries":[{"messageid":7,"receptor":"09123004501","status":5},{"messageid":8,"receptor":"09351118820","status":5},{"messageid":9,"status":10}]}"#;
    let server = Server::answering(200, body).await;
    let rows = plain(&server.url)
        .status_by_receptor(&phone(), moment(1_795_167_012), moment(1_795_167_077))
        .await;
    assert_eq!(
        rows,
        Ok(vec![
            row(7, DeliveryStatus::HandedOver(5)),
            row(9, DeliveryStatus::Delivered)
        ])
    );
    let request = server.only_request();
    assert!(request.line().contains("/sms/statusbyreceptor.json "));
    assert_eq!(request.field("receptor"), Some("09123004501"));
    assert_eq!(request.field("startdate"), Some("1795167012"));
    assert_eq!(request.field("enddate"), Some("1795167078"));
}

#[tokio::test]
async fn no_such_record_is_an_empty_result_and_not_a_fault() {
    let nothing = r#"{"return":{"status":200},"entries":null}"#.to_owned();
    for (http, body) in [
        (449, error_body(449)),
        (200, error_body(449)),
        (200, nothing),
    ] {
        let server = Server::answering(http, body).await;
        let gateway = plain(&server.url);
        let (from, to) = (moment(1_795_167_012), moment(1_795_167_072));
        let rows = gateway.status_by_receptor(&phone(), from, to).await;
        assert_eq!(rows, Ok(Vec::new()));
        assert_eq!(gateway.status(&[1]).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn the_credit_is_read_from_an_object_or_a_list() {
    for (entries, expires) in [
        (
            r#"{"remaincredit":18450200,"expiredate":1826703012,"type":"master"}"#,
            Some(1_826_703_012),
        ),
        (
            r#"[{"remaincredit":"18450200","expiredate":"1826703012"}]"#,
            Some(1_826_703_012),
        ),
        (r#"{"RemainCredit":18450200}"#, None),
    ] {
        let body = format!(r#"{{"return":{{"status":200}},"entries":{entries}}}"#);
        let server = Server::answering(200, body).await;
        let info = plain(&server.url).account_info().await.expect("the credit");
        assert_eq!(info.remaining_credit, 18_450_200);
        assert_eq!(info.expires_at.map(|at| at.timestamp()), expires);
        let request = server.only_request();
        assert!(request.line().contains("/account/info.json "));
    }
}

#[tokio::test]
async fn a_debt_is_read_as_such() {
    let body = r#"{"return":{"status":200},"entries":{"remaincredit":-120}}"#;
    let server = Server::answering(200, body).await;
    let info = plain(&server.url).account_info().await.expect("the credit");
    assert_eq!(info.remaining_credit, -120);
}

#[tokio::test]
async fn the_accounts_settings_are_read_and_never_written() {
    let body = r#"{"return":{"status":200},"entries":{"apilogs":"justfaults","dailyreport":"disabled","debugmode":"enabled","defaultsender":"30009911","mincreditalarm":"500000","resendfailed":"true"}}"#;
    let server = Server::answering(200, body).await;
    let config = plain(&server.url).account_config().await.expect("settings");
    assert!(config.debug_mode);
    assert!(config.resend_failed);
    assert_eq!(config.api_logs.as_deref(), Some("justfaults"));
    assert_eq!(config.default_sender.as_deref(), Some("30009911"));
    let request = server.only_request();
    assert!(request.line().contains("/account/config.json "));
    assert!(
        request.form.is_empty(),
        "any parameter would change the account"
    );
    assert!(!request.line().contains('?'));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let refused = |code, class| ReadError::Refused { code, class };
    let unreadable = ReadError::Unreadable;
    let cases = [
        (403, error_body(403), refused(403, Class::Account)),
        (200, error_body(418), refused(418, Class::Account)),
        (409, error_body(409), refused(409, Class::Transient)),
        (407, error_body(407), refused(407, Class::Config)),
        (302, String::new(), ReadError::Misdirected(302)),
        (404, "<html>".to_owned(), ReadError::Misdirected(404)),
        (
            502,
            "<html>".to_owned(),
            unreadable(UnknownReason::ServerError(502)),
        ),
        (200, "<html>".to_owned(), unreadable(UnknownReason::NotJson)),
        (
            200,
            r#"{"return":{"status":200},"entries":{}}"#.to_owned(),
            unreadable(UnknownReason::NotJson),
        ),
    ];
    for (http, body, expected) in cases {
        let server = Server::answering(http, body.clone()).await;
        let error = plain(&server.url)
            .account_info()
            .await
            .expect_err("a failure");
        assert_eq!(error, expected, "{http} {body}");
        assert!(!error.error_class().is_empty());
    }
    let away = plain(&closed_port().await).status(&[1]).await;
    assert_eq!(away, Err(ReadError::NotSent(NotSentReason::Connect)));
}
