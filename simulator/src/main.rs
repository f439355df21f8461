//! The simulator as a program: `simulator --help`.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use axum_server::{
    Handle,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use clap::Parser;
use simulator::{Account, ResettableAcceptor, Simulator, SimulatorConfig, Template, tls::LocalTls};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

/// How long open calls may go on after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(1);

/// A simulator that is silent for so long does not serve.
const HEALTHCHECK_LIMIT: Duration = Duration::from_secs(4);

/// A local Kavenegar: takes the calls of the SMS gateway, sends nothing, and shows what the
/// handsets would have got.
///
/// The inbox is at /, the gateway under /v1/, the controls (faults, account, messages, counts)
/// under /_sim/. Anybody who can connect can read every message, so listen on loopback.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address for plain HTTP; port 0 takes any free one
    #[arg(
        long,
        env = "SIMULATOR_LISTEN",
        default_value = "127.0.0.1:8025",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,

    /// Address for the same over https, for clients that insist on it
    #[arg(
        long,
        env = "SIMULATOR_TLS_LISTEN",
        value_name = "ADDRESS",
        requires = "tls_dir"
    )]
    tls_listen: Option<SocketAddr>,

    /// Directory for ca.pem, the authority that https clients have to trust
    #[arg(long, env = "SIMULATOR_TLS_DIR", value_name = "DIR")]
    tls_dir: Option<PathBuf>,

    /// File to which one JSON line is appended for each gateway call before its answer is sent
    #[arg(long, env = "SIMULATOR_JOURNAL", value_name = "FILE")]
    journal: Option<PathBuf>,

    /// API key to accept, may be repeated; without it every key of letters and digits is accepted
    #[arg(
        long = "api-key",
        env = "SIMULATOR_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    api_keys: Vec<String>,

    /// Template for verify/lookup, may be repeated; ramz-otp and ramz-otp-en are always there
    #[arg(long = "template", value_name = "NAME=TEXT", value_parser = parse_template)]
    templates: Vec<(String, String)>,

    /// Line of the account, may be repeated; without it every line of digits is the account's own
    #[arg(long = "line", value_name = "NUMBER")]
    lines: Vec<String>,

    /// Name under which the simulator is reached, may be repeated or separated by commas; localhost and IP
    /// addresses always work, other names are refused, because a stranger's page could have them
    #[arg(
        long = "host",
        env = "SIMULATOR_HOSTS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    hosts: Vec<String>,

    /// Credit at the start, in rials
    #[arg(long, value_name = "RIALS", default_value_t = Account::default().credit)]
    credit: i64,

    /// Messages to keep; beyond it the oldest is forgotten
    #[arg(long, value_name = "COUNT", default_value_t = SimulatorConfig::default().capacity)]
    capacity: usize,

    /// Start nothing; ask the simulator that listens there (--listen) whether it lives
    #[arg(long)]
    healthcheck: bool,
}

fn parse_template(text: &str) -> Result<(String, String), String> {
    let (name, text) = text
        .split_once('=')
        .ok_or("NAME=TEXT is expected, such as otp=%token")?;
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || !name.bytes().all(plausible) {
        return Err("a template's name has English letters, digits and - only".to_owned());
    }
    Ok((name.to_owned(), text.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.healthcheck {
        return check_health(arguments.listen).await;
    }
    let simulator = Simulator::new(config(&arguments))?;
    let handle = Handle::new();
    let service = simulator
        .router()
        .into_make_service_with_connect_info::<SocketAddr>();
    let mut servers = JoinSet::new();

    let (listener, address) = bind(arguments.listen)?;
    println!("simulator: inbox and gateway at http://{address}/");
    let server = axum_server::from_tcp(listener)?.acceptor(ResettableAcceptor);
    servers.spawn(server.handle(handle.clone()).serve(service.clone()));

    if let (Some(listen), Some(directory)) = (arguments.tls_listen, &arguments.tls_dir) {
        let tls = LocalTls::create(directory)?;
        let (listener, address) = bind(listen)?;
        println!("simulator: the same over https at https://{address}/");
        println!(
            "simulator: https clients have to trust {}",
            tls.ca_file.display()
        );
        let acceptor =
            RustlsAcceptor::new(RustlsConfig::from_config(tls.config)).acceptor(ResettableAcceptor);
        let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
        servers.spawn(server.handle(handle.clone()).serve(service));
    }

    let reports = tokio::spawn(async move { simulator.send_reports().await });
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked?,
        _ = terminate.recv() => {}
        Some(ended) = servers.join_next() => ended??,
    }
    handle.graceful_shutdown(Some(FAREWELL));
    reports.abort();
    while let Some(ended) = servers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Asks the page of the account, which touches no message.
async fn check_health(listen: SocketAddr) -> Result<(), Box<dyn Error>> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let url = format!("http://{}/_sim/account", SocketAddr::new(ip, listen.port()));
    // It is plain http, and it must work in an image without root certificates.
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(HEALTHCHECK_LIMIT)
        .build()?;
    client.get(url).send().await?.error_for_status()?;
    Ok(())
}

fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let failed = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    if !bound.ip().is_loopback() {
        tracing::warn!(%bound, "not loopback: anyone who can connect can read every message");
    }
    Ok((listener, bound))
}

fn config(arguments: &Arguments) -> SimulatorConfig {
    let mut account = Account {
        credit: arguments.credit,
        ..Account::default()
    };
    if !arguments.lines.is_empty() {
        account.lines = Some(arguments.lines.clone());
        account.default_sender = arguments.lines.first().cloned();
    }
    let templates = arguments.templates.iter();
    let templates: BTreeMap<String, Template> = templates
        .map(|(name, text)| {
            (
                name.clone(),
                Template {
                    text: text.clone(),
                    approved: true,
                },
            )
        })
        .collect();
    account.templates.extend(templates);
    SimulatorConfig {
        api_keys: arguments.api_keys.clone(),
        journal: arguments.journal.clone(),
        capacity: arguments.capacity,
        account,
        hosts: arguments.hosts.clone(),
        ..SimulatorConfig::default()
    }
}
