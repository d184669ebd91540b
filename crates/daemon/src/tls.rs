//! The certificate of the public door: read from its files, and again when they change.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
pub use transport::Caller;
use transport::{Certificate, Roots, Transport};
use wire::Digest;

use crate::directory;
use crate::settings::{Settings, TlsFiles};

/// The certificate that is shown, and what is wrong with the newest files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// Until when it is good, unix seconds.
    pub expires_s: u64,
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// Why newer files are not used, if they are not.
    pub problem: Option<String>,
}

/// Looks after the files of a door.
#[derive(Debug)]
pub(crate) struct Reader {
    files: TlsFiles,
    /// What the files held when they were looked at last.
    seen: Mutex<Digest>,
    shown: watch::Sender<Shown>,
}

/// Reads the certificate that the settings name; the error says which file and why.
pub fn certificate(files: &TlsFiles) -> Result<Certificate, String> {
    read(files).and_then(|held| parse(files, &held))
}

/// Returns what asks doors, believing those whom the settings name.
pub fn caller(settings: Option<&Settings>) -> Result<Caller, String> {
    let roots = match settings {
        Some(settings) => roots(settings)?,
        None => Roots::default(),
    };
    Ok(Caller::new(concat!("trellis/", env!("CARGO_PKG_VERSION")), &roots))
}

/// Reads whose certificates are believed.
pub(crate) fn roots(settings: &Settings) -> Result<Roots, String> {
    let Some(file) = &settings.tls_roots else { return Ok(Roots::default()) };
    let pem = read_file(file)?;
    Roots::default().with_pem(&pem).map_err(|why| format!("{}: {why}", file.display()))
}

impl Reader {
    /// Reads the files for the first time.
    pub(crate) fn open(files: &TlsFiles) -> Result<(Self, Certificate), String> {
        let held = read(files)?;
        let certificate = parse(files, &held)?;
        let shown = watch::Sender::new(shown(&certificate));
        let seen = Mutex::new(fingerprint(&held));
        Ok((Self { files: files.clone(), seen, shown }, certificate))
    }

    pub(crate) fn shown(&self) -> Shown {
        self.shown.borrow().clone()
    }

    /// Looks whether the files have changed. A pair that is not good changes nothing but what is
    /// told of it; it is looked at again once it changes (TLS-4).
    pub(crate) fn look(&self, transport: &Transport) {
        let held = read(&self.files);
        let now =
            held.as_ref().map_or_else(|why| Digest::of("unread", &[why.as_bytes()]), fingerprint);
        {
            let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if *seen == now {
                return;
            }
            *seen = now;
        }
        match held.and_then(|held| parse(&self.files, &held)) {
            Ok(certificate) => {
                transport.show(&certificate);
                let new = shown(&certificate);
                tracing::info!(names = new.names.join(" "), "the door shows a new certificate");
                self.shown.send_replace(new);
            }
            Err(why) => {
                tracing::warn!(why, "the door keeps its certificate: the new one is not good");
                self.shown.send_modify(|it| it.problem = Some(why));
            }
        }
    }
}

/// Looks after the files until the node stops.
pub(crate) async fn keep_looking(
    reader: std::sync::Arc<Reader>,
    transport: Transport,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let (reader, transport) = (reader.clone(), transport.clone());
        // A disk may be slow; the sockets are not to wait for it.
        let looked = tokio::task::spawn_blocking(move || reader.look(&transport)).await;
        if let Err(error) = looked {
            tracing::error!(%error, "the certificate was not looked after");
        }
    }
}

/// What two files hold.
struct Held {
    chain: Vec<u8>,
    key: Vec<u8>,
}

fn read(files: &TlsFiles) -> Result<Held, String> {
    if directory::others_can_read(&files.key) {
        let shown = files.key.display();
        return Err(format!("{shown} can be read by everybody; run: chmod o= {shown}"));
    }
    Ok(Held { chain: read_file(&files.certificate)?, key: read_file(&files.key)? })
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    match bytes.len() {
        0..=FILE_BYTES_MAX => Ok(bytes),
        _ => Err(format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display())),
    }
}

fn parse(files: &TlsFiles, held: &Held) -> Result<Certificate, String> {
    let named = |why| format!("{} and {}: {why}", files.certificate.display(), files.key.display());
    Certificate::from_pem(&held.chain, &held.key).map_err(named)
}

fn fingerprint(held: &Held) -> Digest {
    Digest::of("door", &[&held.chain, &held.key])
}

fn shown(certificate: &Certificate) -> Shown {
    let (expires_s, names) = (certificate.expires_s(), certificate.names().to_vec());
    Shown { expires_s, names, problem: None }
}

/// How soon a change is seen.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Far beyond any chain.
const FILE_BYTES_MAX: usize = 1024 * 1024;
