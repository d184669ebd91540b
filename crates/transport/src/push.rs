//! Posting a message to a design-A node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde::Deserialize;
use tokio::time::timeout;
use wire::Address;
use wire::lattice::Envelope;

use crate::Inbound;
use crate::client::Call;
use crate::connect::seconds;
use crate::envelope;
use crate::link::handshake::printable;
use crate::transport::Shared;

/// Pushes, and reports what became of it.
pub(crate) async fn push(shared: Arc<Shared>, address: Address, envelope: Envelope) {
    let work = async {
        let Ok(_permit) = shared.pushes.try_acquire() else {
            return Err("too many pushes are under way".to_owned());
        };
        let limit_ms = shared.limits.push_ms;
        let limit = Duration::from_millis(limit_ms);
        let pushed = timeout(limit, post(&shared, &address, &envelope)).await;
        pushed.unwrap_or_else(|_| Err(format!("no answer within {}", seconds(limit_ms))))
    };
    let result = tokio::select! {
        result = work => result,
        () = shared.stopping.cancelled() => return,
    };
    shared.tell(Inbound::DoorPushed { address, result }).await;
}

async fn post(shared: &Shared, address: &Address, envelope: &Envelope) -> Result<Duration, String> {
    let post = Some(envelope::render(envelope)?);
    let begun = Instant::now();
    let call = Call { address, path: "/gossip", post, answer_bytes_max: ANSWER_BYTES_MAX };
    let (status, body) = call.make(&shared.dialler).await?;
    judge(status, &body)?;
    Ok(begun.elapsed())
}

/// Design A answers 200 to everything its handler sees, and puts errors into the body.
fn judge(status: StatusCode, body: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Body {
        status: Option<String>,
        error: Option<String>,
    }
    if !status.is_success() {
        return Err(format!("it answers HTTP {}", status.as_u16()));
    }
    let body = serde_json::from_slice(body).unwrap_or(Body { status: None, error: None });
    if body.status.as_deref() == Some("error") {
        let why = body.error.unwrap_or_default();
        return Err(format!("it says: {}", printable(&why)));
    }
    Ok(())
}

const ANSWER_BYTES_MAX: usize = 64 * 1024;
