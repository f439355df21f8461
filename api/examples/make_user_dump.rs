//! Prints a dump of users for measuring `api import-users`, the same for the same arguments:
//!
//! ```text
//! cargo run --release -p api --example make_user_dump -- 1000000 > users.csv
//! cargo run --release -p api --example make_user_dump -- 1000000 json > users.json
//! ```
//!
//! Every hundredth row is one that is refused: a repeated number, a landline, or an unknown hash.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const HEADER: &str = "id,password,last_login,is_superuser,username,first_name,last_name,email,\
    is_staff,is_active,date_joined,phone_number";

struct Row {
    id: u64,
    phone: String,
    password: String,
    joined: String,
}

fn row(id: u64) -> Row {
    let number = |id: u64| format!("0{}", 9_000_000_000 + id);
    let phone = match (id % 300, id) {
        (100, _) => number(id - 1),
        (200, _) => format!("021{:08}", 20_000_000 + id % 1_000_000),
        _ => number(id),
    };
    let password = match id % 300 {
        0 => format!("md5$salt${id:032x}"),
        _ if id.is_multiple_of(4) => format!("!{id:040}"),
        // As long as a real one; nobody will log in.
        _ => format!("pbkdf2_sha256$1000000${id:022}${:A>43}=", "A"),
    };
    let (day, hour, minute, second) = (1 + id % 28, id / 28 % 24, id / 7 % 60, id % 60);
    let joined = format!("2024-05-{day:02} {hour:02}:{minute:02}:{second:02}.123456+00:00");
    Row {
        id,
        phone,
        password,
        joined,
    }
}

fn write(rows: u64, json: bool, out: &mut impl Write) -> io::Result<()> {
    out.write_all(if json { b"[" } else { HEADER.as_bytes() })?;
    for id in 1..=rows {
        let Row {
            id,
            phone,
            password,
            joined,
        } = row(id);
        if json {
            let comma = if id == 1 { "" } else { "," };
            let joined = joined.replace(' ', "T");
            write!(
                out,
                r#"{comma}
{{"model": "accounts.user", "pk": {id}, "fields": {{"password": "{password}", "last_login": null, "is_superuser": false, "username": "user{id}", "first_name": "مریم", "last_name": "Rahimi", "email": "user{id}@example.com", "is_staff": false, "is_active": true, "date_joined": "{joined}", "phone_number": "{phone}", "groups": [], "user_permissions": []}}}}"#
            )?;
        } else {
            write!(
                out,
                "\n{id},{password},,False,user{id},مریم,Rahimi,user{id}@example.com,False,True,\
                 {joined},{phone}"
            )?;
        }
    }
    out.write_all(if json { b"\n]\n" } else { b"\n" })?;
    out.flush()
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().and_then(|rows| rows.parse().ok());
    let json = match arguments.next().as_deref() {
        None | Some("csv") => Some(false),
        Some("json") => Some(true),
        Some(_) => None,
    };
    let (Some(rows), Some(json)) = (rows, json) else {
        eprintln!("say how many rows, and then `csv` or `json`");
        return ExitCode::FAILURE;
    };
    match write(rows, json, &mut BufWriter::new(io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make_user_dump: {error}");
            ExitCode::FAILURE
        }
    }
}
