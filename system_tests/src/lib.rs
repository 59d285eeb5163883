//! Real programs for tests of whole roads: the server as a process, devices as processes, data folders that go away.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// Builds both programs once per test run, in the profile of the tests, and gives the folder they are in.
fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test runs from a file");
        let folder = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps").to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--locked", "--quiet", "--package", "polevik-server", "--package", "polevik-device-cli"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo starts").success(), "the programs do not build");
        folder
    })
}

/// A data folder of the server, with the demo data or empty.
pub struct Data {
    folder: TempDir,
}

impl Data {
    /// The demo data of size S, seed 1, as `polevik-server demo-data` makes it.
    #[must_use]
    pub fn demo() -> Self {
        let data = Self { folder: tempfile::tempdir().expect("a folder for data") };
        let output = data.server_command(&["demo-data", "--size", "S", "--seed", "1"]);
        assert!(output.status.success(), "demo-data failed: {}", text(&output.stderr));
        data
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `polevik-server ARGS --data FOLDER` to its end.
    #[must_use]
    pub fn server_command(&self, args: &[&str]) -> Output {
        Command::new(programs().join("polevik-server")).args(args).arg("--data").arg(self.path()).output().expect("polevik-server starts")
    }

    /// Writes `lines` to a file and imports it; gives the exit code and what was said.
    #[must_use]
    pub fn import(&self, kind: &str, lines: &[Value]) -> (i32, String) {
        let file = self.path().join(format!("{kind}-of-a-test.ndjson"));
        let mut out = std::fs::File::create(&file).expect("a file to import");
        for line in lines {
            writeln!(out, "{line}").expect("the file takes a line");
        }
        drop(out);
        let output = self.server_command(&["import", kind, file.to_str().expect("a readable path")]);
        (output.status.code().unwrap_or(-1), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }

    /// The orders of the central database, as `orders list --json` prints them.
    #[must_use]
    pub fn orders(&self) -> Vec<Value> {
        let output = self.server_command(&["orders", "list", "--json"]);
        assert!(output.status.success(), "orders list failed: {}", text(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        document.as_array().or_else(|| document["orders"].as_array()).expect("a list of orders").clone()
    }
}

/// `polevik-server serve` on a free port of loopback; killed when dropped.
pub struct Server {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it over `data` and waits until it says where it listens.
    #[must_use]
    pub fn start(data: &Data) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// Starts it on a certain address, as after a restart.
    #[must_use]
    pub fn start_at(data: &Data, listen: &str) -> Self {
        let mut process = Command::new(programs().join("polevik-server"))
            .args(["serve", "--listen", listen, "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("polevik-server starts");
        let stdout = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut lines = stdout.lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split("http://").nth(1)?.trim_end_matches('/').trim().parse().ok())
            .expect("the server says where it listens");
        // The rest of its output must be read, or the pipe fills up and the server waits.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { process, address }
    }

    /// Where devices reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.process.kill().expect("the server can be killed");
        self.process.wait().expect("the server ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A device with a home of its own.
pub struct Device {
    home: TempDir,
}

/// What a device program said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// The JSON document on standard output; null if there was none.
    pub json: Value,
    /// Standard error.
    pub stderr: String,
}

impl Device {
    /// A device that nobody has signed in on.
    #[must_use]
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a home") }
    }

    /// A device on which `email` is signed in with the demo password at `server`.
    #[must_use]
    pub fn signed_in(server: &str, email: &str) -> Self {
        let device = Self::new();
        let said = device.login(server, email, &demo_password());
        assert_eq!(said.code, 0, "login failed: {said:?}");
        device
    }

    /// Signs in.
    #[must_use]
    pub fn login(&self, server: &str, email: &str, password: &str) -> Said {
        self.run(&["login", "--server", server, "--email", email, "--password", password])
    }

    /// Its home.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The command that runs `polevik-device --home HOME ARGS --json`.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(programs().join("polevik-device"));
        command.arg("--home").arg(self.home.path()).args(args).arg("--json");
        command
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().expect("polevik-device starts");
        let stdout = text(&output.stdout);
        let json = if stdout.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&stdout).expect("one JSON document and nothing else on standard output")
        };
        Said { code: output.status.code().unwrap_or(-1), json, stderr: text(&output.stderr) }
    }

    /// Runs it and expects success.
    pub fn must(&self, args: &[&str]) -> Value {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?} failed: {said:?}");
        said.json
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

/// The password of every demo login, as `demo-data` prints it.
#[must_use]
pub fn demo_password() -> String {
    "polevik-demo".to_owned()
}

/// Bytes as text, for messages.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
