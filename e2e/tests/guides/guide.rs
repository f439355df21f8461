//! The files in a guide: a block of code after `<!-- file: NAME -->`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FENCE: &str = "```";

/// The files of a guide, by name.
pub(crate) struct Guide(BTreeMap<String, String>);

impl Guide {
    /// Reads a guide of `docs/guides`.
    pub(crate) fn read(name: &str) -> Self {
        let path = guides().join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self(files(&text).unwrap_or_else(|problem| panic!("{name}: {problem}")))
    }

    /// The text of one file.
    pub(crate) fn file(&self, name: &str) -> &str {
        let text = self.0.get(name);
        text.unwrap_or_else(|| panic!("no file {name} in the guide"))
    }

    /// Writes these files to a folder.
    pub(crate) fn write(&self, folder: &Path, names: &[&str]) {
        for name in names {
            fs::write(folder.join(name), self.file(name)).expect("written");
        }
    }
}

/// A file beside these tests: what is needed around a guide and is not part of it.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/guides")
        .join(name)
}

fn guides() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides")
}

/// Every block must be a file: one that is none would never be run.
fn files(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    let mut name = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(FENCE) {
            let name: String = name
                .take()
                .ok_or(format!("{line}: a block without a name"))?;
            let mut text = String::new();
            for line in lines.by_ref().take_while(|line| *line != FENCE) {
                text.push_str(line);
                text.push('\n');
            }
            if files.insert(name.clone(), text).is_some() {
                return Err(format!("{name} is there twice"));
            }
        } else {
            let marker = line.strip_prefix("<!-- file: ");
            name = marker
                .and_then(|rest| rest.strip_suffix(" -->"))
                .map(str::to_owned);
        }
    }
    Ok(files)
}

#[test]
fn every_block_of_every_guide_is_a_file() {
    let expected = [
        (
            "django.md",
            &["ramz_auth.py", "settings.py", "views.py"][..],
        ),
        ("mobile.md", &["RamzClient.java", "SignIn.java"]),
        ("node.md", &["ramz-auth.mjs", "server.mjs"]),
        (
            "openid-django.md",
            &[
                "add-client.sh",
                "ramz_oidc.py",
                "settings.py",
                "urls.py",
                "views.py",
            ],
        ),
        (
            "openid-example.md",
            &["add-client.sh", "example.py", "start.sh"],
        ),
        (
            "openid-mobile.md",
            &["Loopback.java", "RamzSignIn.java", "add-client.sh"],
        ),
        ("openid-node.md", &["add-client.sh", "site.mjs"]),
        (
            "openid-spa.md",
            &["add-client.sh", "app.js", "config.js", "index.html"],
        ),
        ("other-origins.md", &["ramz-client.js", "ramz.env"]),
        (
            "web.md",
            &[
                "example.ir.conf",
                "index.html",
                "ramz.css",
                "ramz.env",
                "ramz.js",
            ],
        ),
    ];
    // A new guide, or a new file in one, needs a test that runs it.
    let mut guides: Vec<_> = fs::read_dir(guides())
        .expect("the guides")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    guides.sort();
    assert_eq!(guides, expected.map(|(guide, _)| guide));
    for (guide, files) in expected {
        let found = Guide::read(guide).0;
        assert!(found.keys().eq(files), "{guide}: {:?}", found.keys());
    }
}

#[test]
fn a_block_without_a_name_is_noticed() {
    let text = "<!-- file: a.txt -->\n```\none\n```\n\n```sh\nrm\n```\n";
    assert!(files(text).is_err_and(|problem| problem.contains("sh")));
    let read = files(&text[..32]).expect("files");
    assert_eq!(read["a.txt"], "one\n");
}
