//! The OpenAPI 3.1 document of this API.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::routes::{
    alerts, checkpoints, contradictions, entries, events, import, invites, letters, levels, log,
    messages, peers, people, probes, proofs, rules, seeds, status, transfers,
};
use super::types::Gap;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trellis operator API",
        description = "One node's API for its operator, on loopback (docs/api.md).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        contact()
    ),
    servers((url = "http://127.0.0.1:8881")),
    paths(
        status::status, status::root, status::config, status::openapi,
        peers::list, peers::add, messages::publish, letters::send, events::events,
        entries::list, entries::read, entries::write, entries::remove, entries::append, import::import,
        invites::list, invites::make, invites::accept, invites::refuse,
        transfers::list, transfers::propose, transfers::read, transfers::yes, transfers::no, transfers::done,
        alerts::list, alerts::raise, alerts::read, alerts::acknowledge, alerts::dispute,
        checkpoints::list, checkpoints::read, contradictions::list,
        levels::list, levels::own, levels::set, levels::remove, log::read,
        rules::list, rules::commit, rules::read, rules::fetch, rules::prove, rules::confirm, rules::challenge,
        seeds::list, seeds::offer, seeds::read, seeds::content, seeds::plant, seeds::compost, seeds::later,
        seeds::uproot, people::list, people::add, people::remove, proofs::read,
        probes::livez, probes::readyz, probes::metrics
    ),
    components(schemas(Gap)),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let token = token.description(Some("The content of DIR/token"));
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        }
    }
}

/// Returns the document as JSON text; crates/daemon/openapi.json is the same.
pub fn document() -> String {
    let document = Document::openapi();
    document.to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}
