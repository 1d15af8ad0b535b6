//! The page of the box as a supervisor's program uses it: curl over HTTPS.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::appliance::Appliance;
use crate::lab::Lab;

const USER: &str = "supervisor";
const PASSWORD: &str = "a sentence that nobody guesses";

/// A program that is logged in.
pub struct Api {
    page: String,
    jar: PathBuf,
}

impl Api {
    /// Claims a new box with the code that it shows in the terminal.
    pub fn claim(lab: &Lab, appliance: &Appliance) -> Self {
        let said = appliance.said();
        let code = said.lines().find_map(|line| line.trim().strip_prefix("claim code "));
        let code = code.expect("a new box shows its claim code");
        let api = Self { page: appliance.page(), jar: lab.folder().join("cookies") };
        api.enter("/claim", &[("code", code)]);
        api
    }

    /// Logs in again: a restart ends every session.
    pub fn log_in(&self) {
        self.enter("/login", &[]);
    }

    fn enter(&self, door: &str, fields: &[(&str, &str)]) {
        let form = self.curl(door, &[]);
        let csrf =
            form.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (csrf, _) = csrf.unwrap_or_else(|| panic!("no form: {form}"));
        let mut arguments = Vec::new();
        let fields = fields.iter().copied();
        for (name, value) in fields.chain([("csrf", csrf), ("user", USER), ("password", PASSWORD)])
        {
            arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        let answer = self.curl(door, &arguments);
        assert!(!answer.contains("role=\"alert\""), "not let in: {answer}");
    }

    /// What a path of the API says.
    pub fn get(&self, path: &str) -> Value {
        let text = self.curl(path, &[]);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Gives an order.
    pub fn post(&self, path: &str) {
        self.order(path, &Value::Null);
    }

    /// Gives an order that says more than its path; `null` is nothing more.
    pub fn order(&self, path: &str, body: &Value) {
        let page = self.curl("/", &[]);
        let token =
            page.split_once("name=\"csrf\" content=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (token, _) = token.unwrap_or_else(|| panic!("no token: {page}"));
        let token = format!("x-csrf-token: {token}");
        let more = ["--request", "POST", "--fail-with-body", "--header", &token];
        let mut more = more.map(str::to_owned).to_vec();
        if !body.is_null() {
            let json = ["--header".to_owned(), "content-type: application/json".to_owned()];
            more.extend(json);
            more.extend(["--data".to_owned(), body.to_string()]);
        }
        self.curl(path, &more);
    }

    /// The records of ended calls, newest first.
    pub fn cdrs(&self) -> Vec<Value> {
        match self.get("/api/v1/cdrs") {
            Value::Array(cdrs) => cdrs,
            other => panic!("no list of records: {other}"),
        }
    }

    /// The queue `desk`.
    pub fn desk(&self) -> Value {
        self.get("/api/v1/queues/desk")
    }

    /// Calls, legs, streams and transactions that live.
    pub fn live(&self) -> Live {
        let site = self.get("/api/v1/site");
        let total = |key: &str| site["totals"][key].as_u64().expect(key);
        Live {
            calls: site["calls"].as_array().expect("calls").len(),
            legs: total("live_legs"),
            streams: total("live_streams"),
            transactions: total("live_transactions"),
        }
    }

    /// A page as it comes.
    pub fn page(&self, path: &str) -> String {
        self.curl(path, &[])
    }

    fn curl(&self, path: &str, arguments: &[String]) -> String {
        String::from_utf8_lossy(&self.fetch(path, arguments)).into_owned()
    }

    /// A file as it comes.
    pub fn file(&self, path: &str) -> Vec<u8> {
        self.fetch(path, &[])
    }

    fn fetch(&self, path: &str, arguments: &[String]) -> Vec<u8> {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--insecure", "--max-time", "20"])
            .arg("--cookie")
            .arg(&self.jar)
            .arg("--cookie-jar")
            .arg(&self.jar)
            .args(arguments)
            .arg(format!("{}{path}", self.page))
            .output()
            .expect("curl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// What lives in the box; all zero when it is at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    pub calls: usize,
    pub legs: u64,
    pub streams: u64,
    pub transactions: u64,
}
