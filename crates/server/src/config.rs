//! Settings of `serve`: flags win over the environment, that over the TOML file, that over defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use polevik_texts::Language;
use serde::Deserialize;

use crate::feed::garbage::USUAL_GRACE_DAYS;
use crate::limits::Limits;

/// Where `serve` listens when nobody says otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Where HTTPS listens when nobody says otherwise.
pub const DEFAULT_ACME_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 443);

/// In which form log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The language of the office: in it reps read why a document was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum OfficeLanguage {
    /// Русский.
    #[default]
    Ru,
    /// English.
    En,
}

impl From<OfficeLanguage> for Language {
    fn from(language: OfficeLanguage) -> Self {
        match language {
            OfficeLanguage::Ru => Self::Russian,
            OfficeLanguage::En => Self::English,
        }
    }
}

/// Settings as flags, environment or file give them; nothing set is `None`.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Data folder [default: data].
    #[arg(long, value_name = "DIR", env = "POLEVIK_DATA")]
    data: Option<PathBuf>,
    /// Address and port for HTTP; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR:PORT", env = "POLEVIK_LISTEN")]
    listen: Option<SocketAddr>,
    /// Folder of the mobile module as `cargo xtask build-web` makes it [default: the one beside this program].
    #[arg(long, value_name = "DIR", env = "POLEVIK_ASSETS")]
    assets: Option<PathBuf>,
    /// Domain name of this server: HTTPS with an automatic certificate. Needs --acme-email, and port 443 reachable from outside.
    #[arg(long, value_name = "DOMAIN", env = "POLEVIK_ACME_DOMAIN")]
    acme_domain: Option<String>,
    /// Where the certificate authority may write to.
    #[arg(long, value_name = "EMAIL", env = "POLEVIK_ACME_EMAIL")]
    acme_email: Option<String>,
    /// Address and port for HTTPS [default: 0.0.0.0:443].
    #[arg(long, value_name = "ADDR:PORT", env = "POLEVIK_ACME_LISTEN")]
    acme_listen: Option<SocketAddr>,
    /// Directory of another certificate authority [default: Let's Encrypt].
    #[arg(long, value_name = "URL", env = "POLEVIK_ACME_DIRECTORY")]
    acme_directory: Option<String>,
    /// PEM file with the root that the authority's own HTTPS is signed by, when no public one is.
    #[arg(long, value_name = "FILE", env = "POLEVIK_ACME_CA")]
    acme_ca: Option<PathBuf>,
    /// Form of log lines [default: text].
    #[arg(long, value_name = "FORM", env = "POLEVIK_LOG")]
    log: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, or a filter such as info,polevik_server=debug [default: info].
    #[arg(long, value_name = "FILTER", env = "POLEVIK_LOG_FILTER")]
    log_filter: Option<String>,
    /// The office's language, in which a rejection says its reason [default: ru].
    #[arg(long, value_name = "LANGUAGE", env = "POLEVIK_LANGUAGE")]
    language: Option<OfficeLanguage>,
    /// A proxy stands before the server: the caller's address is the last one of X-Forwarded-For.
    #[arg(long, value_name = "BOOL", env = "POLEVIK_BEHIND_PROXY", num_args = 0..=1, default_missing_value = "true")]
    behind_proxy: Option<bool>,
    /// Bearer token that /metrics asks of callers from other machines; without one they get nothing.
    #[arg(long, value_name = "TOKEN", env = "POLEVIK_METRICS_TOKEN", hide_env_values = true)]
    metrics_token: Option<String>,
    /// Days that a segment stays after no manifest names it any more [default: 45].
    #[arg(long, value_name = "DAYS", env = "POLEVIK_SEGMENT_GRACE_DAYS")]
    segment_grace_days: Option<u32>,
    /// Requests a minute from one device that bring no new document; more are told to wait. 0 = no limit [default: 120].
    #[arg(long, value_name = "N", env = "POLEVIK_DEVICE_REQUESTS_PER_MINUTE")]
    device_requests_per_minute: Option<u32>,
    /// New documents a day from one device. 0 = no limit [default: 20000].
    #[arg(long, value_name = "N", env = "POLEVIK_DEVICE_DOCUMENTS_PER_DAY")]
    device_documents_per_day: Option<u32>,
    /// Megabytes of new documents a day from one device. 0 = no limit [default: 256].
    #[arg(long, value_name = "MB", env = "POLEVIK_DEVICE_MEGABYTES_PER_DAY")]
    device_megabytes_per_day: Option<u32>,
    /// Megabytes of photos and other files a day from one device. 0 = no limit [default: 2048].
    #[arg(long, value_name = "MB", env = "POLEVIK_DEVICE_FILE_MEGABYTES_PER_DAY")]
    device_file_megabytes_per_day: Option<u32>,
}

