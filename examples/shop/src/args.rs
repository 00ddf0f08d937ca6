use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

/// A small shop that pays its partners.
///
/// Without REFPORT_API_KEY in the environment it brings a Refport server of its own along. With
/// it, it reports to the Refport service, or to the server that REFPORT_BASE_URL names.
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// The address the shop listens on; port 0 takes a free one
    #[arg(long, env = "SHOP_LISTEN", value_name = "ADDRESS")]
    #[arg(default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// The address the shop's own Refport server listens on; port 0 takes a free one
    #[arg(long, env = "SHOP_REFPORT_LISTEN", value_name = "ADDRESS")]
    #[arg(default_value = "127.0.0.1:4800")]
    pub refport_listen: SocketAddr,

    /// The folder for users, orders, clicks and commissions; made where there is none
    #[arg(long, env = "SHOP_DATA", value_name = "FOLDER")]
    #[arg(default_value = "shop-data")]
    pub data: PathBuf,

    /// The e-mail address of the partner whose portal `/partner` shows
    #[arg(long, env = "SHOP_PARTNER", value_name = "EMAIL")]
    #[arg(default_value = "ada@example.com")]
    pub partner: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
