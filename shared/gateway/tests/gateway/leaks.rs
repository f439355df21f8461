//! The key, which is part of every URL, and the code, which is part of every answer, come out of
//! the client nowhere: not in a result, not in a `Debug` form, not in a log of any level.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::challenge::{Channel, Locale};
use domain::otp::{OtpCode, Purpose};
use gateway::{Gateway, GatewaySettings, Message};
use tracing_subscriber::fmt::MakeWriter;

use super::server::{Act, Server, closed_port, http_answer};
use super::{
    CANARY_CODE, CANARY_KEY, accepted, deliver, error_body, phone, plain, settings, unresolvable,
    with_template,
};

type Fault = Box<dyn Fn() -> Act + Send + Sync>;

/// Keeps everything that is logged in this process, by any crate and at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panicked here").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn assert_clean(text: &str, fault: &str) {
    assert!(!text.contains(CANARY_KEY), "{fault}: the key is in {text}");
    assert!(
        !text.contains(CANARY_CODE),
        "{fault}: the code is in {text}"
    );
}

#[tokio::test]
async fn r_28_a_26_a_27_no_result_and_no_log_line_holds_the_key_or_the_code() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let whole = http_answer(200, "", &accepted(5, "09123004501"));
    let cut = whole[..whole.len() - 9].to_vec();
    let faults: Vec<(&str, Fault)> = vec![
        ("accepted", answer(200, accepted(5, "09123004501"))),
        ("failed entry", answer(200, accepted(14, "09123004501"))),
        ("collision", answer(200, accepted(1, "09351118820"))),
        ("refused", answer(424, error_body(424))),
        ("no credit", answer(200, error_body(418))),
        ("server fault", answer(502, format!("<p>{CANARY_CODE}"))),
        ("page", answer(200, format!("<p>{CANARY_CODE}"))),
        ("cut JSON", answer(200, format!("{{\"a\":\"{CANARY_CODE}"))),
        ("redirect", answer(307, String::new())),
        (
            "cut answer",
            Box::new(move || Act::WriteAndClose(cut.clone())),
        ),
        ("reset", Box::new(|| Act::WriteAndReset(Vec::new()))),
        ("timeout", Box::new(|| Act::WriteAndHang(Vec::new()))),
    ];
    for (fault, act) in faults {
        let server = Server::scripted(move |_| act()).await;
        let short = GatewaySettings {
            connect_timeout: Duration::from_millis(299),
            total_timeout: Duration::from_millis(300),
            ..settings(&server.url)
        };
        for gateway in [
            Gateway::new(short).expect("good settings"),
            with_template(&server.url),
        ] {
            if fault == "timeout" && gateway.can_call(Locale::Fa, Purpose::SignIn) {
                continue;
            }
            assert_clean(&format!("{:?}", deliver(&gateway).await), fault);
            let read = gateway.account_info().await;
            assert_clean(&format!("{read:?}"), fault);
            if let Err(error) = read {
                assert_clean(&error.to_string(), fault);
            }
        }
    }
    for gateway in [plain(&closed_port().await), unresolvable()] {
        assert_clean(&format!("{:?}", deliver(&gateway).await), "nobody there");
        let error = gateway.account_info().await.expect_err("nobody there");
        assert_clean(&format!("{error} {error:?}"), "nobody there");
    }
    let logged = log.0.lock().expect("no test panicked here").clone();
    let logged = String::from_utf8_lossy(&logged);
    assert!(!logged.is_empty(), "the HTTP library logs at this level");
    assert_clean(&logged, "log");
}

fn answer(http: u16, body: String) -> Fault {
    Box::new(move || Act::Answer(http, body.clone()))
}

#[test]
fn r_28_debug_forms_hide_key_code_and_number() {
    let settings = settings("http://127.0.0.1:1");
    assert_clean(&format!("{settings:?}"), "settings");
    assert_clean(
        &format!("{:?}", Gateway::new(settings).expect("good settings")),
        "client",
    );
    let code = OtpCode::parse(CANARY_CODE, 8).expect("digits");
    let message = Message {
        phone: &phone(),
        code: &code,
        purpose: Purpose::SignIn,
        locale: Locale::Fa,
        channel: Channel::Sms,
        localid: 1,
    };
    let shown = format!("{message:?}");
    assert_clean(&shown, "message");
    assert!(!shown.contains("9123004501"), "{shown}");
}
