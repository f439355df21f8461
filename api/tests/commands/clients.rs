//! `api client`: the file of clients, edited and checked.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use oidc::clients::Clients;
use tempfile::TempDir;

use crate::stage::{Ran, run, text};

const SHOP: [&str; 7] = [
    "add",
    "shop",
    "--name=فروشگاه مریم",
    "--type=web",
    "--redirect-uri=https://shop.example.ir/callback",
    "--post-logout-redirect-uri=https://shop.example.ir/",
    "--scope=openid",
];

/// What is refused in a file with `app`, which has no secret, and what is said of it.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "add",
            "app",
            "--name=App",
            "--type=spa",
            "--redirect-uri=https://app.example.ir/",
        ],
        "already",
    ),
    (
        &[
            "add",
            "a-b",
            "--name=App",
            "--type=spa",
            "--redirect-uri=https://a.ir/",
        ],
        "must be of a-z, A-Z and 0-9 only",
    ),
    (
        &[
            "add",
            "b",
            "--name=B",
            "--type=spa",
            "--redirect-uri=http://b.example.ir/",
        ],
        "use https",
    ),
    (
        &[
            "add",
            "c",
            "--name=C",
            "--type=native",
            "--redirect-uri=shop:/callback",
        ],
        "a scheme without a dot",
    ),
    (
        &[
            "add",
            "d",
            "--name=D",
            "--type=spa",
            "--redirect-uri=https://d.ir/*",
        ],
        "name each address as it is",
    ),
    (
        &[
            "add",
            "e",
            "--name=E",
            "--type=spa",
            "--redirect-uri=https://e.ir/",
            "--without-pkce",
        ],
        "require_pkce",
    ),
    (
        &[
            "add",
            "f",
            "--name=F",
            "--type=web",
            "--redirect-uri=https://f.ir/",
            "--scope=phone",
        ],
        "lacks `openid`",
    ),
    (
        &[
            "add",
            "g",
            "--name=G",
            "--type=web",
            "--redirect-uri=https://g.ir/",
            "--id-token-alg=HS256",
        ],
        "RS256",
    ),
    (&["secret", "app"], "remove it, PKCE protects this type"),
    (&["secret", "nobody"], "`api client list` shows them"),
    (&["remove", "nobody"], "`api client list` shows them"),
    (&["check", "nobody"], "`api client list` shows them"),
];

struct Place {
    _folder: TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("clients.toml");
        Self {
            _folder: folder,
            file,
        }
    }

    fn client(&self, arguments: &[&str]) -> Ran {
        let arguments = [&["client"], arguments].concat();
        run(&arguments, &[("OIDC_CLIENTS_FILE", text(&self.file))])
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("a file")
    }

    fn clients(&self) -> Clients {
        Clients::read(&self.file).expect("nothing is wrong")
    }

    fn mode(&self) -> u32 {
        fs::metadata(&self.file).expect("a file").mode() & 0o7777
    }
}

/// The value of a line `NAME=value`.
fn given<'a>(stdout: &'a str, name: &str) -> &'a str {
    let mut lines = stdout.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name}: {stdout}"))
}

#[test]
fn a_client_is_added_its_secret_is_shown_once_and_only_its_hash_is_kept() {
    let place = Place::new();
    let ran = place.client(&SHOP);
    let stdout = ran.done();
    assert_eq!(given(&stdout, "CLIENT_ID"), "shop");
    let secret = given(&stdout, "CLIENT_SECRET");
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(!place.text().contains(secret), "{}", place.text());
    assert_eq!(place.mode(), 0o600);
    let clients = place.clients();
    let shop = clients.find("shop").expect("added");
    assert!(shop.knows_secret(secret) && !shop.knows_secret("another"));
    assert_eq!(shop.name, "فروشگاه مریم");
    assert!(shop.require_pkce && !shop.offline);
    assert_eq!(shop.scopes.iter().collect::<Vec<_>>(), ["openid"]);

    for (id, kind, address) in [
        ("app", "spa", "https://app.example.ir/"),
        ("handy", "native", "ir.example.app:/callback"),
    ] {
        let kind = format!("--type={kind}");
        let address = format!("--redirect-uri={address}");
        let added = place
            .client(&["add", id, "--name=App", &kind, &address])
            .done();
        assert_eq!(
            added,
            format!("CLIENT_ID={id}\n"),
            "nothing secret goes into an app"
        );
    }
    let listed = place.client(&["list"]).done();
    assert_eq!(
        listed,
        "app  spa  App\n    https://app.example.ir/\n\
         handy  native  App\n    ir.example.app:/callback\n\
         shop  web  فروشگاه مریم\n    https://shop.example.ir/callback\n"
    );
    assert!(!listed.contains(secret));
}

#[test]
fn a_site_that_signs_has_no_secret_and_its_keys_are_found_from_anywhere() {
    let place = Place::new();
    let jwks = place.file.with_file_name("shop.json");
    let missing = [&SHOP[..], &["--jwks-file", text(&jwks)]].concat();
    assert!(place.client(&missing).refused().contains("shop.json"));
    // The vector of RFC 8037, appendix A.2.
    let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    fs::write(&jwks, key).expect("written");
    let added = place.client(&missing).done();
    assert_eq!(added, "CLIENT_ID=shop\n");
    assert!(
        place.text().contains("jwks_file = \"shop.json\""),
        "{}",
        place.text()
    );
    let clients = place.clients();
    let shop = clients.find("shop").expect("added");
    assert!(shop.is_confidential() && !shop.has_secret());
}

