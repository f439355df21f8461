//! Style, script, fonts and pictures, from our own host and under names that change with their content,
//! so that browsers keep them for good and never ask again.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};
use shared::config::{BrandColor, PagesConfig};

use crate::state::PagesState;

/// Where they lie.
pub(crate) const FOLDER: &str = "/assets/";

const STYLE: &str = include_str!("../assets/pages.css");
const SCRIPT: &[u8] = include_bytes!("../assets/pages.js");
const FILES: [(&str, &[u8]); 5] = [
    (
        "vazirmatn-400.woff2",
        include_bytes!("../assets/fonts/vazirmatn-400.woff2"),
    ),
    (
        "vazirmatn-500.woff2",
        include_bytes!("../assets/fonts/vazirmatn-500.woff2"),
    ),
    (
        "vazirmatn-700.woff2",
        include_bytes!("../assets/fonts/vazirmatn-700.woff2"),
    ),
    ("pattern.svg", include_bytes!("../assets/pattern.svg")),
    ("icon.svg", include_bytes!("../assets/icon.svg")),
];

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A picture that somebody opens by itself runs nothing.
const PICTURE_ONLY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// All of them, ready to be served.
#[derive(Debug)]
pub(crate) struct Assets {
    files: BTreeMap<String, (HeaderValue, Bytes)>,
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
    pub(crate) logo: Option<String>,
    /// Fonts that every Persian page needs, to be asked for at once.
    pub(crate) fonts: Vec<String>,
}

impl Assets {
    /// The files of these pages.
    pub(crate) fn new(config: &PagesConfig) -> Self {
        let mut assets = Self {
            files: BTreeMap::new(),
            style: String::new(),
            script: String::new(),
            icon: String::new(),
            logo: None,
            fonts: Vec::new(),
        };
        let mut style = STYLE.to_owned();
        for (name, bytes) in FILES {
            let path = assets.add(name, Bytes::from_static(bytes));
            style = style.replace(&format!("\"{name}\""), &format!("\"{path}\""));
            if name.ends_with("400.woff2") || name.ends_with("700.woff2") {
                assets.fonts.push(path);
            } else if name == "icon.svg" {
                assets.icon = path;
            }
        }
        if let Some(color) = config.brand_color {
            style.push_str(&in_color(color));
        }
        assets.style = assets.add("pages.css", Bytes::from(style));
        assets.script = assets.add("pages.js", Bytes::from_static(SCRIPT));
        if let Some(logo) = &config.logo {
            let name = format!("logo.{}", logo.extension);
            assets.logo = Some(assets.add(&name, Bytes::from(logo.bytes.clone())));
        }
        assets
    }

    /// Takes a file in and gives its address.
    fn add(&mut self, name: &str, bytes: Bytes) -> String {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let hash = Sha256::digest(&bytes);
        let hash: String = hex::encode(&hash[..6]);
        let name = format!("{stem}-{hash}.{extension}");
        let path = format!("{FOLDER}{name}");
        self.files.insert(name, (media_type(extension), bytes));
        path
    }

    /// Names and contents, for anyone who lays the pages down as files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.iter();
        files.map(|(name, (_, bytes))| (name.as_str(), bytes.as_ref()))
    }
}

/// The colour of the operator in place of ours.
fn in_color(color: BrandColor) -> String {
    format!(
        ":root{{--accent:{};--wash:{}}}@media (prefers-color-scheme:dark){{:root{{--accent:{};--wash:{}}}}}\n",
        color.light(),
        color.light_wash(),
        color.dark(),
        color.dark_wash()
    )
}

fn media_type(extension: &str) -> HeaderValue {
    HeaderValue::from_static(match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "woff2" => "font/woff2",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "jpg" => "image/jpeg",
        _ => "application/octet-stream",
    })
}

/// Serves one of them.
pub(crate) async fn serve(State(state): State<PagesState>, Path(name): Path<String>) -> Response {
    let Some((media_type, bytes)) = state.look.assets.files.get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = bytes.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type.clone());
    headers.insert(CACHE_CONTROL, FOR_GOOD);
    headers.insert(CONTENT_SECURITY_POLICY, PICTURE_ONLY);
    response
}
