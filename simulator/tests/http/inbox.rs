//! The inbox page and the messages as JSON.

use serde_json::{Value, json};
use simulator::SimulatorConfig;

use crate::server::{PHONE, START, Server};

async fn page(server: &Server, path: &str) -> String {
    let response = server.read(path).await;
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

#[tokio::test]
async fn the_page_is_persian_first_and_english_on_demand() {
    let server = Server::start();
    let persian = page(&server, "/").await;
    assert!(persian.contains("<html lang=\"fa\" dir=\"rtl\">"));
    assert!(persian.contains("هنوز پیامی نرسیده است"));
    let english = page(&server, "/?lang=en").await;
    assert!(english.contains("<html lang=\"en\" dir=\"ltr\">"));
    assert!(english.contains("No message yet"));
    assert!(
        english.contains("verify/lookup.json"),
        "the empty inbox says what to do"
    );
}

#[tokio::test]
async fn the_newest_message_is_on_top_with_its_code_state_and_cost() {
    let server = Server::start();
    server.send("09351118820", "").await;
    server.lookup("02188001122").await;
    let html = page(&server, "/?lang=en").await;
    assert!(html.find("02188001122").unwrap() < html.find("09351118820").unwrap());
    assert!(html.contains("<output dir=\"ltr\">48291</output>"));
    assert!(html.contains("data-copy=\"48291\""));
    assert!(html.contains("Voice call"));
    assert!(html.contains("handed to the operator"));
    assert!(html.contains("2,280 rials"));
    server.advance(10);
    assert!(page(&server, "/").await.contains("رسیده به گیرنده"));
}

#[tokio::test]
async fn the_page_takes_nothing_from_elsewhere_and_escapes_what_it_shows() {
    let server = Server::start();
    let text = "<script>alert(1)</script>\"'&";
    server
        .post("sms/send", &[("receptor", PHONE), ("message", text)])
        .await;
    let response = server.read("/?receptor=%22%3E%3Cscript%3E").await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    assert!(!response.text().await.unwrap().contains("\"><script>"));
    let html = page(&server, "/").await;
    assert!(!html.contains("<script>alert"));
    assert!(html.contains("&#60;script&#62;alert(1)"));
    assert!(!html.contains("<style") && !html.contains("style=") && !html.contains("onclick"));
    for (path, kind) in [
        ("/_sim/inbox.css", "text/css; charset=utf-8"),
        ("/_sim/inbox.js", "text/javascript; charset=utf-8"),
        ("/_sim/inbox.svg", "image/svg+xml"),
    ] {
        assert!(html.contains(path));
        assert_eq!(server.read(path).await.headers()["content-type"], kind);
    }
}

#[tokio::test]
async fn the_page_shows_one_receptor_the_credit_and_the_faults() {
    let server = Server::start();
    server.lookup(PHONE).await;
    server.lookup("09351118820").await;
    server
        .fault(json!({"method": "sms/*", "fault": {"kind": "cut_json"}}))
        .await;
    let html = page(&server, "/?lang=en&receptor=%2B989123004501").await;
    assert!(html.contains(PHONE) && !html.contains("09351118820"));
    assert!(html.contains("99,995,440"));
    assert!(html.contains("cut_json") && html.contains("sms/*"));
    let persian_keyboard = [("receptor", "۰۹۱۲۳۰۰۴۵۰۱")];
    let request = server.client.get(&server.url).query(&persian_keyboard);
    let html = request.send().await.unwrap().text().await.unwrap();
    assert!(html.contains("<output dir=\"ltr\">48291</output>"));
    assert!(
        page(&server, "/?lang=en&receptor=0912")
            .await
            .contains("No message to this number")
    );
}

#[tokio::test]
async fn messages_are_read_as_json_newest_first_and_forgotten_on_demand() {
    let server = Server::start();
    let first = server.send(PHONE, "17").await.id();
    let second = server.lookup(PHONE).await.id();
    server.lookup("09351118820").await;
    let messages = async |query: &str| -> Value {
        server
            .read(&format!("/_sim/messages{query}"))
            .await
            .json()
            .await
            .unwrap()
    };
    let of_one = messages("?receptor=9123004501").await;
    let expected = json!({"messageid": second, "receptor": PHONE, "text": "کد ورود شما: 48291",
        "code": "48291", "method": "verify/lookup", "template": "ramz-otp", "sender": "2000660110",
        "status": 5, "statustext": "ارسال به مخابرات", "at": START * 1_000, "date": START,
        "localid": null, "voice": false, "cost": 2_280});
    assert_eq!(of_one[0], expected);
    assert_eq!(
        (&of_one[1]["messageid"], &of_one[1]["localid"]),
        (&json!(first), &json!(17))
    );
    assert_eq!(messages("?limit=2").await.as_array().unwrap().len(), 2);
    let url = format!("{}/_sim/messages", server.url);
    assert_eq!(
        server.client.delete(url).send().await.unwrap().status(),
        204
    );
    assert_eq!(messages("").await, json!([]));
    assert_ne!(
        server.send(PHONE, "17").await.id(),
        first,
        "local ids are forgotten too"
    );
}

#[tokio::test]
async fn the_sign_in_page_is_linked_where_it_is_known() {
    let link = "href=\"http://127.0.0.1:8000/accounts/login/\"";
    let without = page(&Server::start(), "/").await;
    assert!(!without.contains("accounts/login"));
    let server = Server::start_with(SimulatorConfig {
        sign_in_page: Some("http://127.0.0.1:8000/accounts/login/".to_owned()),
        ..SimulatorConfig::default()
    });
    let persian = page(&server, "/").await;
    assert!(persian.contains(link) && persian.contains("صفحهٔ ورود را باز کنید"));
    let english = page(&server, "/?lang=en").await;
    assert!(english.contains(link) && english.contains("Open the sign-in page"));
}

/// A page of a stranger whose name leads to this machine gets nothing, whatever it asks for.
#[tokio::test]
async fn a_name_that_a_stranger_can_have_is_answered_nothing() {
    let server = Server::start_with(SimulatorConfig {
        hosts: vec!["inbox.example".to_owned()],
        ..SimulatorConfig::default()
    });
    server.lookup(PHONE).await;
    let port = server.url.rsplit(':').next().unwrap();
    let get = async |path: &str, host: String| {
        let request = server.client.get(format!("{}{path}", server.url));
        let answer = request.header("host", host).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let outbox = "/v1/demoKEY/sms/latestoutbox.json";
    for path in ["/", "/_sim/messages", "/_sim/account", outbox] {
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            let (status, text) = get(path, format!("{host}:{port}")).await;
            assert_eq!(status, 421, "{path} for {host}");
            assert!(!text.contains("48291"), "{path} for {host}");
        }
        for host in ["localhost", "127.0.0.1", "[::1]", "inbox.example"] {
            let (status, _) = get(path, format!("{host}:{port}")).await;
            assert_eq!(status, 200, "{path} for {host}");
        }
    }
    let (status, _) = get("/", String::new()).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_request_that_names_no_host_or_two_is_refused() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let server = Server::start();
    let address = server.url.trim_start_matches("http://");
    for (version, hosts, status) in [
        ("1.1", "", "400"),
        ("1.1", "host: localhost\r\nhost: evil.example\r\n", "400"),
        ("1.1", "host: localhost\r\n", "200"),
        ("1.0", "", "200"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let found = answer.split(' ').nth(1);
        assert_eq!(found, Some(status), "HTTP/{version} {hosts:?}");
    }
}
