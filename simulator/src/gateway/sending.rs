//! `sms/send`, `sms/sendarray` and `call/maketts`.

use serde_json::Value;

use super::{
    answer::Answer,
    exchange::{Exchange, Item, Terms},
    method::Method,
    parameters::{Parameters, comma_list},
    receptor::{Kind, Receptor},
    status::ReturnStatus,
    text,
};
use crate::store::delivery::Start;

/// Receptors in one call.
const MAX_RECEPTORS: usize = 200;
/// Names under which the official clients send local ids to `sms/sendarray`; the documentation's
/// name is the first.
pub(super) const LOCALID_NAMES: [&str; 4] =
    ["localmessageids", "localmessageid", "localids", "localid"];
/// The line that voice calls and lookups come from: the gateway's own, not the account's.
pub(super) const GATEWAY_LINE: &str = "2000660110";

pub(super) fn send(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [receptor, message] = parameters.require(["receptor", "message"])?;
    let sender = exchange.line(parameters.get("sender"))?;
    let receptors = parse_receptors(&comma_list(receptor), false)?;
    text::check(
        message,
        exchange.account.max_text,
        exchange.account.links_allowed,
    )?;
    let localids = one_localid_each(parameters.optional("localid"), receptors.len())?;
    let start = start(exchange, parameters)?;
    check_type(parameters.number("type", 1)?)?;
    exchange.check_tag(parameters.optional("tag"))?;
    let items = receptors
        .into_iter()
        .zip(localids)
        .map(|(receptor, localid)| Item {
            receptor,
            sender: sender.clone(),
            text: message.to_owned(),
            code: None,
            localid,
        });
    let terms = Terms {
        method: Method::Send.name(),
        start,
        voice: false,
        filtered: true,
        template: None,
    };
    exchange.dispatch(items.collect(), &terms)
}

pub(super) fn send_array(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let arrays = parameters.require(["receptor", "sender", "message"])?;
    let [receptors, senders, messages] = arrays.map(json_texts);
    let (receptors, senders, messages) = (receptors?, senders?, messages?);
    let senders: Vec<String> = senders
        .iter()
        .map(|sender| exchange.line(Some(sender)))
        .collect::<Result<_, _>>()?;
    let receptors: Vec<&str> = receptors.iter().map(String::as_str).collect();
    let receptors = parse_receptors(&receptors, false)?;
    for message in &messages {
        text::check(
            message,
            exchange.account.max_text,
            exchange.account.links_allowed,
        )?;
    }
    let count = receptors.len();
    if senders.len() != count || messages.len() != count {
        return Err(ReturnStatus::UNEQUAL_LENGTHS);
    }
    let localids = LOCALID_NAMES
        .iter()
        .find_map(|name| parameters.optional(name));
    let localids = one_localid_each(localids, count)?;
    let start = start(exchange, parameters)?;
    check_types(parameters.optional("type"), count)?;
    exchange.check_tag(parameters.optional("tag"))?;
    let items = receptors
        .into_iter()
        .zip(senders)
        .zip(messages)
        .zip(localids)
        .map(|(((receptor, sender), text), localid)| Item {
            receptor,
            sender,
            text,
            code: None,
            localid,
        });
    let terms = Terms {
        method: Method::SendArray.name(),
        start,
        voice: false,
        filtered: true,
        template: None,
    };
    exchange.dispatch(items.collect(), &terms)
}

pub(super) fn make_tts(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [receptor, message] = parameters.require(["receptor", "message"])?;
    let receptors = parse_receptors(&comma_list(receptor), true)?;
    text::check(message, exchange.account.max_text, true)?;
    let localids = one_localid_each(parameters.optional("localid"), receptors.len())?;
    let start = match start(exchange, parameters)? {
        Start::Queue => Start::HandedOver,
        later => later,
    };
    if !(0..=5).contains(&parameters.number("repeat", 0)?) {
        return Err(ReturnStatus::INCOMPLETE);
    }
    exchange.check_tag(parameters.optional("tag"))?;
    let items = receptors
        .into_iter()
        .zip(localids)
        .map(|(receptor, localid)| Item {
            receptor,
            sender: GATEWAY_LINE.to_owned(),
            text: message.to_owned(),
            code: None,
            localid,
        });
    let terms = Terms {
        method: Method::MakeTts.name(),
        start,
        voice: true,
        filtered: false,
        template: None,
    };
    exchange.dispatch(items.collect(), &terms)
}

