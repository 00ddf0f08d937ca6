//! A Postgres in a temporary folder, on a socket in it, which goes when the harness does.

use std::{
    fs,
    io::{self, Write},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::told_to_stop;

/// Postgres does not run as root.
const NOBODY: u32 = 65534;

/// Prints the URL of the database when it is up, and takes all of it away at the end.
pub(super) async fn run() -> anyhow::Result<()> {
    let stop = told_to_stop()?;
    let cluster = Cluster::start()?;
    let socket = cluster.folder.path().display();
    writeln!(
        io::stdout(),
        "postgres://postgres@localhost/postgres?host={socket}"
    )?;
    stop.await;
    Ok(())
}

struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// Of the processes, where they cannot have ours.
    user: Option<u32>,
}

impl Cluster {
    fn start() -> anyhow::Result<Self> {
        let programs = programs().context("no Postgres under /usr/lib/postgresql")?;
        let folder = tempfile::Builder::new()
            .prefix("refport-crash-")
            .tempdir()?;
        let user = (fs::metadata(folder.path())?.uid() == 0).then_some(NOBODY);
        if user.is_some() {
            chown(folder.path(), user, user)?;
        }
        let cluster = Self {
            programs,
            folder,
            user,
        };
        cluster.run(
            "initdb",
            &["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"],
        )?;
        // Killed are its clients, so that nothing hangs on its flushes.
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off",
            cluster.folder.path().display()
        );
        cluster.run("pg_ctl", &["-l", "log", "-w", "-o", &options, "start"])?;
        Ok(cluster)
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
        let status = command.status()?;
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
            && let Err(error) = self.run("pg_ctl", &["-m", "immediate", "-w", "stop"])
        {
            eprintln!("refport-crash: Postgres did not stop: {error:#}");
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
