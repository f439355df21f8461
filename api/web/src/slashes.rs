//! Paths with and without a slash at their end lead to the same place.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::Uri;
use http::uri::PathAndQuery;
use tower_service::Service as _;

/// Serves a path that ends with a slash as the one without it, except where the path with the slash is
/// one of `kept` or lies below one: those have it in their own name.
pub fn forgive_slashes(router: Router, kept: impl IntoIterator<Item = String>) -> Router {
    let kept: Arc<BTreeSet<String>> = Arc::new(kept.into_iter().collect());
    // Which route a request meets is decided by its path, so the path is changed before there is one.
    Router::new().fallback(move |mut request: Request| {
        if let Some(uri) = without_slash(request.uri(), &kept) {
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

fn without_slash(uri: &Uri, kept: &BTreeSet<String>) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.strip_suffix('/')?;
    if trimmed.is_empty() || trimmed.ends_with('/') {
        return None;
    }
    if kept.iter().any(|kept| path.starts_with(kept.as_str())) {
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
        let kept = ["/api/docs/", "/api/register/"].map(str::to_owned).into();
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
            let uri: Uri = path.parse().expect("a path");
            let found = without_slash(&uri, &kept).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), target, "{path}");
        }
    }
}
