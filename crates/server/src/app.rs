//! What every handler needs, in one cheap handle.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use polevik_domain::time::{Clock, UtcMillis};
use polevik_server_store::Store;
use polevik_texts::{Language, Texts};
use tokio::sync::{Notify, watch};

use crate::admission::Admission;
use crate::authenticated::Tokens;
use crate::blobs::{BlobError, Blobs};
use crate::clock::SystemClock;
use crate::download::recent::RecentSegments;
use crate::feed::announcements::Announcements;
use crate::feed::seal::Sealer;
use crate::feed::watch::Watch;
use crate::file::spool::Spool;
use crate::library::news::Releases;
use crate::limits::{Asked, Limits};
use crate::login::throttle::Throttle;

/// Settings that handlers look at.
#[derive(Debug, Clone, Default)]
pub struct AppSettings {
    /// Folder of the mobile module.
    pub assets: Option<PathBuf>,
    /// Whether a proxy tells the caller's address.
    pub behind_proxy: bool,
    /// What /metrics asks of strangers.
    pub metrics_token: Option<String>,
    /// Whether a password whose hash was made with other parameters than ours keeps it. Only for simulations, where thousands of people sign
    /// in within a second: everywhere else such a password is hashed again when it is next used.
    pub keep_old_password_hashes: bool,
    /// How much one device may ask for.
    pub limits: Limits,
    /// Uploads under way. Without it no files are taken.
    pub spool: Option<Arc<Spool>>,
}

/// Where random bytes come from.
pub type Random = fn(&mut [u8]);

/// The server's state. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<AppInner>,
}

/// See [`App`].
pub struct AppInner {
    /// The central database.
    pub store: Store,
    /// Large segments.
    pub blobs: Blobs,
    /// Uploads under way.
    pub spool: Option<Arc<Spool>>,
    /// Told when a file has come.
    pub files_came: Notify,
    /// Seals buckets, one at a time each.
    pub sealer: Sealer,
    /// What devices are told, as long as nothing changes.
    pub announcements: Announcements,
    /// Segments that were fetched lately.
    pub recent_segments: RecentSegments,
    /// Recognition libraries that devices are told of.
    pub releases: Releases,
    /// Devices that wait for news.
    pub watch: Watch,
    /// Who may in now.
    pub admission: Admission,
    /// Whether the server is about to end: who only waits is let go.
    pub ending: watch::Sender<bool>,
    /// What devices have asked for.
    pub asked: Asked,
    /// What was read of tokens.
    pub tokens: Tokens,
    /// How often passwords may be guessed.
    pub throttle: Mutex<Throttle>,
    /// What reps are told of their documents, in the office's language.
    pub texts: Texts,
    /// Settings.
    pub settings: AppSettings,
    clock: Box<dyn Clock + Send + Sync>,
    random: Random,
}

impl Deref for App {
    type Target = AppInner;

    fn deref(&self) -> &AppInner {
        &self.inner
    }
}

/// Random bytes of the system.
///
/// # Panics
///
/// When the system has none: then no token may be made.
fn system_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gives random bytes");
}

impl App {
    /// The state over an open database, with the system's clock and randomness.
    ///
    /// # Errors
    ///
    /// When the folder of large segments cannot be made.
    pub fn new(store: Store, data: &std::path::Path, language: Language, settings: AppSettings) -> Result<Self, BlobError> {
        Self::with_guests(store, data, language, settings, Box::new(SystemClock), system_random)
    }

    /// The state with a clock and randomness of the caller's.
    ///
    /// # Errors
    ///
    /// When the folder of large segments cannot be made.
    pub fn with_guests(
        store: Store,
        data: &std::path::Path,
        language: Language,
        settings: AppSettings,
        clock: Box<dyn Clock + Send + Sync>,
        random: Random,
    ) -> Result<Self, BlobError> {
        let blobs = Blobs::open(data)?;
        let folder = data.join("spool");
        let spool = Spool::open(&folder, clock.now()).map_err(|error| BlobError::Folder(folder, error))?;
        let settings = AppSettings { spool: Some(Arc::new(spool)), ..settings };
        let sealer = Sealer::new(store.clone(), blobs.clone());
        Ok(Self::over(store, blobs, sealer, language, settings, clock, random))
    }

    /// The state over whatever the caller put together; the sealer is one of the same store and blobs.
    #[must_use]
    pub fn over(
        store: Store,
        blobs: Blobs,
        sealer: Sealer,
        language: Language,
        settings: AppSettings,
        clock: Box<dyn Clock + Send + Sync>,
        random: Random,
    ) -> Self {
        Self {
            inner: Arc::new(AppInner {
                spool: settings.spool.clone(),
                files_came: Notify::new(),
                sealer,
                store,
                blobs,
                announcements: Announcements::default(),
                recent_segments: RecentSegments::default(),
                releases: Releases::default(),
                watch: Watch::default(),
                admission: Admission::default(),
                ending: watch::Sender::new(false),
                asked: Asked::new(settings.limits),
                tokens: Tokens::default(),
                throttle: Mutex::new(Throttle::default()),
                texts: Texts::new(language),
                settings,
                clock,
                random,
            }),
        }
    }
}

impl AppInner {
    /// Now.
    #[must_use]
    pub fn now(&self) -> UtcMillis {
        self.clock.now()
    }

    /// Fresh random bytes.
    #[must_use]
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    /// A random byte, to spread things.
    #[must_use]
    pub fn jitter(&self) -> u8 {
        let [byte] = self.random_bytes();
        byte
    }

    /// Looks at or changes the counts of password guesses. Never held across a wait.
    pub fn with_throttle<T>(&self, act: impl FnOnce(&mut Throttle) -> T) -> T {
        act(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
