//! Typed reading of the members of one JSON object.

use serde_json::{Map, Number, Value};

use super::{Problem, ProblemKind};

/// A JSON object and the path that leads to it; empty for the whole body.
#[derive(Clone)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    pub fn of(value: &'a Value, path: impl Into<String>) -> Result<Fields<'a>, Problem> {
        let path = path.into();
        match value.as_object() {
            Some(map) => Ok(Fields { map, path }),
            None => Err(Problem::wrong_type(path, "an object", value)),
        }
    }

    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The path of the object itself.
    pub fn own_path(&self) -> &str {
        &self.path
    }

    pub fn missing(&self, name: &str) -> Problem {
        Problem::missing(self.path(name))
    }

    /// For vendors that refuse what they do not know.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(Problem::new(self.path(unknown), ProblemKind::Unknown)),
            None => Ok(()),
        }
    }

    /// A member that is null counts as left out.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    pub fn string(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        self.read(name, "a string", Value::as_str)
    }

    pub fn required_string(&self, name: &str) -> Result<&'a str, Problem> {
        self.string(name)?.ok_or_else(|| self.missing(name))
    }

    /// One of some words.
    pub fn word(&self, name: &str, supported: &'static [&'static str]) -> Result<Option<&'a str>, Problem> {
        match self.string(name)? {
            Some(word) if !supported.contains(&word) => Err(Problem::choice(self.path(name), word, supported)),
            word => Ok(word),
        }
    }

    pub fn required_word(&self, name: &str, supported: &'static [&'static str]) -> Result<&'a str, Problem> {
        self.word(name, supported)?.ok_or_else(|| self.missing(name))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.read(name, "a boolean", Value::as_bool)
    }

    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        Ok(self.boolean(name)?.unwrap_or(false))
    }

    pub fn array(&self, name: &str) -> Result<Option<&'a [Value]>, Problem> {
        self.read(name, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    pub fn array_up_to(&self, name: &str, most: usize) -> Result<Option<&'a [Value]>, Problem> {
        match self.array(name)? {
            Some(array) if array.len() > most => {
                Err(Problem::new(self.path(name), ProblemKind::TooLong { what: "array", most, got: array.len() }))
            }
            array => Ok(array),
        }
    }

    /// With at least one element.
    pub fn filled_array(&self, name: &str, most: usize) -> Result<&'a [Value], Problem> {
        match self.array_up_to(name, most)? {
            None => Err(self.missing(name)),
            Some([]) => Err(Problem::new(self.path(name), ProblemKind::Empty { what: "array" })),
            Some(array) => Ok(array),
        }
    }

    /// The objects in an array; none if it is left out.
    pub fn objects(&self, name: &str, most: usize) -> Result<Vec<Fields<'a>>, Problem> {
        self.objects_in(name, self.array_up_to(name, most)?.unwrap_or_default())
    }

    pub fn objects_in(&self, name: &str, array: &'a [Value]) -> Result<Vec<Fields<'a>>, Problem> {
        let path = self.path(name);
        array.iter().enumerate().map(|(index, value)| Fields::of(value, format!("{path}[{index}]"))).collect()
    }

    pub fn strings(&self, name: &str, most: usize) -> Result<Vec<String>, Problem> {
        let text = |(index, value): (usize, &Value)| {
            let wrong = || Problem::wrong_type(format!("{}[{index}]", self.path(name)), "a string", value);
            value.as_str().map(str::to_owned).ok_or_else(wrong)
        };
        self.array_up_to(name, most)?.unwrap_or_default().iter().enumerate().map(text).collect()
    }

    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Problem> {
        self.value(name).map(|value| Fields::of(value, self.path(name))).transpose()
    }

    pub fn required_object(&self, name: &str) -> Result<Fields<'a>, Problem> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    pub fn integer(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Problem> {
        let Some(integer) = self.read(name, "an integer", whole)? else { return Ok(None) };
        let got = integer.to_string();
        if integer < i128::from(least) {
            let kind = ProblemKind::Below { number: "integer", least: least.to_string(), got };
            return Err(Problem::new(self.path(name), kind));
        }
        match i64::try_from(integer) {
            Ok(integer) if integer <= most => Ok(Some(integer)),
            _ => {
                let kind = ProblemKind::Above { number: "integer", most: most.to_string(), got };
                Err(Problem::new(self.path(name), kind))
            }
        }
    }

    /// An integer that counts something.
    pub fn count(&self, name: &str, least: i64, most: i64) -> Result<Option<u64>, Problem> {
        Ok(self.integer(name, least, most)?.map(i64::unsigned_abs))
    }

    pub fn decimal(&self, name: &str, least: f64, most: f64) -> Result<Option<f64>, Problem> {
        let Some(decimal) = self.read(name, "a decimal", Value::as_f64)? else { return Ok(None) };
        let got = decimal.to_string();
        if decimal < least {
            let kind = ProblemKind::Below { number: "decimal", least: least.to_string(), got };
            return Err(Problem::new(self.path(name), kind));
        }
        if decimal > most {
            let kind = ProblemKind::Above { number: "decimal", most: most.to_string(), got };
            return Err(Problem::new(self.path(name), kind));
        }
        Ok(Some(decimal))
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| Problem::wrong_type(self.path(name), expected, value))
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_number().and_then(Number::as_i128)
}
