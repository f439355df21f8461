//! Where traces go, by the standard names of OpenTelemetry.

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::reader::{Read, Reader, shown};
use super::variables::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME,
    OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, Variable,
};
use crate::traces::{Sampling, TraceSettings};

/// What matters only where traces go somewhere.
static OF_EXPORT: [&Variable; 4] = [
    &OTEL_EXPORTER_OTLP_HEADERS,
    &OTEL_SERVICE_NAME,
    &OTEL_TRACES_SAMPLER,
    &OTEL_TRACES_SAMPLER_ARG,
];

/// The settings of the export of traces; `None` while no collector is named.
pub(super) fn read_traces(reader: &mut Reader<'_>) -> Read<Option<TraceSettings>> {
    let endpoint = reader.parsed_if_set(&OTEL_EXPORTER_OTLP_ENDPOINT, read_endpoint);
    let headers = read_headers(reader);
    let service_name = reader.text(&OTEL_SERVICE_NAME);
    let sampling = read_sampling(reader);
    let (headers, service_name, sampling) = (headers?, service_name?, sampling?);
    let endpoint = endpoint?;
    if endpoint.is_none() {
        for variable in OF_EXPORT {
            let why = "no traces are exported without OTEL_EXPORTER_OTLP_ENDPOINT";
            reader.warn_without_effect(variable, why)?;
        }
    }
    Ok(endpoint.map(|endpoint| TraceSettings {
        endpoint,
        headers,
        service_name,
        sampling,
    }))
}

fn read_endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("is not the `http://` or `https://` URL of an OTLP collector")?;
    // It is no secret of this configuration, and the exporter would not send them.
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(
            "has a user or a password in it; they belong into OTEL_EXPORTER_OTLP_HEADERS, as `authorization=Basic%20` and the two in base64",
        )
    }
}

/// `name=value,name=value`, the values percent-encoded where they need it.
fn read_headers(reader: &mut Reader<'_>) -> Read<Vec<(String, SecretString)>> {
    let Some(text) = reader.secret(&OTEL_EXPORTER_OTLP_HEADERS)? else {
        return Ok(Vec::new());
    };
    let headers = text
        .expose_secret()
        .split(',')
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = name.trim();
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let valid = http::HeaderName::try_from(name).is_ok()
                && http::HeaderValue::try_from(&*value).is_ok();
            valid.then(|| (name.to_owned(), SecretString::from(value.into_owned())))
        })
        .collect::<Option<Vec<_>>>();
    headers.ok_or_else(|| {
        reader.refuse(
            OTEL_EXPORTER_OTLP_HEADERS.name,
            "is not a list such as `name=value,name=value`",
        )
    })
}

fn read_sampling(reader: &mut Reader<'_>) -> Read<Sampling> {
    let share = reader.parsed(&OTEL_TRACES_SAMPLER_ARG, |text| {
        let share = text.parse().ok();
        share
            .filter(|share| (0.0..=1.0).contains(share))
            .ok_or_else(|| format!("{} is not a share from 0 to 1", shown(text)))
    });
    let sampler = reader.parsed(&OTEL_TRACES_SAMPLER, |text| {
        let (believe_clients, own) = match text.strip_prefix("parentbased_") {
            Some(own) => (true, own),
            None => (false, text),
        };
        let fixed = match own {
            "always_on" => Some(1.0),
            "always_off" => Some(0.0),
            "traceidratio" => None,
            _ => {
                return Err(format!(
                    "{} is none of `always_on`, `always_off` and `traceidratio`, with or without \
                     `parentbased_` before it",
                    shown(text)
                ));
            }
        };
        Ok((believe_clients, fixed))
    });
    let (share, (believe_clients, fixed)) = (share?, sampler?);
    let is_exported = reader.given(&OTEL_EXPORTER_OTLP_ENDPOINT)?.is_some();
    if fixed.is_some() && is_exported {
        let why = "OTEL_TRACES_SAMPLER is not `traceidratio`";
        reader.warn_without_effect(&OTEL_TRACES_SAMPLER_ARG, why)?;
    }
    Ok(Sampling {
        ratio: fixed.unwrap_or(share),
        believe_clients,
    })
}
