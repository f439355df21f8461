//! Finds variables that look like settings of ours and are none: a mistyped limit must not
//! silently leave the default in place.

use super::gateway::template_variables;
use super::reader::Reader;
use super::variables;

/// Names that begin so belong to Ramz.
const PREFIXES: [&str; 21] = [
    "ACCESS_TOKEN_",
    "ADMIN_",
    "ALLOWED_",
    "DATABASE_",
    "DATA_",
    "HTTP_MAX_",
    "JWT_",
    "KAVENEGAR_",
    "LIMIT",
    "METRICS_",
    "OTP_",
    "PUBLIC_",
    "QUEUE_",
    "RAMZ_",
    "REFRESH_TOKEN_",
    "RETENTION_",
    "SIMULATOR_",
    "STEP_",
    "TRUSTED_",
    "WEBOTP_",
    "WORKER_",
];

/// Changes of single characters up to which a name counts as a slip of another.
const MAX_SLIPS: usize = 4;

/// Records each unknown variable, with the nearest known name.
pub(super) fn refuse_unknown(reader: &mut Reader<'_>) {
    let known = known_names();
    let environment = reader.environment();
    let unknown = environment.names().filter(|name| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !known.iter().any(|known| known == name)
            && !is_service_link(name)
    });
    for name in unknown {
        let message = match nearest(name, &known) {
            Some(near) => format!("is not a setting of Ramz; did you mean {near}?"),
            None => "is not a setting of Ramz; remove it".to_owned(),
        };
        reader.refuse(name, message);
    }
}

/// Every name that some binary reads: an environment may be shared by all of them.
fn known_names() -> Vec<String> {
    let files = variables::all()
        .filter(|variable| variable.secret)
        .map(|variable| format!("{}_FILE", variable.name));
    let templates = template_variables().map(|(name, ..)| name);
    variables::all()
        .map(|variable| variable.name.to_owned())
        .chain(files)
        .chain(templates)
        .collect()
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(slips, _)| *slips <= MAX_SLIPS)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate.as_str())
}

/// Kubernetes tells each container the addresses of services, as `WORKER_SERVICE_HOST` or
/// `WORKER_PORT_9465_TCP_ADDR`.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_PORT")
        || ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP", "_UDP"]
            .iter()
            .any(|mark| name.ends_with(mark))
        || ["_SERVICE_PORT_", "_TCP_", "_UDP_"]
            .iter()
            .any(|mark| name.contains(mark))
}
