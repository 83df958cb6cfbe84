//! The ways to say who is calling, as the documents have them.

use poem_openapi::registry::MetaSecurityScheme;

use super::{CSRF_TOKEN, SERVICE_TOKEN, USER_ID};

/// How a caller may say who it is, by the name that the documents have for it.
pub(super) fn named(name: &str) -> MetaSecurityScheme {
    match name {
        "AccessToken" => MetaSecurityScheme {
            ty: "http",
            description: Some("What `POST /api/auth/login` answers as `access_token`."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        },
        "ApiKey" => MetaSecurityScheme {
            ty: "http",
            description: Some(
                "A program's key, `dk_…`, that a person has made (`POST /api/keys`). What it needs \
                 for an operation stands there.",
            ),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("API key"),
            flows: None,
            openid_connect_url: None,
        },
        "AgentToken" => MetaSecurityScheme {
            ty: "http",
            description: Some(
                "An agent's own token, `da_…`, that its owner, an operator or a service has made \
                 (`POST /api/agents/{agent_id}/tokens`). Whoever shows it is the agent; it needs \
                 for an operation what an API key needs.",
            ),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("agent token"),
            flows: None,
            openid_connect_url: None,
        },
        "OperatorSession" => api_key(
            "cookie",
            "__Host-daarion_operator",
            "The cookie that `POST /api/admin/login` sets; on a machine's own plain HTTP it is \
             called `daarion_operator`.",
        ),
        "CsrfToken" => api_key(
            "header",
            CSRF_TOKEN,
            "The `csrf_token` of the operator's session, beside its cookie, for all but reading.",
        ),
        "ServiceToken" => api_key(
            "header",
            SERVICE_TOKEN,
            "The installation's shared secret, or a service's own token (`daarion token create`).",
        ),
        _ => api_key(
            "header",
            USER_ID,
            "For whom the service acts: `user:<localpart>`. Counts only beside a valid service \
             token, or alone where `auth.insecure_user_header` is set; beside an API key, the \
             agent that the program acts as.",
        ),
    }
}

fn api_key(
    place: &'static str,
    name: &'static str,
    description: &'static str,
) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some(description),
        name: Some(name),
        key_in: Some(place),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}
