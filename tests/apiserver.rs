//! The same cases against the simulated API and against a real kube-apiserver: wherever the two differ, the simulation is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

#[path = "apiserver/case.rs"]
mod case;
#[path = "apiserver/cases.rs"]
mod cases;
#[path = "kube/mod.rs"]
mod kube;
#[path = "apiserver/place.rs"]
mod place;

use place::Place;

/// Every step has the status that the case names.
#[test]
fn the_simulation_answers_with_the_statuses_of_the_cases() {
    let place = Place::simulated();
    let wrong: Vec<String> = cases::all()
        .iter()
        .flat_map(|it| it.run(&place).wrong)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every step has the answer that a real server gives.
#[test]
fn the_simulation_answers_as_a_real_server() {
    if kube::skipped() {
        return;
    }
    let (simulated, real) = (Place::simulated(), Place::real(kube::Kube::shared()));
    let mut wrong = Vec::new();
    for case in cases::all() {
        let (ours, theirs) = (case.run(&simulated), case.run(&real));
        wrong.extend(
            theirs
                .wrong
                .iter()
                .map(|it| format!("the case is wrong about the real server: {it}")),
        );
        for ((step, ours), theirs) in case.steps.iter().zip(&ours.answers).zip(&theirs.answers) {
            if ours != theirs {
                let diff = similar::TextDiff::from_lines(theirs, ours);
                let diff = diff
                    .unified_diff()
                    .context_radius(3)
                    .header("real", "simulated")
                    .to_string();
                wrong.push(format!("{}: {step}\n{diff}", case.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
