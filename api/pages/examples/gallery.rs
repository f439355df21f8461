//! Lays every page in every state down as files, to be looked at and photographed without a server:
//! `cargo run -p pages --example gallery -- FOLDER`.
//!
//! `FOLDER/dark/` holds the same pages as dark ones, whatever the browser prefers.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use domain::challenge::Locale;
use pages::gallery::Gallery;
use shared::config::PagesConfig;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder")?;
    let folder = PathBuf::from(folder);
    let gallery = Gallery::new(&PagesConfig::default());
    lay_down(&gallery, &folder.join("light"), |style| style)?;
    lay_down(&gallery, &folder.join("dark"), |style| {
        style.replace("(prefers-color-scheme: dark)", "all")
    })
}

fn lay_down(
    gallery: &Gallery,
    folder: &Path,
    restyle: impl Fn(String) -> String,
) -> Result<(), Box<dyn Error>> {
    let assets = folder.join("assets");
    fs::create_dir_all(&assets)?;
    for (name, bytes) in gallery.assets() {
        let is_style = Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "css");
        if is_style {
            let style = String::from_utf8(bytes.to_vec())?;
            let style = restyle(style).replace("\"/assets/", "\"");
            fs::write(assets.join(name), style)?;
        } else {
            fs::write(assets.join(name), bytes)?;
        }
    }
    for locale in [Locale::Fa, Locale::En] {
        for scene in gallery.scenes(locale) {
            let html = scene
                .html
                .replace("\"/assets/", "\"assets/")
                .replace(" crossorigin>", ">");
            let name = format!("{}.{}.html", scene.name, locale.as_str());
            fs::write(folder.join(name), html)?;
        }
    }
    Ok(())
}