#[test]
fn two_secrets_are_right_until_the_older_one_is_retired() {
    let place = Place::new();
    let first = place.client(&SHOP).done();
    let first = given(&first, "CLIENT_SECRET");
    assert!(
        place
            .client(&["secret", "shop", "--retire"])
            .refused()
            .contains("has one secret")
    );
    let second = place.client(&["secret", "shop"]).done();
    let second = given(&second, "CLIENT_SECRET");
    assert_ne!(first, second);
    let knows = |secret: &str| {
        place
            .clients()
            .find("shop")
            .expect("there")
            .knows_secret(secret)
    };
    assert!(knows(first) && knows(second));
    let third = place.client(&["secret", "shop"]).refused();
    assert!(
        third.contains("`api client secret shop --retire` removes it"),
        "{third}"
    );
    let checked = place.client(&["check"]).done();
    assert!(checked.contains("has two secrets"), "{checked}");
    assert_eq!(place.client(&["secret", "shop", "--retire"]).done(), "");
    assert!(!knows(first) && knows(second));
    assert_eq!(
        place.client(&["check", "shop"]).done().lines().last(),
        Some("1 client is right")
    );
}

#[test]
fn comments_owner_permissions_and_links_stay_and_what_is_refused_changes_nothing() {
    let place = Place::new();
    place.client(&SHOP).done();
    let commented = place
        .text()
        .replace("[[clients]]", "# Of Maryam, ticket 12.\n[[clients]]")
        + "# The end.\n";
    fs::write(&place.file, &commented).expect("written");
    fs::set_permissions(&place.file, Permissions::from_mode(0o640)).expect("set");
    let link = place.file.with_file_name("link.toml");
    std::os::unix::fs::symlink(&place.file, &link).expect("a link");
    let add = [
        "client",
        "add",
        "app",
        "--name=App",
        "--type=spa",
        "--redirect-uri=https://app.example.ir/",
        "--file",
    ];
    run(&[&add[..], &[text(&link)]].concat(), &[]).done();
    assert!(place.text().starts_with(&commented), "{}", place.text());
    assert!(link.is_symlink());
    assert_eq!(place.mode(), 0o640);

    let before = place.text();
    for (refused, why) in REFUSED {
        let said = place.client(refused).refused();
        assert!(said.contains(why), "{refused:?}: {said}");
        assert_eq!(place.text(), before, "{refused:?}");
    }
    place.client(&["remove", "app"]).done();
    assert_eq!(place.text(), commented);
}

#[test]
fn check_says_what_is_wrong_with_each_client_and_what_may_not_be_meant() {
    let place = Place::new();
    place.client(&SHOP).done();
    let good = place.text();
    let broken = format!(
        "{good}\n[[clients]]\nid = \"app\"\nname = \"App\"\ntype = \"spa\"\nredirect_uri = [\"https://a.ir/\"]\n"
    );
    fs::write(&place.file, &broken).expect("written");
    let said = place.client(&["check"]).refused();
    assert!(
        said.contains(
            "client `app`: redirect_uri is no field of a client; did you mean redirect_uris?"
        ),
        "{said}"
    );
    assert!(
        said.contains("client `app`: redirect_uris is empty"),
        "{said}"
    );
    assert_eq!(
        place.client(&["check", "shop"]).done(),
        "nothing is wrong with this client\n"
    );
    // What is wrong elsewhere is in nobody's way.
    place.client(&["secret", "shop"]).done();
    place.client(&["remove", "app"]).done();
    assert_eq!(
        place.client(&["check"]).done().lines().last(),
        Some("1 client is right")
    );

    fs::write(&place.file, "[[clients]]\nid = \n").expect("written");
    for command in [&["check"][..], &["list"], &["remove", "shop"]] {
        let said = place.client(command).refused();
        assert!(said.contains("not TOML"), "{command:?}: {said}");
    }
    fs::set_permissions(&place.file, Permissions::from_mode(0o644)).expect("set");
    fs::write(
        &place.file,
        "[[clients]]\nid = \"dev\"\nname = \"Dev\"\ntype = \"spa\"\noffline = true\nscopes = [\"openid\"]\n\
         id_token_alg = \"EdDSA\"\nredirect_uris = [\"http://127.0.0.1:5173/\"]\n",
    )
    .expect("written");
    let said = place.client(&["check"]).done();
    for hint in [
        "an address on this machine",
        "post_logout_redirect_uris",
        "does not learn the number",
        "offline = true",
        "RS256 works with all",
        "`chmod 600` it",
        "1 client is right",
    ] {
        assert!(said.contains(hint), "{hint}: {said}");
    }
}

#[test]
fn without_a_file_it_says_which_setting_names_it() {
    let unset = run(&["client", "list"], &[]).refused();
    assert!(
        unset.contains("OIDC_CLIENTS_FILE: is not set, and no --file names"),
        "{unset}"
    );
    let place = Place::new();
    for command in [
        &["list"][..],
        &["check"],
        &["remove", "shop"],
        &["secret", "shop"],
    ] {
        let said = place.client(command).refused();
        assert!(
            said.contains("is not there; `api client add` makes it"),
            "{command:?}: {said}"
        );
    }
    assert!(!place.file.exists());
    let folder = place.file.with_file_name("nowhere").join("clients.toml");
    let arguments = [&["client"], &SHOP[..], &["--file", text(&folder)]].concat();
    let said = run(&arguments, &[]).refused();
    assert!(said.contains("nowhere"), "{said}");
    assert!(!Path::new(&folder).exists());
}

#[test]
fn runs_at_once_lose_no_client() {
    let place = &Place::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let id = format!("app{number}");
                let add = [
                    "add",
                    &id,
                    "--name=App",
                    "--type=spa",
                    "--redirect-uri=https://a.ir/",
                ];
                place.client(&add).done();
            });
        }
    });
    assert_eq!(place.clients().len(), 8);
}
