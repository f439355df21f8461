//! What a person reads after the start.

use std::net::SocketAddr;

/// The addresses to open.
pub(crate) struct Welcome<'a> {
    /// The address under which people reach the API.
    pub(crate) public_url: &'a str,
    /// Whether there are pages for people.
    pub(crate) pages: bool,
    /// The console, if there is one.
    pub(crate) console: Option<SocketAddr>,
    /// The inbox, if messages go to the simulator.
    pub(crate) inbox: Option<SocketAddr>,
    /// Where metrics are.
    pub(crate) metrics: SocketAddr,
    /// The database.
    pub(crate) database: &'a str,
}

impl std::fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            public_url,
            pages,
            console,
            inbox,
            metrics,
            database,
        } = self;
        writeln!(f, "Ramz is running. Stop it with Ctrl+C.\n")?;
        if *pages {
            writeln!(f, "  Sign-in page        {public_url}{}", api::SIGN_IN_PAGE)?;
        }
        writeln!(f, "  API documentation   {public_url}/api/docs")?;
        match inbox {
            Some(inbox) => {
                writeln!(
                    f,
                    "  Inbox               http://{inbox}/   (no SMS leaves this machine)"
                )?;
            }
            None => writeln!(
                f,
                "  Messages            are sent through Kavenegar and cost money"
            )?,
        }
        if let Some(console) = console {
            writeln!(f, "  Console for staff   http://{console}/")?;
        }
        writeln!(f, "  Metrics             http://{metrics}/metrics")?;
        writeln!(f, "  Data                {database}\n")?;
        writeln!(f, "Ask for a code:\n")?;
        writeln!(f, "  curl -X POST {public_url}/api/v1/usr/otp \\")?;
        writeln!(f, "    -H 'Content-Type: application/json' \\")?;
        write!(f, "    -d '{{\"phone_number\": \"09123456789\"}}'")
    }
}
