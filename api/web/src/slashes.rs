//! Paths with and without a slash at their end lead to the same place.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::uri::PathAndQuery;
use http::{Method, Uri};
use tower_service::Service as _;

/// The paths of routes for which a slash at the end means something.
#[derive(Clone, Debug, Default)]
pub struct MeantSlashes {
    /// They have the slash in their own name, as does what lies below them.
    pub names: BTreeSet<String>,
    /// What stands before a parameter. With nothing in its place a request must not change what the
    /// path above it stands for: a client that lacks an id does not mean all.
    pub before_parameters: BTreeSet<String>,
}

/// Serves a path that ends with a slash as the one without it, except where the slash means something.
pub fn forgive_slashes(router: Router, meant: MeantSlashes) -> Router {
    let meant = Arc::new(meant);
    // Which route a request meets is decided by its path, so the path is changed before there is one.
    Router::new().fallback(move |mut request: Request| {
        if let Some(uri) = without_slash(request.method(), request.uri(), &meant) {
            *request.uri_mut() = uri;
        }
        call(router.clone(), request)
    })
}

async fn call(mut router: Router, request: Request) -> Response {
    // A router is always ready and never fails.
    let Ok(response) = router.call(request).await;
    response
}

fn without_slash(method: &Method, uri: &Uri, meant: &MeantSlashes) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.strip_suffix('/')?;
    if trimmed.is_empty() || trimmed.ends_with('/') {
        return None;
    }
    if meant.names.iter().any(|name| path.starts_with(name)) {
        return None;
    }
    if !method.is_safe() && meant.before_parameters.contains(path) {
        return None;
    }
    let target = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slash_at_the_end_is_forgiven_where_it_is_no_part_of_a_name() {
        let set = |paths: [&str; 2]| paths.map(str::to_owned).into();
        let meant = MeantSlashes {
            names: set(["/api/docs/", "/api/register/"]),
            before_parameters: set(["/sessions/", "/callbacks/"]),
        };
        let found = |method: &Method, path: &str| {
            let uri: Uri = path.parse().expect("a path");
            without_slash(method, &uri, &meant).map(|uri| uri.to_string())
        };
        for (path, target) in [
            ("/api/v1/usr/otp/", Some("/api/v1/usr/otp")),
            (
                "/api/v1/usr/otp/?a=/&b=%2f",
                Some("/api/v1/usr/otp?a=/&b=%2f"),
            ),
            ("/livez/", Some("/livez")),
            ("/api/v1/usr/otp", None),
            ("/api/v1/usr/otp//", None),
            ("/", None),
            ("//", None),
            ("/api/docs/", None),
            ("/api/docs/x/", None),
            ("/api/register/", None),
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(found(&method, path).as_deref(), target, "{path}");
            }
        }
        let below = "/sessions/0b8a0b5e/";
        assert_eq!(
            found(&Method::DELETE, below).as_deref(),
            Some("/sessions/0b8a0b5e")
        );
        assert_eq!(
            found(&Method::GET, "/sessions/").as_deref(),
            Some("/sessions")
        );
        assert_eq!(
            found(&Method::DELETE, "/sessions/"),
            None,
            "nobody means all by nothing"
        );
    }
}
