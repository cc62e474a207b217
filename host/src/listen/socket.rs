//! The socket of a listener: how it gets its port, also from another listener of ours, and who is still in it when it closes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the system has accepted and we have not.
pub(super) const BACKLOG: u32 = 1024;

/// Known beside the listener for as long as that one listens.
#[derive(Clone)]
pub struct Door(Weak<TcpListener>);

impl Door {
    pub(super) fn of(socket: &Arc<TcpListener>) -> Door {
        Door(Arc::downgrade(socket))
    }

    fn shares(&self, shares: bool) -> io::Result<()> {
        self.0.upgrade().map_or(Ok(()), |socket| SockRef::from(&*socket).set_reuse_port(shares))
    }
}

/// `beside`: other listeners of this process that have the port on addresses which cover this one, or which it covers. The system
/// lets both listen where both are for it; a connection goes to the one whose address says more.
pub(super) fn bind(address: SocketAddr, beside: &[Door]) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of the process before to be forgotten.
    socket.set_reuseaddr(true)?;
    if beside.is_empty() {
        socket.bind(address)?;
        return socket.listen(BACKLOG);
    }
    // No longer than it takes: any process of the same user could share the port as well.
    let shared = beside.iter().try_for_each(|door| door.shares(true));
    let bound = shared.and_then(|()| {
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        let listening = socket.listen(BACKLOG)?;
        SockRef::from(&listening).set_reuse_port(false)?;
        Ok(listening)
    });
    for door in beside {
        door.shares(false)?;
    }
    bound
}

/// Those whose connections the system has accepted and we have not. None: there is nobody.
pub(super) fn waiting(socket: &TcpListener) -> Option<(std::net::TcpStream, SocketAddr)> {
    let (stream, peer) = SockRef::from(socket).accept().ok()?;
    stream.set_nonblocking(true).ok()?;
    Some((stream.into(), peer.as_socket()?))
}
