//! The gateway as the load plays it: it answers at once, and hands each code to the person who waits
//! for it, so that nothing stands in between.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::http::Wire;

/// More than any run spends.
const CREDIT_RIALS: &str = "1000000000000";
const COST_RIALS: u32 = 2_280;

/// Who waits for a message, by the last ten digits of the number.
#[derive(Default)]
pub(super) struct Waiting {
    people: RefCell<HashMap<u64, oneshot::Sender<String>>>,
    strays: Cell<u64>,
    messages: Cell<i64>,
}

impl Waiting {
    /// The code that the next message to this number brings.
    pub(super) fn code_for(&self, phone: u64) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        self.people.borrow_mut().insert(phone, sender);
        receiver
    }

    /// Nobody waits for this number any more.
    pub(super) fn forget(&self, phone: u64) {
        self.people.borrow_mut().remove(&phone);
    }

    /// Messages that nobody waited for: a second one, or one too late.
    pub(super) fn strays(&self) -> u64 {
        self.strays.get()
    }

    fn deliver(&self, receptor: &str, code: &str) {
        let person = last_ten_digits(receptor).and_then(|it| self.people.borrow_mut().remove(&it));
        let handed = person.is_some_and(|person| person.send(code.to_owned()).is_ok());
        if !handed {
            self.strays.set(self.strays.get() + 1);
        }
    }

    fn answer(&self, path: &str, body: &str) -> String {
        match method_of(path) {
            "verify/lookup" => {
                let receptor = field(body, "receptor").unwrap_or_default();
                self.deliver(receptor, field(body, "token").unwrap_or_default());
                self.messages.set(self.messages.get() + 1);
                let id = 2_000_000_000 + self.messages.get();
                format!(
                    r#"[{{"messageid":{id},"message":"کد ورود شما","status":5,"statustext":"ارسال به مخابرات","sender":"10008663","receptor":"{receptor}","date":1795167012,"cost":{COST_RIALS}}}]"#
                )
            }
            "sms/status" => {
                let ids = field(body, "messageid").unwrap_or_default();
                let ids = ids.split("%2C").flat_map(|it| it.split(','));
                let rows = ids.map(|id| {
                    format!(r#"{{"messageid":{id},"status":10,"statustext":"رسیده به گیرنده"}}"#)
                });
                format!("[{}]", rows.collect::<Vec<_>>().join(","))
            }
            "account/info" => {
                format!(r#"{{"remaincredit":{CREDIT_RIALS},"expiredate":0,"type":"Master"}}"#)
            }
            "account/config" => concat!(
                r#"{"apilogs":"justfaults","dailyreport":"disabled","debugmode":"disabled","#,
                r#""defaultsender":"30009911","mincreditalarm":"0","resendfailed":"disabled"}"#
            )
            .to_owned(),
            _ => "null".to_owned(),
        }
    }
}

/// Serves everybody who calls, for as long as the thread lives.
pub(super) async fn serve(listener: TcpListener, waiting: Rc<Waiting>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::task::spawn_local(talk(stream, Rc::clone(&waiting)));
    }
}

async fn talk(stream: TcpStream, waiting: Rc<Waiting>) -> std::io::Result<()> {
    let mut wire = Wire::new(stream)?;
    while let Some(request) = wire.read().await? {
        let body = String::from_utf8_lossy(&request.body);
        let entries = waiting.answer(request.path(), &body);
        let body =
            format!(r#"{{"return":{{"status":200,"message":"تایید شد"}},"entries":{entries}}}"#);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        wire.write(head.as_bytes()).await?;
    }
    Ok(())
}

/// Scope and method of `/v1/KEY/scope/method.json`.
fn method_of(path: &str) -> &str {
    let method = path.splitn(4, '/').nth(3).unwrap_or_default();
    method.split('.').next().unwrap_or_default()
}

/// A field of a form. What is looked for is of plain characters.
fn field<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then_some(value)
    })
}

/// What numbers of all forms have in common.
pub(super) fn last_ten_digits(number: &str) -> Option<u64> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.get(digits.len().checked_sub(10)?..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKUP: &str = "/v1/AB12/verify/lookup.json";

    #[test]
    fn a_code_goes_to_the_person_who_waits_for_it_and_only_once() {
        let waiting = Waiting::default();
        let mut code = waiting.code_for(9_121_234_567);
        let mut other = waiting.code_for(9_121_234_568);
        let form = "receptor=09121234567&template=ramz-otp&token=123456&type=sms";
        let answer = waiting.answer(LOOKUP, form);
        assert!(answer.contains(r#""receptor":"09121234567""#), "{answer}");
        assert_eq!(code.try_recv().as_deref(), Ok("123456"));
        assert!(other.try_recv().is_err());
        assert_eq!(waiting.strays(), 0);
        waiting.answer(LOOKUP, form);
        waiting.forget(9_121_234_568);
        waiting.answer(LOOKUP, "receptor=09121234568&token=1");
        assert_eq!(waiting.strays(), 2);
    }

    #[test]
    fn every_message_has_an_id_of_its_own_and_is_delivered() {
        let waiting = Waiting::default();
        let one = waiting.answer(LOOKUP, "receptor=09121234567&token=1");
        let two = waiting.answer(LOOKUP, "receptor=09121234567&token=1");
        assert_ne!(one, two);
        let status = waiting.answer("/v1/AB12/sms/status.json", "messageid=7%2C8");
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        assert_eq!(status[0]["messageid"], 7);
        assert_eq!(status[1]["status"], 10);
    }

    #[test]
    fn numbers_are_the_same_in_all_forms() {
        for number in [
            "09121234567",
            "+989121234567",
            "%2B989121234567",
            "9121234567",
        ] {
            assert_eq!(last_ten_digits(number), Some(9_121_234_567));
        }
        assert_eq!(last_ten_digits("912"), None);
    }
}
