//! What a file of clients may say, and what is said of one that says something else.

use std::path::Path;

use super::*;

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn read(text: &str) -> Result<Clients, ClientsError> {
    Clients::parse(text, Path::new("/etc/ramz/clients.toml"))
}

fn client(kind: &str, redirect: &str, more: &str) -> String {
    let secret = if kind == "web" {
        format!("secret_sha256 = \"{HASH}\"")
    } else {
        String::new()
    };
    format!(
        "[[clients]]\nid = \"shop\"\nname = \"Shop\"\ntype = \"{kind}\"\n{secret}\nredirect_uris = [\"{redirect}\"]\n{more}\n"
    )
}

fn told(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

#[test]
fn a_file_has_all_fields_of_a_client_and_the_defaults_are_the_safe_ones() {
    let clients = read(&client("web", "https://shop.example.ir/callback", "")).expect("a client");
    let shop = clients.find("shop").expect("there");
    assert!(shop.is_confidential() && shop.require_pkce && !shop.offline);
    assert_eq!(shop.id_token_alg, IdTokenAlg::Rs256);
    assert!(shop.knows_secret("test") && !shop.knows_secret("Test") && !shop.knows_secret(""));
    assert!(!format!("{shop:?}").contains("9f86"), "{shop:?}");
    let whole = "post_logout_redirect_uris = [\"https://shop.example.ir/\"]\norigins = [\"https://app.example.ir\"]\nscopes = [\"openid\", \"phone\"]\noffline = true\nid_token_alg = \"EdDSA\"\nrequire_pkce = false\nbackchannel_logout_uri = \"https://shop.example.ir/out\"";
    let clients =
        read(&client("web", "https://shop.example.ir/callback", whole)).expect("a client");
    let shop = clients.find("shop").expect("there");
    assert_eq!(shop.id_token_alg.as_str(), "EdDSA");
    assert!(shop.offline && !shop.require_pkce && shop.has_origin("https://app.example.ir"));
    assert!(!shop.has_origin("https://app.example.ir.evil.example"));
    assert!(shop.may_lead_to_after_log_out("https://shop.example.ir/"));
    assert_eq!(shop.scopes.len(), 2);
    let spa = client("spa", "https://app.example.ir/back", "");
    let spa = read(&spa).expect("a client");
    let spa = spa.find("shop").expect("there");
    assert!(!spa.is_confidential() && spa.has_origin("https://app.example.ir"));
    assert!(read("").expect("no clients").is_empty());
}

#[test]
fn redirect_addresses_are_https_or_what_apps_have() {
    for (kind, address) in [
        ("web", "https://shop.example.ir/callback?a=b"),
        ("web", "https://shop.example.ir"),
        ("web", "http://127.0.0.1:3000/callback"),
        ("spa", "http://localhost:5173/"),
        ("native", "https://shop.example.ir/app"),
        ("native", "http://127.0.0.1/callback"),
        ("native", "http://[::1]:8080/callback"),
        ("native", "ir.example.shop:/callback"),
    ] {
        assert!(read(&client(kind, address, "")).is_ok(), "{kind} {address}");
    }
    for (kind, address, words) in [
        ("web", "http://shop.example.ir/callback", "use https"),
        ("web", "https://shop.example.ir/#a", "fragment"),
        ("web", "https://*.example.ir/", "pattern"),
        ("web", "https://user@shop.example.ir/", "user or a password"),
        ("web", "https://shop.example.ir/a b", "encode it"),
        (
            "web",
            "https://Shop.example.ir/",
            "write `https://shop.example.ir/`",
        ),
        (
            "web",
            "https://shop.example.ir/a/../b",
            "write `https://shop.example.ir/b`",
        ),
        (
            "web",
            "https://shop.example.ir:443/b",
            "write `https://shop.example.ir/b`",
        ),
        ("web", "javascript:alert(1)", "no place"),
        ("native", "data:text/html,x", "no place"),
        ("native", "shop:/callback", "without a dot"),
        ("native", "ir.example.shop://callback", "one slash"),
        ("native", "http://localhost/callback", "127.0.0.1"),
        ("native", "http://127.0.0.1.evil.example/", "127.0.0.1"),
        ("web", "ir.example.shop:/callback", "native"),
        ("web", "callback", "is not an address"),
    ] {
        let told = told(&client(kind, address, ""));
        assert!(told.contains(words), "{address}: {told}");
        assert!(
            told.starts_with(
                "`/etc/ramz/clients.toml` (OIDC_CLIENTS_FILE) client `shop`: redirect_uris "
            ),
            "{told}"
        );
    }
}

#[test]
fn t05_only_the_registered_address_leads_back_byte_by_byte() {
    let clients = read(&client("web", "https://shop.example.ir/callback", "")).expect("a client");
    let shop = clients.find("shop").expect("there");
    assert!(shop.may_lead_back_to("https://shop.example.ir/callback"));
    for other in [
        "https://shop.example.ir/callback/",
        "https://shop.example.ir/Callback",
        "https://SHOP.example.ir/callback",
        "https://shop.example.ir:443/callback",
        "https://shop.example.ir/callback?",
        "https://shop.example.ir/callback?a=b",
        "https://shop.example.ir/callback#",
        "https://shop.example.ir/%63allback",
        "https://shop.example.ir/x/%2e%2e/callback",
        "https://user@shop.example.ir/callback",
        "https://shop.example.ir.evil.example/callback",
        "https://a.shop.example.ir/callback",
        "http://shop.example.ir/callback",
        "https://shop.example.ir/callbacl",
        "",
    ] {
        assert!(!shop.may_lead_back_to(other), "{other}");
    }
}

#[test]
fn an_app_on_loopback_may_choose_its_port_and_nothing_else() {
    let clients = read(&client("native", "http://127.0.0.1/callback", "")).expect("a client");
    let app = clients.find("shop").expect("there");
    for good in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:51004/callback",
    ] {
        assert!(app.may_lead_back_to(good), "{good}");
    }
    for other in [
        "http://127.0.0.1:51004/callback/",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:1@evil.example/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://[::1]:51004/callback",
        "http://localhost:51004/callback",
        "https://127.0.0.1:51004/callback",
    ] {
        assert!(!app.may_lead_back_to(other), "{other}");
    }
    let site = read(&client("web", "http://127.0.0.1:3000/callback", "")).expect("a client");
    let site = site.find("shop").expect("there");
    assert!(!site.may_lead_back_to("http://127.0.0.1:3001/callback"));
}

