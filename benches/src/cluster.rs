//! A Postgres of a bench's own, in a temporary folder, on a socket in it. It waits for the disk at
//! every commit, as Postgres does by default.

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

/// Stops when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// A new one with Postgres's own settings, or `None` where it is not installed where Debian
    /// puts it.
    ///
    /// # Errors
    ///
    /// When it is there and does not start.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        if is_root(folder.path())? {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let cluster = Self { programs, folder };
        let data = cluster.data();
        cluster.run(
            "initdb",
            &[
                "-D", &data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8",
            ],
        )?;
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c max_connections=200",
            cluster.socket().display()
        );
        let log = cluster.socket().join("log").display().to_string();
        cluster.run(
            "pg_ctl",
            &["-D", &data, "-l", &log, "-w", "-o", &options, "start"],
        )?;
        Ok(Some(cluster))
    }

    /// The folder of its socket. Its user is `postgres`, without a password.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> String {
        self.socket().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let folder = self.socket();
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        // The server inherits what it is given, and would hold a pipe open.
        command.stderr(fs::File::create(folder.join("errors"))?);
        if fs::metadata(folder)?.uid() == NOBODY {
            command.uid(NOBODY).gid(NOBODY);
        }
        let status = command.status().with_context(|| program.to_owned())?;
        let errors = || fs::read_to_string(folder.join("errors")).unwrap_or_default();
        ensure!(status.success(), "{program}: {}", errors());
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Its folder goes away with it.
        let data = self.data();
        let _ = self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
    }
}

/// Whether what we make belongs to root.
fn is_root(made: &Path) -> anyhow::Result<bool> {
    Ok(fs::metadata(made)?.uid() == 0)
}

/// Debian's place for the newest version that is there.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .max()
}
