//! A Postgres of the tests' own, in a temporary folder, on a socket in it.

use std::{
    env, fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

/// Postgres does not run as root.
const NOBODY: u32 = 65534;

pub(crate) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// The one that tests share while any of them runs. `None` where Postgres is not installed.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Some(cluster);
        }
        let cluster = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&cluster);
        Some(cluster)
    }

    /// A new one. `None` where Postgres is not installed; in CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                env::var_os("CI").is_none(),
                "CI needs Debian's `postgresql`"
            );
            eprintln!("skipped: no Postgres under /usr/lib/postgresql");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if is_root(folder.path()) {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let cluster = Self { programs, folder };
        let data = cluster.data();
        let data = data.to_str().unwrap();
        cluster.run(
            "initdb",
            &[
                "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8",
            ],
        );
        cluster.up();
        Some(cluster)
    }

    pub(crate) fn up(&self) {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c max_connections=200",
            self.folder.path().display()
        );
        let log = self.folder.path().join("log");
        let data = self.data();
        let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
        self.run(
            "pg_ctl",
            &["-D", data, "-l", log, "-w", "-o", &options, "start"],
        );
    }

    pub(crate) fn down(&self) {
        let data = self.data();
        self.run(
            "pg_ctl",
            &[
                "-D",
                data.to_str().unwrap(),
                "-m",
                "immediate",
                "-w",
                "stop",
            ],
        );
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.folder.path())
            .username("postgres")
            .database("postgres")
    }

    /// The folder of the socket, by which other drivers find it.
    pub(crate) fn socket(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        // The server inherits what it is given, and would hold a pipe open.
        let errors = fs::File::create(self.folder.path().join("errors")).unwrap();
        command.stderr(errors);
        if fs::metadata(self.folder.path())
            .unwrap()
            .is_owned_by(NOBODY)
        {
            command.uid(NOBODY).gid(NOBODY);
        }
        let status = command.status().unwrap();
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name));
        assert!(
            status.success(),
            "{program}: {}{}",
            read("errors").unwrap_or_default(),
            read("log").unwrap_or_default(),
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.down();
        }
    }
}

trait OwnedBy {
    fn is_owned_by(&self, user: u32) -> bool;
}

impl OwnedBy for fs::Metadata {
    fn is_owned_by(&self, user: u32) -> bool {
        std::os::unix::fs::MetadataExt::uid(self) == user
    }
}

/// Whether what we make belongs to root.
fn is_root(made: &Path) -> bool {
    fs::metadata(made).unwrap().is_owned_by(0)
}

/// Debian's place for the newest version that is there.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .max()
}
