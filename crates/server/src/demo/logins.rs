//! The logins of the demo company, kept beside its data so that they can be told again.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// What to type.
    pub email: String,
    /// The password; the same for everybody of the demo company.
    pub password: String,
    /// The person's made-up name.
    pub name: String,
    /// What the person may be.
    pub positions: Vec<LoginPosition>,
}

/// A position of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginPosition {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// The file for programs; it also marks a data folder as one of the demo.
#[must_use]
pub fn json_path(data: &Path) -> PathBuf {
    data.join("demo-logins.json")
}

/// The file for people.
#[must_use]
pub fn text_path(data: &Path) -> PathBuf {
    data.join("demo-logins.txt")
}

/// Writes both files.
///
/// # Errors
///
/// When the disk refuses.
pub fn write(data: &Path, logins: &[Login]) -> io::Result<()> {
    let mut text = "Logins of the DEMO company. Its people are made up, and everybody has the same password.\n\n".to_owned();
    for login in logins {
        text.push_str(&line(login));
        text.push('\n');
    }
    std::fs::write(text_path(data), text)?;
    std::fs::write(json_path(data), serde_json::to_vec_pretty(logins)?)
}

/// The logins of a demo data folder; `None` if it is not one.
///
/// # Errors
///
/// When the file cannot be read or is damaged.
pub fn read(data: &Path) -> io::Result<Option<Vec<Login>>> {
    match std::fs::read(json_path(data)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One login as a line of a table.
#[must_use]
pub fn line(login: &Login) -> String {
    let positions: Vec<String> = login.positions.iter().map(|position| format!("{} {}", position.code, position.name)).collect();
    format!("  {:<32} {}   {}: {}", login.email, login.password, login.name, positions.join(" / "))
}

/// One of each kind: enough to begin with.
#[must_use]
pub fn few(logins: &[Login]) -> Vec<&Login> {
    let first = |word: &str| logins.iter().find(|login| login.email.starts_with(word));
    ["rep01", "rep02", "merch01", "van01", "super01", "double"].into_iter().filter_map(first).collect()
}
