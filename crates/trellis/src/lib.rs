//! A Trellis node inside another program: start one, write, read, listen, decide.
//!
//! ```no_run
//! # async fn wells() -> Result<(), trellis::Error> {
//! use serde_json::json;
//! use trellis::Node;
//!
//! let node = Node::builder().data_dir("wells").peer("http://192.0.2.7:8880").start().await?;
//! node.put("wells", "well/3", &json!({ "litres": 500 })).await?;
//! let mut events = node.events();
//! while let Some(event) = events.next().await {
//!     println!("{event:?}");
//! }
//! node.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Several nodes live in one process, each in its own directory. They are the same nodes as those of the program
//! `trellis`: `trellis --dir wells status` works beside this. Shapes are those of the operator's API
//! (docs/api.md), which [`Node::call`] reaches in full, without a socket.
//!
//! Everything runs on the tokio runtime that [`Builder::start`] is called on; it needs the features
//! `rt`, `net` and `time`.

mod builder;
mod error;
mod events;
mod node;

pub use builder::Builder;
pub use daemon::api::types;
pub use error::Error;
pub use events::{Events, Heard};
pub use node::{Decided, Node};

#[cfg(test)]
mod tests;
