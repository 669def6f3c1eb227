//! What the program says.

/// Says something in the manner of K3s's log, and that it is simulated.
pub fn say(level: &str, message: &str) {
    let now = crate::simulation::object::stamp(jiff::Timestamp::now());
    let message = message
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', " ");
    eprintln!("time=\"{now}\" level={level} msg=\"simulated: {message}\"");
}
