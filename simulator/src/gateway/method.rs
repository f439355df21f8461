//! The methods of the gateway that are simulated.

/// A method, named by scope and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Send,
    SendArray,
    Status,
    StatusLocalMessageId,
    StatusByReceptor,
    Select,
    SelectOutbox,
    LatestOutbox,
    CountOutbox,
    Cancel,
    Receive,
    InboxPaged,
    CountInbox,
    Lookup,
    TemplateList,
    MakeTts,
    CallStatus,
    Info,
    Config,
    GetDate,
}

const METHODS: [(&str, Method); 20] = [
    ("sms/send", Method::Send),
    ("sms/sendarray", Method::SendArray),
    ("sms/status", Method::Status),
    ("sms/statuslocalmessageid", Method::StatusLocalMessageId),
    ("sms/statusbyreceptor", Method::StatusByReceptor),
    ("sms/select", Method::Select),
    ("sms/selectoutbox", Method::SelectOutbox),
    ("sms/latestoutbox", Method::LatestOutbox),
    ("sms/countoutbox", Method::CountOutbox),
    ("sms/cancel", Method::Cancel),
    ("sms/receive", Method::Receive),
    ("sms/inboxpaged", Method::InboxPaged),
    ("sms/countinbox", Method::CountInbox),
    ("verify/lookup", Method::Lookup),
    ("verify/templatelist", Method::TemplateList),
    ("call/maketts", Method::MakeTts),
    ("call/status", Method::CallStatus),
    ("account/info", Method::Info),
    ("account/config", Method::Config),
    ("utils/getdate", Method::GetDate),
];

impl Method {
    /// The method of a path such as `sms/send.json`, with or without a trailing slash.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path).to_ascii_lowercase();
        let wanted = path.strip_suffix(".json")?;
        METHODS
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, method)| *method)
    }

    /// Scope and name, for example `sms/send`.
    pub(crate) fn name(self) -> &'static str {
        METHODS
            .iter()
            .find(|(_, method)| *method == self)
            .map_or("unknown", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_method_in_json_only() {
        assert_eq!(Method::of_path("sms/send.json"), Some(Method::Send));
        assert_eq!(Method::of_path("Verify/Lookup.json/"), Some(Method::Lookup));
        assert_eq!(Method::of_path("sms/send.xml"), None);
        assert_eq!(Method::of_path("sms/send"), None);
        assert_eq!(Method::of_path("sms/unheard.json"), None);
    }

    #[test]
    fn every_method_has_its_name() {
        for (name, method) in METHODS {
            assert_eq!(method.name(), name);
        }
    }
}
