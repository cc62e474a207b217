//! Sockets that a service manager has opened for us (`sd_listen_fds(3)`): connections wait in them while nothing runs, and the
//! process needs no right to bind a low port.

use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use thiserror::Error;

/// Those that no listener has taken yet.
pub(super) struct Inherited(Vec<(SocketAddr, TcpListener)>);

#[derive(Debug, Error)]
pub enum InheritedError {
    #[error("a socket that was passed in (`LISTEN_FDS`) is of no use: {0}; pass sockets of TCP that listen")]
    Socket(#[from] io::Error),
    #[error(
        "a socket that was passed in (`LISTEN_FDS`) listens on {0}, and no `[[listen]]` does; \
         make its `address` the same, or take it from the service manager's list"
    )]
    NotConfigured(SocketAddr),
}

impl Inherited {
    /// None are left where this process was given none.
    pub(super) fn take() -> Result<Inherited, InheritedError> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            if let Some(socket) = passed.take_tcp_listener(index)? {
                socket.set_nonblocking(true)?;
                sockets.push((socket.local_addr()?, socket));
            }
        }
        Ok(Inherited(sockets))
    }

    /// The one that listens there.
    pub(super) fn at(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let found = self.0.iter().position(|(of_socket, _)| *of_socket == address)?;
        Some(self.0.swap_remove(found).1)
    }

    /// Who passes a socket wants it served.
    pub(super) fn are_all_taken(self) -> Result<(), InheritedError> {
        self.0.first().map_or(Ok(()), |(address, _)| Err(InheritedError::NotConfigured(*address)))
    }
}
