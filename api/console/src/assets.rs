//! Style, script and fonts, from our own host and under names that change with their content.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

/// Where they lie.
const FOLDER: &str = "/assets/";
const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &[u8] = include_bytes!("../assets/console.js");
/// Those of the pages for people: one look, one set of files.
const FILES: [(&str, &[u8]); 4] = [
    (
        "vazirmatn-400.woff2",
        include_bytes!("../../pages/assets/fonts/vazirmatn-400.woff2"),
    ),
    (
        "vazirmatn-500.woff2",
        include_bytes!("../../pages/assets/fonts/vazirmatn-500.woff2"),
    ),
    (
        "vazirmatn-700.woff2",
        include_bytes!("../../pages/assets/fonts/vazirmatn-700.woff2"),
    ),
    ("icon.svg", include_bytes!("../../pages/assets/icon.svg")),
];
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// All of them, ready to be served.
#[derive(Debug)]
pub(crate) struct Assets {
    files: BTreeMap<String, (HeaderValue, Bytes)>,
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
}

impl Assets {
    /// The files of the console.
    pub(crate) fn new() -> Self {
        let mut assets = Self {
            files: BTreeMap::new(),
            style: String::new(),
            script: String::new(),
            icon: String::new(),
        };
        let mut style = STYLE.to_owned();
        for (name, bytes) in FILES {
            let path = assets.add(name, Bytes::from_static(bytes));
            style = style.replace(&format!("\"{name}\""), &format!("\"{path}\""));
            if name == "icon.svg" {
                assets.icon = path;
            }
        }
        assets.style = assets.add("console.css", Bytes::from(style));
        assets.script = assets.add("console.js", Bytes::from_static(SCRIPT));
        assets
    }

    /// Takes a file in and gives its address.
    fn add(&mut self, name: &str, bytes: Bytes) -> String {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let hash = Sha256::digest(&bytes);
        let name = format!("{stem}-{}.{extension}", hex::encode(&hash[..6]));
        let path = format!("{FOLDER}{name}");
        let media_type = HeaderValue::from_static(match extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "woff2" => "font/woff2",
            "svg" => "image/svg+xml",
            _ => "application/octet-stream",
        });
        self.files.insert(name, (media_type, bytes));
        path
    }
}

/// Serves one of them.
pub(crate) async fn serve(State(assets): State<Arc<Assets>>, Path(name): Path<String>) -> Response {
    let Some((media_type, bytes)) = assets.files.get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = bytes.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type.clone());
    headers.insert(CACHE_CONTROL, FOR_GOOD);
    response
}