/// HTTPS with a certificate that renews itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Domain name.
    pub domain: String,
    /// Contact.
    pub email: String,
    /// Where HTTPS listens.
    pub listen: SocketAddr,
    /// Another authority than Let's Encrypt.
    pub directory: Option<String>,
    /// Root of that authority's own HTTPS.
    pub ca: Option<PathBuf>,
}

/// Everything `serve` needs to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Data folder.
    pub data: PathBuf,
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// Folder of the mobile module; `None` when there is none.
    pub assets: Option<PathBuf>,
    /// HTTPS, if wanted.
    pub acme: Option<Acme>,
    /// Form of log lines.
    pub log: LogFormat,
    /// What is logged.
    pub log_filter: String,
    /// The office's language.
    pub language: OfficeLanguage,
    /// Whether a proxy tells the caller's address.
    pub behind_proxy: bool,
    /// What /metrics asks of strangers.
    pub metrics_token: Option<String>,
    /// Days that a segment stays after no manifest names it any more.
    pub segment_grace_days: u32,
    /// How much one device may ask for.
    pub limits: Limits,
}

impl Config {
    /// The settings of a TOML file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, has a key there is none of, or a value that cannot be; says which line.
    pub fn read_file(path: &Path) -> Result<Settings> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a configuration; correct the line shown", path.display()))
    }

    /// What the settings come to: `above` wins over `below`.
    ///
    /// # Errors
    ///
    /// When settings do not fit together; says what to change.
    pub fn resolve(above: Settings, below: Settings) -> Result<Self> {
        let acme_domain = above.acme_domain.or(below.acme_domain);
        let acme_email = above.acme_email.or(below.acme_email);
        let acme_listen = above.acme_listen.or(below.acme_listen);
        let acme_directory = above.acme_directory.or(below.acme_directory);
        let acme_ca = above.acme_ca.or(below.acme_ca);
        let acme = match (acme_domain, acme_email) {
            (Some(domain), Some(email)) => {
                let plain = domain.contains('.') && domain.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
                ensure!(plain, "--acme-domain is a name such as sales.example.com, not {domain:?}");
                ensure!(email.contains('@'), "--acme-email is an address such as admin@example.com, not {email:?}");
                Some(Acme { domain, email, listen: acme_listen.unwrap_or(DEFAULT_ACME_LISTEN), directory: acme_directory, ca: acme_ca })
            }
            (Some(_), None) => {
                anyhow::bail!("--acme-domain needs --acme-email: the certificate authority writes there before a certificate ends")
            }
            (None, email) => {
                let lonely = email.is_some() || acme_listen.is_some() || acme_directory.is_some() || acme_ca.is_some();
                ensure!(!lonely, "settings of ACME are given without --acme-domain: name the domain, or leave them out");
                None
            }
        };
        let metrics_token = above.metrics_token.or(below.metrics_token);
        if let Some(token) = &metrics_token {
            ensure!(token.len() >= 16, "--metrics-token is too short to be a secret: give at least 16 characters");
        }
        let assets = match above.assets.or(below.assets) {
            Some(folder) => {
                ensure!(folder.is_dir(), "--assets {} is not a folder; `cargo xtask build-web` makes target/dist", folder.display());
                Some(folder)
            }
            None => assets_beside_the_program(),
        };
        let usual = Limits::default();
        let megabytes = above.device_megabytes_per_day.or(below.device_megabytes_per_day);
        let file_megabytes = above.device_file_megabytes_per_day.or(below.device_file_megabytes_per_day);
        let limits = Limits {
            requests_per_minute: above.device_requests_per_minute.or(below.device_requests_per_minute).unwrap_or(usual.requests_per_minute),
            documents_per_day: above.device_documents_per_day.or(below.device_documents_per_day).unwrap_or(usual.documents_per_day),
            bytes_per_day: megabytes.map_or(usual.bytes_per_day, |megabytes| u64::from(megabytes) * 1024 * 1024),
            file_bytes_per_day: file_megabytes.map_or(usual.file_bytes_per_day, |megabytes| u64::from(megabytes) * 1024 * 1024),
        };
        Ok(Self {
            data: above.data.or(below.data).unwrap_or_else(|| PathBuf::from("data")),
            listen: above.listen.or(below.listen).unwrap_or(DEFAULT_LISTEN),
            assets,
            acme,
            log: above.log.or(below.log).unwrap_or_default(),
            log_filter: above.log_filter.or(below.log_filter).unwrap_or_else(|| "info".to_owned()),
            language: above.language.or(below.language).unwrap_or_default(),
            behind_proxy: above.behind_proxy.or(below.behind_proxy).unwrap_or(false),
            metrics_token,
            segment_grace_days: above.segment_grace_days.or(below.segment_grace_days).unwrap_or(USUAL_GRACE_DAYS),
            limits,
        })
    }
}

