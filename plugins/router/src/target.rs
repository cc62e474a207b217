//! What a config names: an upstream, a provider, or one of its models.

use std::fmt;

pub struct Target {
    pub name: String,
    /// Any if none is given.
    pub model: Option<String>,
    pub weight: u32,
}

impl Target {
    pub fn names_a_model(&self) -> bool {
        self.model.is_some()
    }

    pub fn is(&self, name: &str, model: &str) -> bool {
        self.name == name && self.model.as_deref().is_none_or(|own| own == model)
    }

    /// Whether nothing is left to another one behind this.
    pub fn takes_in(&self, other: &Target) -> bool {
        self.name == other.name && (self.model.is_none() || self.model == other.model)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.model {
            None => write!(formatter, "`{}`", self.name),
            Some(model) => write!(formatter, "`{model}` of `{}`", self.name),
        }
    }
}
