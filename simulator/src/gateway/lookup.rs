//! `verify/lookup`, the method for one-time codes.

use super::{
    answer::Answer,
    exchange::{Exchange, Item, Terms},
    method::Method,
    parameters::Parameters,
    receptor::{Kind, Receptor},
    sending::GATEWAY_LINE,
    status::ReturnStatus,
    text,
};
use crate::store::{
    account::{Plan, Template},
    delivery::Start,
};

pub(super) fn lookup(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [receptor, name, token] = parameters.require(["receptor", "template", "token"])?;
    if exchange.account.plan != Plan::Advanced {
        return Err(ReturnStatus::PLAN_TOO_SMALL);
    }
    let receptor = Receptor::parse(receptor).ok_or(ReturnStatus::INVALID_RECEPTOR)?;
    exchange.check_tag(parameters.optional("tag"))?;
    let template = exchange
        .account
        .templates
        .get(name)
        .filter(|template| template.approved);
    let template = template.ok_or(ReturnStatus::UNKNOWN_TEMPLATE)?;
    let voice = is_voice(parameters.optional("type"))? || receptor.kind == Kind::Landline;
    check_tokens(parameters, voice)?;
    let rendered = render(template, parameters)?;
    let is_code = token.len() >= 4 && token.bytes().all(|byte| byte.is_ascii_digit());
    let item = Item {
        receptor,
        sender: GATEWAY_LINE.to_owned(),
        text: rendered,
        code: is_code.then(|| token.to_owned()),
        localid: None,
    };
    let terms = Terms {
        method: Method::Lookup.name(),
        start: Start::HandedOver,
        voice,
        filtered: false,
        template: Some(name),
    };
    exchange.dispatch(vec![item], &terms)
}

/// Whether the caller asks for a voice call; 400 for a type that there is not.
fn is_voice(kind: Option<&str>) -> Result<bool, ReturnStatus> {
    match kind.map(str::to_ascii_lowercase).as_deref() {
        None | Some("sms") => Ok(false),
        Some("call") => Ok(true),
        Some(_) => Err(ReturnStatus::INCOMPLETE),
    }
}

/// Structure (431), then characters (422), then what a voice can read out (428).
fn check_tokens(parameters: &Parameters, voice: bool) -> Result<(), ReturnStatus> {
    let tokens = text::TOKENS
        .iter()
        .filter_map(|(name, spaces)| Some((parameters.optional(name)?, *spaces)));
    for (value, spaces) in tokens.clone() {
        text::check_token(value, spaces)?;
    }
    for (value, _) in tokens {
        if text::has_unsuitable_character(value) {
            return Err(ReturnStatus::UNSUITABLE_CHARACTER);
        }
        if voice && !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ReturnStatus::NO_VOICE);
        }
    }
    Ok(())
}

fn render(template: &Template, parameters: &Parameters) -> Result<String, ReturnStatus> {
    if !text::has_token(&template.text) {
        return Err(ReturnStatus::TEMPLATE_WITHOUT_TOKEN);
    }
    Ok(text::render(&template.text, |name| {
        parameters.optional(name).map(str::to_owned)
    }))
}