/// `dist` beside the program, as packages have it, or in the target folder it was built in.
fn assets_beside_the_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().skip(1).take(3).map(|folder| folder.join("dist")).find(|folder| folder.join("index.html").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let above = Settings { listen: Some("127.0.0.1:9".parse().unwrap()), ..Settings::default() };
        let below = from_toml("listen = \"127.0.0.1:7\"\nlog = \"json\"\nbehind_proxy = true");
        let config = Config::resolve(above, below).unwrap();
        assert_eq!(config.listen.port(), 9);
        assert_eq!((config.log, config.behind_proxy), (LogFormat::Json, true));
        assert_eq!((config.data, config.language), (PathBuf::from("data"), OfficeLanguage::Ru));
    }

    #[test]
    fn every_setting_of_the_example_is_one() {
        let example = include_str!("../../../docs/server.example.toml");
        let set: String = example
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '))
            .fold(String::new(), |text, line| text + line + "\n");
        let config = Config::resolve(Settings::default(), from_toml(&set)).unwrap();
        assert_eq!(config.acme.map(|acme| acme.domain).as_deref(), Some("sales.example.com"));
        assert_eq!(config.listen, DEFAULT_LISTEN);
    }

    #[test]
    fn an_unknown_key_or_a_bad_value_is_named() {
        for (text, named) in [
            ("listne = \"127.0.0.1:7\"", "listne"),
            ("listen = \"here\"", "socket address"),
            ("log = \"xml\"", "xml"),
            ("behind_proxy = \"yes\"", "behind_proxy"),
        ] {
            let error = toml::from_str::<Settings>(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn settings_that_do_not_fit_together_say_what_to_change() {
        for (text, named) in [
            ("acme_domain = \"sales.example.com\"", "--acme-email"),
            ("acme_email = \"a@example.com\"", "--acme-domain"),
            ("acme_domain = \"https://sales.example.com\"\nacme_email = \"a@example.com\"", "sales.example.com, not"),
            ("metrics_token = \"short\"", "16 characters"),
            ("assets = \"/no/such/folder\"", "build-web"),
        ] {
            let error = Config::resolve(Settings::default(), from_toml(text)).err().unwrap().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
