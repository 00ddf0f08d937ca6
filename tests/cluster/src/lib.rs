//! A Postgres of a test's or bench's own, in a temporary folder, on a socket in it.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// Postgres does not run as root.
const NOBODY: u32 = 65534;

/// A cluster that is up. Its user is `postgres`, without a password. It stops when it is dropped, and
/// its folder goes with it.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// Of its processes, where they cannot have ours.
    user: Option<u32>,
    flushes: Flushes,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushes {
    /// As Postgres does by itself.
    EachCommit,
    /// Quick, for tests in which the machine itself does not fail.
    Never,
}

impl Cluster {
    /// A new one with Postgres's own settings besides, or `None` where Postgres is not installed where
    /// Debian puts it.
    ///
    /// # Errors
    ///
    /// When it is there and does not start.
    pub fn start(flushes: Flushes) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("refport-cluster-")
            .tempdir()?;
        let user = (fs::metadata(folder.path())?.uid() == 0).then_some(NOBODY);
        if user.is_some() {
            chown(folder.path(), user, user)?;
        }
        let cluster = Self {
            programs,
            folder,
            user,
            flushes,
        };
        cluster.run(
            "initdb",
            &["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"],
        )?;
        cluster.up()?;
        Ok(Some(cluster))
    }

    /// Starts it again after [`down`](Self::down).
    ///
    /// # Errors
    ///
    /// When it does not start, with what it says.
    pub fn up(&self) -> anyhow::Result<()> {
        let flushes = match self.flushes {
            Flushes::EachCommit => "on",
            Flushes::Never => "off",
        };
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c max_connections=200 \
            -c fsync={flushes}",
            self.socket().display()
        );
        self.run("pg_ctl", &["-l", "log", "-w", "-o", &options, "start"])
    }

    /// Stops it as a power cut would.
    ///
    /// # Errors
    ///
    /// When it does not stop.
    pub fn down(&self) -> anyhow::Result<()> {
        self.run("pg_ctl", &["-m", "immediate", "-w", "stop"])
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Runs one of its programs on the data, to its end.
    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let folder = self.folder.path();
        let mut command = Command::new(self.programs.join(program));
        command
            .arg("-D")
            .arg(folder.join("data"))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // The server inherits what it is given, and would hold a pipe open.
            .stderr(fs::File::create(folder.join("errors"))?);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        let status = command.status().with_context(|| program.to_owned())?;
        let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
        ensure!(
            status.success(),
            "{program}: {}{}",
            read("errors"),
            read("log")
        );
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists()
            && let Err(error) = self.down()
        {
            eprintln!("Postgres did not stop: {error:#}");
        }
    }
}

/// Debian's place for the newest version that is there.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .max()
}
