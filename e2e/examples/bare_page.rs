//! A bare axum server that answers every request with one file: what pages are measured beside.
//! `bare_page ADDRESS FILE`

use std::error::Error;

use axum::Router;
use axum::response::Html;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("name an address and a file".into());
    };
    let page: &'static str = std::fs::read_to_string(file)?.leak();
    let router = Router::new().fallback(async move || Html(page));
    let listener = TcpListener::bind(address).await?;
    Ok(axum::serve(listener, router).await?)
}
