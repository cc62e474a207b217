//! What only a restart can change. A configuration that would change it is refused, rather than taken in part.

use crate::config::{Admin, Config};

/// The first setting in which the two differ, as it is called in the file.
pub(super) fn difference(running: &Config, wanted: &Config) -> Option<&'static str> {
    let admin = |admin: &Option<Admin>| admin.as_ref().map(|admin| (admin.address.clone(), admin.token_file.clone()));
    let settings = [
        ("access_log", running.access_log == wanted.access_log),
        // Before `admin`, whose token file lies in it unless given.
        ("data_dir", running.data_dir == wanted.data_dir),
        ("admin", admin(&running.admin) == admin(&wanted.admin)),
        ("workers", running.workers == wanted.workers),
        ("limits.connections_max", running.limits.connections_max == wanted.limits.connections_max),
        ("limits.instances_max", running.limits.instances_max == wanted.limits.instances_max),
    ];
    settings.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
}
