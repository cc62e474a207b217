//! Where the admin listener listens: a loopback address or a Unix socket.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixSocket};

use super::AdminError;
use crate::config::AdminAddress;

/// Connections that the system has accepted and we have not.
const BACKLOG: u32 = 128;

pub(super) type Stream = Box<dyn ReadWrite>;

pub(super) trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for T {}

#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    address: AdminAddress,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix {
        // Removed before the listener closes: a successor's socket at this path is then never taken for ours.
        _file: SocketFile,
        listener: UnixListener,
    },
}

#[derive(Debug)]
struct SocketFile(PathBuf);

impl Listener {
    pub(super) async fn bind(address: &AdminAddress) -> Result<Listener, AdminError> {
        match address {
            AdminAddress::Tcp(address) => {
                if !address.ip().is_loopback() {
                    return Err(AdminError::NotLoopback(*address));
                }
                let failed = |source| AdminError::Bind { address: address.to_string(), source };
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let address = AdminAddress::Tcp(listener.local_addr().map_err(failed)?);
                Ok(Listener { socket: Socket::Tcp(listener), address })
            }
            AdminAddress::Unix(path) => {
                let failed = |source| AdminError::Bind { address: path.display().to_string(), source };
                remove_stale(path)?;
                let listener = bind_private(path).map_err(failed)?;
                let file = SocketFile(path.clone());
                Ok(Listener { socket: Socket::Unix { _file: file, listener }, address: address.clone() })
            }
        }
    }

    pub(super) fn address(&self) -> &AdminAddress {
        &self.address
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => Box::new(listener.accept().await?.0),
            Socket::Unix { listener, .. } => Box::new(listener.accept().await?.0),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Someone else may have removed it; then there is nothing left to do.
        let _ = fs::remove_file(&self.0);
    }
}

/// Nobody but its owner can connect, and could not for a moment: the file gets the mode that the socket has before (`unix(7)` on
/// Linux), and not one that is changed afterwards.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    File::from(socket.as_fd().try_clone_to_owned()?).set_permissions(Permissions::from_mode(0o600))?;
    socket.bind(path)?;
    socket.listen(BACKLOG)
}

/// A process that was killed leaves its socket behind. Whether anyone still listens, connecting tells.
fn remove_stale(path: &Path) -> Result<(), AdminError> {
    let failed = |source| AdminError::Bind { address: path.display().to_string(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(AdminError::NotASocket(path.to_path_buf())),
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(AdminError::SocketInUse(path.to_path_buf())),
    }
}