#[test]
fn what_is_wrong_names_client_and_field_and_says_what_to_do() {
    let web = |more: &str| client("web", "https://shop.example.ir/callback", more);
    let spa = |more: &str| client("spa", "https://shop.example.ir/callback", more);
    for (text, words) in [
        (
            web("redirect_url = \"x\""),
            "redirect_url is no field of a client; did you mean redirect_uris?",
        ),
        (
            web("zzz = 1"),
            "zzz is no field of a client; known are id, name",
        ),
        (web("offline = \"yes\""), "offline must be true or false"),
        (web("origins = \"https://a.ir\""), "origins must be a list"),
        (
            web("origins = [\"https://a.ir/\"]"),
            "origins `https://a.ir/` is not an origin",
        ),
        (web("origins = [\"http://a.ir\"]"), "use https"),
        (web("scopes = [\"phone\"]"), "lacks `openid`"),
        (
            web("scopes = [\"openid\", \"offline_access\"]"),
            "allowed by `offline = true`",
        ),
        (
            web("scopes = [\"openid\", \"phones\"]"),
            "is none of openid",
        ),
        (
            web("id_token_alg = \"none\""),
            "must be \"RS256\", \"ES256\" or \"EdDSA\"",
        ),
        (
            web("id_token_alg = \"HS256\""),
            "must be \"RS256\", \"ES256\" or \"EdDSA\"",
        ),
        (
            web("backchannel_logout_uri = \"http://shop.example.ir/\""),
            "use https",
        ),
        (web("jwks = 3"), "is no JWK set"),
        (
            web("jwks_file = \"gone.json\""),
            "`/etc/ramz/gone.json` cannot be read",
        ),
        (
            spa("require_pkce = false"),
            "require_pkce may be false only for",
        ),
        (
            spa(&format!("secret_sha256 = \"{HASH}\"")),
            "secret_sha256 is of no use",
        ),
        (
            web("").replace(HASH, "topsecret"),
            "must be the SHA-256 of the secret",
        ),
        (
            web("").replace("secret_sha256", "#"),
            "secret_sha256 is missing",
        ),
        (web("").replace("\"web\"", "\"site\""), "type must be"),
        (web("").replace("type", "#"), "type is missing"),
        (web("").replace("\"shop\"", "\"my-shop\""), "must be of a-z"),
        (
            web("").replace("id = \"shop\"", ""),
            "client `number 1`: id is missing",
        ),
        (
            web("").replace("[\"https://shop.example.ir/callback\"]", "[]"),
            "redirect_uris is empty",
        ),
        (
            format!("{}{}", web(""), web("")),
            "client `shop`: id is there twice",
        ),
        (web("") + "[client]\n", "holds `client`"),
        (
            "clients = 3".to_owned(),
            "must begin each client with `[[clients]]`",
        ),
        ("[[clients]\n".to_owned(), "is not TOML at line 1"),
        ("\n\na = \n".to_owned(), "is not TOML at line 3"),
    ] {
        let told = told(&text);
        assert!(told.contains(words), "{words}: {told}");
        assert!(!told.contains("topsecret"), "{told}");
    }
    let several = told(&web("offline = 1\nrequire_pkce = 2"));
    assert_eq!(several.lines().count(), 3, "{several}");
}

