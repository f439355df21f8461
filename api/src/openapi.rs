//! The description of the API (OpenAPI 3.1) and Swagger UI, both served from the binary.

mod requests;

use std::collections::BTreeMap;

use axum::Router;
use axum::middleware::{from_fn, map_response};
use axum::routing::get;
use domain::challenge::Locale;
use flows::RefusalCode;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{OpenApi, PartialSchema as _, ToSchema as _};
use utoipa_swagger_ui::{Config, SwaggerUi};
use web::{Cookies, TokenCookie, open_to_all};

use crate::error::{ApiError, ErrorCode, ProblemMembers, RequestFault};
use crate::problem::{PROBLEM_JSON, Problem};

/// Where Swagger UI is.
pub(crate) const DOCS_PAGE: &str = "/api/docs/";
/// What the routes of Swagger UI begin with.
const DOCS_PATH: &str = "/api/docs";
const DOCUMENT_PATH: &str = "/api/openapi.json";
const EXAMPLE_REQUEST_ID: &str = "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11";

/// What a handler can always answer with, whatever it does.
const ALWAYS: ErrorCode = ErrorCode::Refusal(RefusalCode::Internal);

/// What reading a JSON body can end with.
pub(crate) const BODY_ERRORS: [RequestFault; 10] = [
    RequestFault::JsonMalformed,
    RequestFault::BodyIncomplete,
    RequestFault::RequestTimeout,
    RequestFault::BodyTooLarge,
    RequestFault::ContentTypeUnsupported,
    RequestFault::ContentEncodingUnsupported,
    RequestFault::BodyNotObject,
    RequestFault::FieldInvalid,
    RequestFault::FieldUnknown,
    RequestFault::FieldRepeated,
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ramz",
        description = "Sign-in by phone number with a one-time code.\n\n\
            Ask for a code with `POST /api/v1/usr/otp`, give it back with \
            `POST /api/v1/usr/otp/verify`. Errors are `application/problem+json` (RFC 9457) with a \
            stable `code`; their texts are Persian, or English where `Accept-Language` prefers it. \
            Unknown paths are answered 404 `not_found`, wrong methods 405 `method_not_allowed`.",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "sign-in", description = "Codes and what they open"),
        (name = "step flow", description = "Registration and log-in in steps, each answer naming the \
            next; `STEP_FLOW=off` takes it away"),
        (name = "sessions", description = "Staying signed in, and ending it"),
        (name = "account", description = "One's own account, for signed-in users"),
        (name = "tokens", description = "How others check access tokens"),
        (name = "health", description = "For load balancers and operators")
    )
)]
struct Base;

/// The document without its paths.
pub(crate) fn document() -> Document {
    let mut document = Base::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    document
}

/// Adds what all errors share, and how a sign-in is shown here.
pub(crate) fn complete(document: &mut Document, cookies: Cookies) {
    let components = document.components.get_or_insert_default();
    components
        .schemas
        .insert(Problem::name().into_owned(), Problem::schema());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token; for apps and other programs."))
        .build();
    let cookie = ApiKeyValue::with_description(
        cookies.name(TokenCookie::Access),
        "The access token as browsers carry it. Requests that change something must come from a \
         page of PUBLIC_URL.",
    );
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
}

/// The document and its page, for codes of this length.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(
    document: &Document,
    code_length: u8,
) -> Router<S> {
    // A document is maps, texts and numbers, which always serialize.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    requests::describe(&mut document, code_length);
    let json = bytes::Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let config = Config::from(DOCUMENT_PATH).try_it_out_enabled(true);
    let swagger_ui: Router<S> = SwaggerUi::new(DOCS_PATH).config(config).into();
    Router::new()
        .route(
            DOCUMENT_PATH,
            get(|| async move { ([(CONTENT_TYPE, "application/json")], json) })
                .layer(from_fn(open_to_all)),
        )
        .merge(swagger_ui.route_layer(map_response(allow_swagger_ui)))
}

