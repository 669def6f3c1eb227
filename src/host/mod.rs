//! What can be asked of a host and what can be done to it, as data; and how that data becomes shell text and back.
//!
//! [`Query`] reads and [`Action`] writes, and nothing else reaches a host: check mode is "no actions". [`Known`] is what
//! earlier answers told about a host, until an action makes them stale.

mod acting;
mod action;
mod answers;
mod asking;
mod fields;
mod known;
mod place;
mod prelude;
mod query;
pub mod quote;
#[cfg(test)]
mod real_actions;
#[cfg(test)]
mod real_queries;
mod scripts;
mod sections;
mod session;

pub use action::{Action, Attrs, Cmd, Content, Program, Report, Touches};
pub use asking::CONTENT_LIMIT;
pub use known::{Known, Pause};
pub use place::Place;
pub use prelude::PRELUDE;
pub use query::{Algorithm, Answer, FileType, Query, Stat};
pub use session::{Session, Trips, Trouble};

/// Reads any bytes as the reply to one query of each kind, for fuzzing.
#[doc(hidden)]
pub fn read_anything(bytes: &[u8]) {
    let name = "x".to_owned();
    let queries = [
        Query::lstat("/a"),
        Query::stat("/a/b"),
        Query::sha256("/a"),
        Query::Content {
            path: "/a".to_owned(),
        },
        Query::Dpkg { name: name.clone() },
        Query::Unit {
            name: "x.service".to_owned(),
            scope: "system".to_owned(),
        },
        Query::User { name: name.clone() },
        Query::Group { name },
        Query::read("true"),
    ];
    let asking = asking::Asking::new(&queries, "mark".to_owned());
    let reply = crate::transport::Reply {
        stdout: bytes.to_vec(),
        ..Default::default()
    };
    answers::Answers::read(&asking, &reply).ok();
}