#[test]
fn keys_of_a_client_are_public_ones() {
    let key = r#"{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid = "a" }"#;
    let text = client(
        "web",
        "https://shop.example.ir/callback",
        &format!("jwks = {{ keys = [{key}] }}"),
    );
    let clients = read(&text).expect("a client");
    let keys = clients
        .find("shop")
        .and_then(|shop| shop.keys.as_ref())
        .expect("keys");
    let found = |id, algorithm| keys.candidates(id, algorithm).count();
    assert_eq!(found(Some("a"), jsonwebtoken::Algorithm::EdDSA), 1);
    assert_eq!(found(Some("b"), jsonwebtoken::Algorithm::EdDSA), 0);
    assert_eq!(found(None, jsonwebtoken::Algorithm::RS256), 0);
    let private = text.replace(
        "kid =",
        "d = \"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\", kid =",
    );
    assert!(told(&private).contains("private key"), "{}", told(&private));
    let folder = tempfile::tempdir().expect("a folder");
    let json = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    std::fs::write(folder.path().join("shop.json"), json).expect("written");
    let text = client(
        "web",
        "https://shop.example.ir/callback",
        "jwks_file = \"shop.json\"",
    );
    let path = folder.path().join("clients.toml");
    std::fs::write(&path, text.replace("secret_sha256", "#")).expect("written");
    let clients = Clients::read(&path).expect("a client without a secret");
    assert!(clients.find("shop").is_some_and(Client::is_confidential));
    assert!(Clients::read(&folder.path().join("gone.toml")).is_err());
}

/// Each is refused with these words, and taken when they are followed.
#[test]
fn what_a_file_of_clients_is_told_mends_it() {
    let good = client("web", "https://shop.example.ir/callback", "");
    let web = |more: &str| client("web", "https://shop.example.ir/callback", more);
    let at = |address: &str| client("web", address, "");
    let spa = client("spa", "https://shop.example.ir/callback", "");
    let jwk =
        r#"{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }"#;
    let keys = |keys: &str| web(&format!("jwks = {{ keys = [{keys}] }}"));
    let private = jwk.replace(
        "x =",
        "d = \"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\", x =",
    );
    for (wrong, told_words, mended) in [
        (
            at("javascript:alert(1)"),
            "no place that a browser may be sent to; use https",
            good.clone(),
        ),
        (
            at("https://*.example.ir/"),
            "name each address as it is",
            good.clone(),
        ),
        (
            at("https://u@shop.example.ir/callback"),
            "leave it out",
            good.clone(),
        ),
        (at("ir.example.shop:/callback"), "use https", good.clone()),
        (
            at("https://SHOP.example.ir/callback"),
            "write `https://shop.example.ir/callback`",
            good.clone(),
        ),
        (
            web("origins = [\"https://a.ir\", \"https://a.ir\"]"),
            "is there twice; remove one",
            web("origins = [\"https://a.ir\"]"),
        ),
        (
            good.replace(&format!("\"{HASH}\""), &format!("[\"{HASH}\", \"{HASH}\"]")),
            "is there twice; remove one",
            good.clone(),
        ),
        (
            web(&format!(
                "jwks_file = \"a.json\"\njwks = {{ keys = [{jwk}] }}"
            )),
            "keep one of them",
            keys(jwk),
        ),
        (
            web("scopes = [\"openid\", \"offline_access\"]"),
            "leave it out here",
            web("scopes = [\"openid\"]\noffline = true"),
        ),
        (
            web("scopes = [\"phone\"]"),
            "add it",
            web("scopes = [\"phone\", \"openid\"]"),
        ),
        (
            good.replace("[\"https://shop.example.ir/callback\"]", "[]"),
            "name where people are led back to",
            good.clone(),
        ),
        (
            format!("{spa}secret_sha256 = \"{HASH}\""),
            "remove it, PKCE protects this type",
            spa.clone(),
        ),
        (
            format!("{spa}require_pkce = false"),
            "remove the line",
            spa.clone(),
        ),
        (
            keys(&private),
            "give the public half only, and make a new key",
            keys(jwk),
        ),
        (keys(""), "give 1 to 10", keys(jwk)),
    ] {
        let told = told(&wrong);
        assert!(told.contains(told_words), "{told_words}: {told}");
        let read = read(&mended);
        assert!(read.is_ok(), "{told_words}: {read:?}");
    }
}