/// It loads its own script and style, styles its elements, and draws icons from data URLs.
async fn allow_swagger_ui(mut response: axum::response::Response) -> axum::response::Response {
    let policy = HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'none'",
    );
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// Declares what a call can be refused with: lists of codes, whatever they come from.
macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident: $($codes:expr),+ $(,)?) => {
        $(#[$doc])*
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                let mut codes: Vec<$crate::error::ErrorCode> = Vec::new();
                $(codes.extend($codes.into_iter().map($crate::error::ErrorCode::from));)+
                $crate::openapi::error_responses(&codes)
            }
        }
    };
}
pub(crate) use refusals;

/// The responses for these errors and those that any handler can end with, one a status, with an
/// example of each.
pub(crate) fn error_responses(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<ErrorCode>> = BTreeMap::new();
    for &code in codes.iter().chain([&ALWAYS]) {
        let of_status = by_status
            .entry(code.status().as_str().to_owned())
            .or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, RefOr::T(error_response(&codes))))
        .collect()
}

fn error_response(codes: &[ErrorCode]) -> Response {
    let names: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.as_str(), code.texts(Locale::En).title))
        .collect();
    let examples = codes
        .iter()
        .map(|&code| (code.as_str().to_owned(), RefOr::T(example(code))));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .examples_from_iter(examples)
        .build();
    let mut response = ResponseBuilder::new()
        .description(names.join("; "))
        .content(PROBLEM_JSON, content);
    if codes
        .iter()
        .any(|&code| ApiError::example(code).members.retry_after.is_some())
    {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).build();
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("Seconds until the request may succeed"))
            .build();
        response = response.header(RETRY_AFTER.as_str(), header);
    }
    response.build()
}

fn example(code: ErrorCode) -> Example {
    let error = ApiError::example(code);
    let problem = Problem::new(&error, Locale::Fa, EXAMPLE_REQUEST_ID.to_owned());
    ExampleBuilder::new()
        .summary(code.texts(Locale::En).title)
        .value(serde_json::to_value(problem).ok())
        .build()
}

impl ApiError {
    /// The error with the members that it comes with.
    fn example(code: ErrorCode) -> Self {
        let mut error = Self::from(code);
        let members = &mut error.members;
        match code {
            ErrorCode::Request(fault) => {
                members.field = example_field(fault).map(Into::into);
                if fault == RequestFault::ContentEncodingUnsupported {
                    members.content_encoding = Some("gzip".into());
                }
            }
            ErrorCode::Refusal(code) => complete_example(code, members),
        }
        error
    }
}

fn example_field(fault: RequestFault) -> Option<&'static str> {
    match fault {
        RequestFault::FieldInvalid | RequestFault::FieldRepeated => Some("phone_number"),
        RequestFault::FieldUnknown => Some("phone"),
        _ => None,
    }
}

fn complete_example(code: RefusalCode, members: &mut ProblemMembers) {
    match code {
        RefusalCode::InputMissing
        | RefusalCode::PhoneEmpty
        | RefusalCode::PhoneMalformed
        | RefusalCode::PhoneNotMobile
        | RefusalCode::PhoneUnchanged
        | RefusalCode::PhoneCountryNotAllowed => members.field = Some("phone_number".into()),
        RefusalCode::PasswordTooShort
        | RefusalCode::PasswordTooLong
        | RefusalCode::PasswordTooEasy => members.field = Some("new_password".into()),
        RefusalCode::TooManyFailuresPhone
        | RefusalCode::TooManyPasswordChanges
        | RefusalCode::SessionRequired => {
            members.retry_after = Some(3_600);
        }
        RefusalCode::TooManyRefreshes => members.retry_after = Some(31),
        RefusalCode::TooManyFailuresAddress => members.retry_after = Some(1),
        RefusalCode::CodeWrong => members.attempts_left = Some(2),
        RefusalCode::CodeMalformed => members.code_length = Some(6),
        RefusalCode::TooManyRequestsPhone => {
            members.retry_after = Some(47);
            members.resend_in = Some(47);
        }
        RefusalCode::TooManyRequestsAddress => members.retry_after = Some(2),
        RefusalCode::GatewayUnavailable | RefusalCode::StoreFull => members.retry_after = Some(30),
        RefusalCode::QueueFull => members.retry_after = Some(5),
        RefusalCode::SendingPaused => members.retry_after = Some(7_200),
        _ => {}
    }
}