/// Reads the receptors: one bad number refuses the whole call (411), more than 200 are 414.
/// A text cannot go to a landline, a call can.
fn parse_receptors(texts: &[&str], landlines: bool) -> Result<Vec<Receptor>, ReturnStatus> {
    let receptors = texts.iter().map(|text| {
        Receptor::parse(text)
            .filter(|receptor| landlines || receptor.kind != Kind::Landline)
            .ok_or(ReturnStatus::INVALID_RECEPTOR)
    });
    let receptors: Vec<Receptor> = receptors.collect::<Result<_, _>>()?;
    if receptors.len() > MAX_RECEPTORS {
        return Err(ReturnStatus::TOO_MANY);
    }
    Ok(receptors)
}

/// A JSON array of texts inside a form field; 400 for anything else.
fn json_texts(value: &str) -> Result<Vec<String>, ReturnStatus> {
    let items: Vec<Value> = serde_json::from_str(value).map_err(|_| ReturnStatus::INCOMPLETE)?;
    let text = |item: Value| match item {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(ReturnStatus::INCOMPLETE),
    };
    items.into_iter().map(text).collect()
}

/// Local ids as a comma list or a JSON array, one for each receptor, else 419, also for nulls.
/// None at all is fine, and 0 stands for none.
fn one_localid_each(value: Option<&str>, count: usize) -> Result<Vec<Option<u64>>, ReturnStatus> {
    let Some(value) = value else {
        return Ok(vec![None; count]);
    };
    let texts: Vec<String> = match serde_json::from_str::<Value>(value) {
        Ok(Value::Array(items)) if items.iter().any(Value::is_null) => {
            return Err(ReturnStatus::UNEQUAL_LENGTHS);
        }
        Ok(Value::Null) => return Err(ReturnStatus::UNEQUAL_LENGTHS),
        Ok(Value::Array(_)) => json_texts(value)?,
        _ => comma_list(value).into_iter().map(str::to_owned).collect(),
    };
    if texts.len() != count {
        return Err(ReturnStatus::UNEQUAL_LENGTHS);
    }
    let localid = |text: &String| {
        let localid: i64 = text.trim().parse().map_err(|_| ReturnStatus::INCOMPLETE)?;
        let localid = u64::try_from(localid).map_err(|_| ReturnStatus::INCOMPLETE)?;
        Ok((localid > 0).then_some(localid))
    };
    texts.iter().map(localid).collect()
}

/// When to send: `date` absent, empty or 0 means now; a past or malformed one is 417.
fn start(exchange: &Exchange<'_>, parameters: &Parameters) -> Result<Start, ReturnStatus> {
    let date = parameters
        .number("date", 0)
        .map_err(|_| ReturnStatus::INVALID_DATE)?;
    if date == 0 {
        return Ok(Start::Queue);
    }
    let date = date.checked_mul(1_000).filter(|date| *date > exchange.now);
    date.map(Start::At).ok_or(ReturnStatus::INVALID_DATE)
}

fn check_type(kind: i64) -> Result<(), ReturnStatus> {
    if (0..=3).contains(&kind) {
        Ok(())
    } else {
        Err(ReturnStatus::INCOMPLETE)
    }
}

fn check_types(value: Option<&str>, count: usize) -> Result<(), ReturnStatus> {
    let Some(value) = value else { return Ok(()) };
    let types: Vec<i64> = serde_json::from_str(value).map_err(|_| ReturnStatus::INCOMPLETE)?;
    if types.len() != count {
        return Err(ReturnStatus::UNEQUAL_LENGTHS);
    }
    types.into_iter().try_for_each(check_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_ids_come_as_commas_or_json_and_must_match_the_receptors() {
        assert_eq!(
            one_localid_each(Some("71,72"), 2),
            Ok(vec![Some(71), Some(72)])
        );
        assert_eq!(
            one_localid_each(Some("[71,\"72\"]"), 2),
            Ok(vec![Some(71), Some(72)])
        );
        assert_eq!(one_localid_each(Some("0"), 1), Ok(vec![None]));
        assert_eq!(one_localid_each(None, 2), Ok(vec![None, None]));
        for wrong in ["71", "null", "[null,null]", "[71]", "1,2,3"] {
            let result = one_localid_each(Some(wrong), 2);
            assert_eq!(result, Err(ReturnStatus::UNEQUAL_LENGTHS), "{wrong}");
        }
        assert_eq!(
            one_localid_each(Some("-1"), 1),
            Err(ReturnStatus::INCOMPLETE)
        );
        assert_eq!(
            one_localid_each(Some("9223372036854775808"), 1),
            Err(ReturnStatus::INCOMPLETE)
        );
    }

    #[test]
    fn arrays_are_json_texts() {
        let texts = json_texts("[\"الف\", 5]");
        assert_eq!(texts, Ok(vec!["الف".to_owned(), "5".to_owned()]));
        assert_eq!(json_texts("الف,ب"), Err(ReturnStatus::INCOMPLETE));
        assert_eq!(json_texts("[null]"), Err(ReturnStatus::INCOMPLETE));
    }
}
