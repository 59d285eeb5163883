//! nginx beside our server: how fast files go up and down where nothing is asked of them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cpu;

/// Where distributions put it; the path of an ordinary user does not name that folder.
const PLACES: [&str; 3] = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];

/// How often it is looked for after its start, and how long in all.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS: u32 = 250;

/// A serving nginx of one process that takes files by PUT; it ends when this is dropped.
pub struct Nginx {
    child: Child,
    socket: String,
}

impl Nginx {
    /// Serves a folder below `place`; `None` when there is no nginx with the dav module on this machine.
    pub fn start(place: &Path) -> Result<Option<Self>> {
        let Some(program) = program() else { return Ok(None) };
        for folder in ["www", "tmp"] {
            std::fs::create_dir_all(place.join(folder))?;
        }
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = place.join("nginx.conf");
        std::fs::write(&config, configuration(place, &free.to_string()))?;
        let child = Command::new(program)
            .arg("-p")
            .arg(place)
            .arg("-e")
            .arg(place.join("error.log"))
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nginx does not start")?;
        let mut nginx = Self { child, socket: free.to_string() };
        for _ in 0..LOOKS {
            if std::net::TcpStream::connect(free).is_ok() {
                return Ok(Some(nginx));
            }
            ensure!(nginx.child.try_wait()?.is_none(), "nginx ended: {}", std::fs::read_to_string(place.join("error.log"))?);
            std::thread::sleep(LOOK_EVERY);
        }
        anyhow::bail!("nginx does not answer")
    }

    /// `127.0.0.1:PORT`.
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// CPU time so far.
    pub fn cpu(&self) -> Result<Duration> {
        cpu::of_process(self.child.id())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An nginx that can be written to.
fn program() -> Option<PathBuf> {
    let found = PLACES.into_iter().map(PathBuf::from).find(|path| path.is_file())?;
    let said = Command::new(&found).arg("-V").output().ok()?;
    String::from_utf8_lossy(&said.stderr).contains("http_dav_module").then_some(found)
}

fn configuration(place: &Path, listen: &str) -> String {
    let place = place.display();
    format!(
        "daemon off; master_process off; pid {place}/nginx.pid; error_log {place}/error.log crit;
         events {{ worker_connections 256; }}
         http {{
             access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_max_body_size 0;
             client_body_temp_path {place}/tmp; proxy_temp_path {place}/tmp; fastcgi_temp_path {place}/tmp;
             uwsgi_temp_path {place}/tmp; scgi_temp_path {place}/tmp;
             server {{ listen {listen}; root {place}/www; location / {{ dav_methods PUT; }} }}
         }}"
    )
}
