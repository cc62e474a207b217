//! What the upstreams of the route are called.

use sluicegate_plugin::targets;

use crate::order::hash;
use crate::target::Target;

#[derive(Default)]
pub struct Names {
    upstreams: Vec<String>,
    /// Empty where nobody looks at them.
    models: Vec<String>,
}

impl Names {
    /// Models are asked for if a config names one, or if hashes are wanted and a name does not tell them apart.
    pub fn read(are_hashed: bool, with_models: bool) -> Names {
        let upstreams = targets::names();
        let is_twice = || upstreams.iter().enumerate().any(|(number, name)| upstreams[..number].contains(name));
        let models = match with_models || are_hashed && is_twice() {
            true => targets::facts("model"),
            false => Vec::new(),
        };
        Names { upstreams, models }
    }

    pub fn is(&self, target: u32, named: &Target) -> bool {
        named.is(of(&self.upstreams, target), of(&self.models, target))
    }

    /// Of the upstream's name, and of its model where several targets have that name. Which others there are does not matter, so that
    /// one that comes or goes moves no more than it must.
    pub fn hash(&self, target: u32) -> u64 {
        let name = of(&self.upstreams, target);
        let own = hash(name.as_bytes());
        match self.upstreams.iter().filter(|other| *other == name).nth(1) {
            None => own,
            Some(_) => own.rotate_left(1) ^ hash(of(&self.models, target).as_bytes()),
        }
    }
}

fn of(all: &[String], target: u32) -> &str {
    all.get(target as usize).map_or("", String::as_str)
}
