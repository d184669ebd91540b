//! Ports: who has one, where the system tells us.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use wire::Medium;

/// Names the process that has a port, as far as this user may see it (Linux only).
pub(crate) fn holder(address: SocketAddr, medium: Medium) -> Option<String> {
    // TCP_LISTEN, and what UDP calls its sockets that have no peer.
    let (tables, state) = match medium {
        Medium::Http | Medium::Tcp => (["/proc/net/tcp", "/proc/net/tcp6"], "0A"),
        Medium::Relay => return None,
        Medium::Quic => (["/proc/net/udp", "/proc/net/udp6"], "07"),
    };
    let inode = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listener(&table, address.port(), state))?;
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    processes.filter_map(Result::ok).map(|entry| entry.path()).find_map(|path| {
        let pid: u32 = path.file_name()?.to_str()?.parse().ok()?;
        has_open(&path, &wanted).then(|| describe(&path, pid))
    })
}

/// Finds the inode of the socket that listens on `port` in a table of the kernel.
fn listener(table: &str, port: u16, state: &str) -> Option<String> {
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(3) == Some(&state);
        (listens && fields.get(1)?.ends_with(&port))
            .then(|| fields.get(9).map(|it| (*it).to_owned()))?
    })
}

fn has_open(process: &Path, wanted: &str) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.filter_map(Result::ok)
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.as_os_str() == wanted)
}

fn describe(process: &Path, pid: u32) -> String {
    match fs::read_to_string(process.join("comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}
