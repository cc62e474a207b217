//! Typed reading of one parameter, with the sentences that OpenAI's API uses for a wrong one.

use serde_json::{Map, Number, Value};

use super::error::ApiError;

/// A JSON object and the path that leads to it; empty for the whole body.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    pub fn new(map: &'a Map<String, Value>, path: impl Into<String>) -> Fields<'a> {
        Fields { map, path: path.into() }
    }

    pub fn of(value: &'a Value, path: &str) -> Result<Fields<'a>, ApiError> {
        let map = value.as_object().ok_or_else(|| invalid_type(path, "an object", value))?;
        Ok(Fields::new(map, path))
    }

    pub fn param(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    /// A parameter that is null counts as left out.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub fn string(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.read(name, "a string", Value::as_str)
    }

    pub fn required_string(&self, name: &str) -> Result<&'a str, ApiError> {
        self.string(name)?.ok_or_else(|| ApiError::missing(&self.param(name)))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.read(name, "a boolean", Value::as_bool)
    }

    pub fn array(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        self.read(name, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, ApiError> {
        self.value(name).map(|value| Fields::of(value, &self.param(name))).transpose()
    }

    pub fn integer(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, ApiError> {
        let Some(integer) = self.read(name, "an integer", whole)? else { return Ok(None) };
        let param = self.param(name);
        if integer < i128::from(least) {
            let message = format!(
                "Invalid '{param}': integer below minimum value. Expected a value >= {least}, but got {integer} instead."
            );
            return Err(ApiError::parameter(&param, "integer_below_min_value", message));
        }
        match i64::try_from(integer) {
            Ok(integer) if integer <= most => Ok(Some(integer)),
            _ => {
                let message = format!(
                    "Invalid '{param}': integer above maximum value. Expected a value <= {most}, but got {integer} instead."
                );
                Err(ApiError::parameter(&param, "integer_above_max_value", message))
            }
        }
    }

    pub fn decimal(&self, name: &str, least: f64, most: f64) -> Result<Option<f64>, ApiError> {
        let Some(decimal) = self.read(name, "a decimal", Value::as_f64)? else { return Ok(None) };
        let param = self.param(name);
        if decimal < least {
            let message = format!(
                "Invalid '{param}': decimal below minimum value. Expected a value >= {least}, but got {decimal} instead."
            );
            return Err(ApiError::parameter(&param, "decimal_below_min_value", message));
        }
        if decimal > most {
            let message = format!(
                "Invalid '{param}': decimal above maximum value. Expected a value <= {most}, but got {decimal} instead."
            );
            return Err(ApiError::parameter(&param, "decimal_above_max_value", message));
        }
        Ok(Some(decimal))
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| invalid_type(&self.param(name), expected, value))
    }
}

pub fn invalid_type(param: &str, expected: &str, got: &Value) -> ApiError {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
    ApiError::parameter(param, "invalid_type", message)
}

pub fn invalid_value(param: &str, got: &str, supported: &[&str]) -> ApiError {
    let supported: Vec<String> = supported.iter().map(|value| format!("'{value}'")).collect();
    let message = format!("Invalid value: '{got}'. Supported values are: {}.", supported.join(", "));
    ApiError::parameter(param, "invalid_value", message)
}

fn whole(value: &Value) -> Option<i128> {
    value.as_number().and_then(Number::as_i128)
}
