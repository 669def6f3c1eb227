//! `Case`: requests one after the other, and what is compared of their answers.

use crate::place::Place;
use reqwest::Method;
use serde_json::Value;
use std::fmt;
use std::time::{Duration, Instant};

/// One request.
pub struct Step {
    method: Method,
    /// `NS` stands for the case's own namespace, `RV` for the revision that `mark` kept.
    path: String,
    sort: &'static str,
    accept: &'static str,
    body: Value,
    code: u16,
    /// The parts that are compared; all of it when there are none.
    only: Vec<&'static str>,
    mark: bool,
    /// Asked again until the code comes.
    patient: bool,
}

/// Requests one after the other.
pub struct Case {
    /// What it is about; the namespace is made of it.
    pub name: &'static str,
    /// The requests.
    pub steps: Vec<Step>,
}

/// What came of a case.
pub struct Told {
    /// What is compared, a text a step.
    pub answers: Vec<String>,
    /// Statuses that are not the case's.
    pub wrong: Vec<String>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if !self.body.is_null() {
            write!(f, " {} {}", self.sort, self.body)?;
        }
        Ok(())
    }
}

fn step(method: Method, path: &str, sort: &'static str, body: Value) -> Step {
    Step {
        method,
        path: path.to_owned(),
        sort,
        accept: "application/json",
        body,
        code: 200,
        only: Vec::new(),
        mark: false,
        patient: false,
    }
}

pub fn get(path: &str) -> Step {
    step(Method::GET, path, "", Value::Null)
}

pub fn post(path: &str, body: Value) -> Step {
    step(Method::POST, path, "application/json", body).code(201)
}

/// Replaces what is there by it with a change merged in.
pub fn put(path: &str, body: Value) -> Step {
    step(Method::PUT, path, "application/json", body)
}

pub fn json_patch(path: &str, body: Value) -> Step {
    step(Method::PATCH, path, "application/json-patch+json", body)
}

pub fn merge(path: &str, body: Value) -> Step {
    step(Method::PATCH, path, "application/merge-patch+json", body)
}

pub fn strategic(path: &str, body: Value) -> Step {
    step(
        Method::PATCH,
        path,
        "application/strategic-merge-patch+json",
        body,
    )
}

/// Applies as a field manager.
pub fn apply(path: &str, manager: &str, body: Value) -> Step {
    let mark = if path.contains('?') { '&' } else { '?' };
    step(
        Method::PATCH,
        &format!("{path}{mark}fieldManager={manager}"),
        "application/apply-patch+yaml",
        body,
    )
}

pub fn delete(path: &str) -> Step {
    step(Method::DELETE, path, "", Value::Null)
}

impl Step {
    /// The status that is expected.
    pub fn code(mut self, code: u16) -> Step {
        self.code = code;
        self
    }

    /// Compares only these parts (JSON pointers).
    pub fn only(mut self, parts: &[&'static str]) -> Step {
        self.only = parts.to_vec();
        self
    }

    /// Keeps the revision of the answer as `RV`.
    pub fn mark(mut self) -> Step {
        self.mark = true;
        self
    }

    /// Sends a body with what has none by itself.
    pub fn with(mut self, body: Value) -> Step {
        self.sort = "application/json";
        self.body = body;
        self
    }

    /// Asks for another form of the answer.
    pub fn accept(mut self, accept: &'static str) -> Step {
        self.accept = accept;
        self
    }

    /// Asks again until the status is the expected one.
    pub fn patient(mut self) -> Step {
        self.patient = true;
        self
    }

    fn ask(&self, place: &Place, path: &str) -> (u16, Value) {
        let mut request = place
            .request(self.method.clone(), path)
            .header("accept", self.accept)
            .header("user-agent", "case/1");
        if !self.body.is_null() {
            let mut body = self.body.clone();
            if self.method == Method::PUT {
                let (_, mut old) = get("").ask(place, path.split('?').next().unwrap());
                json_patch::merge(&mut old, &body);
                body = old;
            }
            request = request
                .header("content-type", self.sort)
                .body(body.to_string());
        }
        let answer = request.send().unwrap();
        let code = answer.status().as_u16();
        let text = answer.text().unwrap();
        let value = if path.contains("watch=") {
            text.lines()
                .map(|it| serde_json::from_str::<Value>(it).unwrap())
                .collect()
        } else {
            serde_json::from_str(&text).unwrap_or(Value::from(text))
        };
        (code, value)
    }
}

impl Case {
    /// Runs the case in a namespace of its own.
    pub fn run(&self, place: &Place) -> Told {
        let mut told = Told {
            answers: Vec::new(),
            wrong: Vec::new(),
        };
        post(
            "/api/v1/namespaces",
            serde_json::json!({"metadata": {"name": self.name}}),
        )
        .ask(place, "/api/v1/namespaces");
        let mut revision = String::new();
        for step in &self.steps {
            let path = step.path.replace("NS", self.name).replace("RV", &revision);
            let began = Instant::now();
            let (code, mut value) = loop {
                let answer = step.ask(place, &path);
                if answer.0 == step.code
                    || !step.patient
                    || began.elapsed() > Duration::from_secs(10)
                {
                    break answer;
                }
                std::thread::sleep(Duration::from_millis(50));
            };
            if code != step.code {
                told.wrong.push(format!(
                    "{}: {step}: {code} in place of {}: {}",
                    self.name, step.code, value["message"]
                ));
            }
            if step.mark {
                revision = value["metadata"]["resourceVersion"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
            }
            let compared = match step.only.as_slice() {
                [] => {
                    settle(&mut value);
                    value
                }
                parts => {
                    let mut found: Vec<Value> = parts
                        .iter()
                        .map(|it| value.pointer(it).cloned().unwrap_or_default())
                        .collect();
                    found.iter_mut().for_each(settle);
                    found.into()
                }
            };
            told.answers
                .push(format!("{code}\n{:#}\n", sorted(&compared)));
        }
        told
    }
}

/// Writes over what is another each time.
fn settle(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // a hash of the server's own
            map.shift_remove("storageVersionHash");
            for (name, value) in map {
                match name.as_str() {
                    "uid" | "resourceVersion" | "creationTimestamp" | "deletionTimestamp"
                    | "lastTransitionTime" | "time" | "clusterIP" | "clusterIPs" | "nodePort"
                    | "continue" => *value = Value::from("?"),
                    // in an order that is another each time: by seconds, and by chance
                    "managedFields" | "causes" => {
                        settle(value);
                        if let Some(items) = value.as_array_mut() {
                            items.sort_by_key(|it| sorted(it).to_string());
                        }
                    }
                    _ => settle(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            Value::Object(
                fields
                    .into_iter()
                    .map(|(k, v)| (k.clone(), sorted(v)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
