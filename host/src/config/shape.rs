//! Holds a TOML document against the JSON schema, and takes out what does not fit, so that the rest can be checked as well.
//!
//! The loader accepts what the schema accepts because it follows the schema; the tests hold it against another validator.

mod phrase;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::diagnostic::{Mistake, Report};
use super::near::nearest;
use super::raw::spot::Span;
pub use phrase::quoted;

/// The keywords that are enforced here, and after them those that say nothing about validity.
#[cfg(test)]
#[rustfmt::skip]
pub const KEYWORDS: [&str; 22] = [
    "type", "enum", "pattern", "maxLength", "format", "minimum", "maximum", "minItems", "maxItems", "items", "properties",
    "required", "additionalProperties", "propertyNames", "anyOf", "not",
    "$schema", "title", "description", "default", "examples", "patternErrorMessage",
];

/// Reports what does not fit and takes it out of `document`. `whole`: how messages call the document.
pub fn check(
    whole: &str,
    schema: &Value,
    document: &mut Spanned<DeTable<'_>>,
    patterns: &mut Patterns,
    report: &mut Report,
) {
    let nothing = Map::new();
    let root = schema.as_object().unwrap_or(&nothing);
    let mut shape = Shape { report, whole, root, patterns, path: Vec::new() };
    let span = document.span();
    shape.table(root, document.get_mut(), &span);
}

/// The patterns of schemas, each compiled when it is first needed.
pub type Patterns = BTreeMap<String, Option<Regex>>;

struct Shape<'a> {
    report: &'a mut Report,
    whole: &'a str,
    root: &'a Map<String, Value>,
    patterns: &'a mut Patterns,
    /// The keys that lead to the current value.
    path: Vec<Step>,
}

enum Step {
    Key(String),
    Item,
}

impl Shape<'_> {
    /// False: reported, and to be taken out.
    fn value(&mut self, schema: &Value, node: &mut Spanned<DeValue<'_>>) -> bool {
        // JSON has no date-times: from here on they are strings.
        if let DeValue::Datetime(date_time) = node.get_ref() {
            let text = date_time.to_string();
            *node.get_mut() = DeValue::String(text.into());
        }
        let span = node.span();
        let anything = Map::new();
        let mut schema = schema.as_object().unwrap_or(&anything);
        if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
            let fitting = alternatives.iter().filter_map(Value::as_object).find(|one| fits_type(one, node.get_ref()));
            let Some(fitting) = fitting else {
                return self.wrong_type(&alternatives.iter().collect::<Vec<_>>(), node);
            };
            schema = fitting;
        }
        if !fits_type(schema, node.get_ref()) {
            return self.wrong_type(&[&Value::Object(schema.clone())], node);
        }
        match node.get_mut() {
            DeValue::String(text) => self.text(schema, text, &span),
            DeValue::Integer(number) => self.integer(schema, number, &span),
            DeValue::Float(number) => self.float(schema, number.as_str().parse().unwrap_or(f64::NAN), &span),
            DeValue::Array(items) => self.list(schema, items, &span),
            DeValue::Table(table) => self.table(schema, table, &span),
            DeValue::Boolean(_) | DeValue::Datetime(_) => true,
        }
    }

    fn text(&mut self, schema: &Map<String, Value>, text: &str, span: &Span) -> bool {
        let subject = self.subject();
        self.text_of(&subject, schema, text, span)
    }

    /// `subject` is how a message calls the text.
    fn text_of(&mut self, subject: &str, schema: &Map<String, Value>, text: &str, span: &Span) -> bool {
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            if !words.contains(&text) {
                let found =
                    self.report.add(Mistake::Shape, span, format!("{subject} must be {}", phrase::one_of(&words)));
                if let Some(near) = nearest(text, words.iter().copied()) {
                    found.help(format!("did you mean `{near}`?"));
                }
                return false;
            }
        }
        let date_time = schema.get("format").and_then(Value::as_str) == Some("date-time");
        let malformed = match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => !self.matches(pattern, text) || (date_time && text.parse::<jiff::Timestamp>().is_err()),
            None => false,
        };
        if malformed {
            let must = schema.get("patternErrorMessage").and_then(Value::as_str).unwrap_or("has not the right form");
            let fitting = self.in_other_case(schema, text);
            let found = self.report.add(Mistake::Shape, span, format!("{subject} {must}"));
            match (fitting, phrase::example(subject, schema)) {
                (Some(fitting), _) => drop(found.help(format!("write `{fitting}`"))),
                (None, Some(example)) if !must.contains("such as") => drop(found.help(example)),
                _ => {}
            }
            return false;
        }
        if let Some(length) = schema.get("maxLength").and_then(Value::as_u64)
            && text.chars().count() as u64 > length
        {
            self.report.add(Mistake::Shape, span, format!("{subject} must not be longer than {length} characters"));
            return false;
        }
        if let Some(refused) = schema.get("not").and_then(Value::as_object)
            && refused.get("enum").and_then(Value::as_array).is_some_and(|words| words.iter().any(|word| word == text))
        {
            self.report.add(Mistake::Shape, span, format!("{subject} {}", phrase::description(refused)));
            return false;
        }
        true
    }

    /// `openai` for `OpenAI`, `rate-limit` for `rate_limit`, `GET` for `get`, if that has the form of the schema.
    fn in_other_case(&mut self, schema: &Map<String, Value>, text: &str) -> Option<String> {
        // The name of an environment variable is another one in another case.
        let pattern = schema.get("pattern").and_then(Value::as_str).filter(|_| !text.contains('$'))?;
        let length = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let forms = [text.to_lowercase().replace(['_', ' '], "-"), text.to_uppercase()];
        forms.into_iter().find(|form| form.chars().count() as u64 <= length && self.matches(pattern, form))
    }

    fn matches(&mut self, pattern: &str, text: &str) -> bool {
        if !self.patterns.contains_key(pattern) {
            self.patterns.insert(pattern.to_owned(), Regex::new(pattern).ok());
        }
        // Every pattern of the schema compiles, as a test makes sure.
        self.patterns.get(pattern).and_then(Option::as_ref).is_some_and(|pattern| pattern.is_match(text))
    }

    fn integer(&mut self, schema: &Map<String, Value>, number: &DeInteger<'_>, span: &Span) -> bool {
        // A number that may have a fraction has bounds that are written as such.
        let bound = |name: &str| {
            let bound = schema.get(name)?;
            bound.as_i64().map(i128::from).or_else(|| bound.as_f64().map(|bound| bound as i128))
        };
        // TOML's integers have 64 bits.
        let minimum = bound("minimum").unwrap_or(i64::MIN.into());
        let maximum = bound("maximum").unwrap_or(i64::MAX.into());
        let number = i128::from_str_radix(number.as_str(), number.radix());
        if number.is_ok_and(|number| (minimum..=maximum).contains(&number)) {
            return true;
        }
        let subject = self.subject();
        let found = self.report.add(
            Mistake::Shape,
            span,
            format!("{subject} must be between {} and {}", phrase::grouped(minimum), phrase::grouped(maximum)),
        );
        if let Some(default) = schema.get("default").and_then(Value::as_i64) {
            found.help(format!("without it, it is {}", phrase::grouped(default.into())));
        }
        false
    }

    fn float(&mut self, schema: &Map<String, Value>, number: f64, span: &Span) -> bool {
        let subject = self.subject();
        if !number.is_finite() {
            self.report
                .add(Mistake::Shape, span, format!("{subject} must be a finite number"))
                .help("plugins are configured in JSON, which has neither `nan` nor `inf`");
            return false;
        }
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let (minimum, maximum) = (bound("minimum").unwrap_or(f64::MIN), bound("maximum").unwrap_or(f64::MAX));
        let is_within = (minimum..=maximum).contains(&number);
        if !is_within {
            let message = format!("{subject} must be between {minimum} and {maximum}");
            self.report.add(Mistake::Shape, span, message);
        }
        is_within
    }

    fn list(&mut self, schema: &Map<String, Value>, items: &mut DeArray<'_>, span: &Span) -> bool {
        if let Some(minimum) = schema.get("minItems").and_then(Value::as_u64)
            && (items.len() as u64) < minimum
        {
            let subject = self.subject();
            let items = if minimum == 1 { "item" } else { "items" };
            self.report.add(Mistake::Shape, span, format!("{subject} must have at least {minimum} {items}"));
            return false;
        }
        if let Some(maximum) = schema.get("maxItems").and_then(Value::as_u64)
            && items.len() as u64 > maximum
        {
            let subject = self.subject();
            self.report.add(Mistake::Shape, span, format!("{subject} must have at most {maximum} items"));
            return false;
        }
        let item_schema = schema.get("items").unwrap_or(&Value::Bool(true));
        let given = std::mem::replace(items, DeArray::new());
        self.path.push(Step::Item);
        for mut item in given {
            if self.value(item_schema, &mut item) {
                items.push(item);
            }
        }
        self.path.pop();
        true
    }

    fn table(&mut self, schema: &Map<String, Value>, table: &mut DeTable<'_>, span: &Span) -> bool {
        let missing = self.missing(schema, table, span);
        let refused = self.refused_together(schema, table, span);
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let names = schema.get("propertyNames").and_then(Value::as_object);
        for (key, mut node) in std::mem::take(table) {
            let name = key.get_ref().as_ref();
            if names.is_some_and(|names| !self.text_of(&phrase::quoted(name), names, name, &key.span())) {
                continue;
            }
            let property = properties.get(name).or_else(|| schema.get("additionalProperties"));
            if property == Some(&Value::Bool(false)) {
                self.unknown(name, properties, &key.span());
                continue;
            }
            self.path.push(Step::Key(name.to_owned()));
            let keep = self.value(property.unwrap_or(&Value::Bool(true)), &mut node);
            self.path.pop();
            if keep {
                table.insert(key, node);
            }
        }
        // A table without something that it needs, be it missing or just taken out, cannot be read.
        !missing && !refused && required(schema).all(|name| table.contains_key(name))
    }

    fn missing(&mut self, schema: &Map<String, Value>, table: &DeTable<'_>, span: &Span) -> bool {
        let missing: Vec<&str> = required(schema).filter(|name| !table.contains_key(*name)).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let is_known = |key: &str| properties.is_some_and(|properties| properties.contains_key(key));
        let unknown: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).filter(|key| !is_known(key)).collect();
        for name in &missing {
            // A key that is mistyped is reported as unknown, with this one as what was meant.
            if unknown.iter().any(|key| nearest(key, known_names(properties)) == Some(name)) {
                continue;
            }
            let subject = phrase::table(self.whole, &self.path);
            let message = format!("{subject} has no `{name}`");
            let found = match self.path.is_empty() {
                true => self.report.add_without_place(Mistake::Shape, message),
                false => self.report.add(Mistake::Shape, span, message).label(format!("`{name}` is missing")),
            };
            if let Some(help) = phrase::how_to_add(name, schema) {
                found.help(help);
            }
        }
        !missing.is_empty()
    }

    /// `not` with `required`: keys of which a table may have some, but not all.
    fn refused_together(&mut self, schema: &Map<String, Value>, table: &DeTable<'_>, span: &Span) -> bool {
        let Some(refused) = schema.get("not").and_then(Value::as_object) else { return false };
        let together = !required(refused).any(|name| !table.contains_key(name));
        if together {
            let message = format!("{} {}", phrase::table(self.whole, &self.path), phrase::description(refused));
            self.report.add(Mistake::Shape, span, message);
        }
        together
    }

    fn unknown(&mut self, name: &str, known: &Map<String, Value>, span: &Span) {
        let message = format!("{} is not a key of {}", phrase::quoted(name), phrase::table(self.whole, &self.path));
        let names: Vec<&str> = known_names(Some(known)).collect();
        let at_the_top = self.root.get("properties").and_then(|properties| properties.get(name));
        let is_string = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "string");
        let found = self.report.add(Mistake::Shape, span, message).label("unknown key");
        // In TOML a key belongs to the table above it, so this one only came too late.
        if at_the_top.is_some_and(|schema| is_string(schema) || schema.get("items").is_some_and(is_string)) {
            found.help(format!("`{name}` belongs to the top of the file, above its first table"));
            return;
        }
        match (nearest(name, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => found.help(format!("did you mean `{near}`?")),
            (None, [only]) => found.help(format!("its only key is `{only}`")),
            (None, names) => found.help(format!("its keys are {}", phrase::all_of(names))),
        };
    }

    /// `schemas` are the alternatives, none of which has the type of the value.
    fn wrong_type(&mut self, schemas: &[&Value], node: &Spanned<DeValue<'_>>) -> bool {
        let types = schemas.iter().filter_map(|schema| schema.get("type")?.as_str());
        let wanted: Vec<&str> = types.map(phrase::type_in_words).collect();
        let message = format!(
            "{} must be {}, not {}",
            self.subject(),
            wanted.join(" or "),
            phrase::found_in_words(node.get_ref())
        );
        let help = phrase::how_to_convert(&self.path, schemas, node.get_ref());
        let diagnostic = self.report.add(Mistake::Shape, &node.span(), message);
        if let Some(help) = help {
            diagnostic.help(help);
        }
        false
    }

    /// How messages call the current value.
    fn subject(&self) -> String {
        phrase::subject(&self.path)
    }
}

fn known_names(properties: Option<&Map<String, Value>>) -> impl Iterator<Item = &str> {
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
}

fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn fits_type(schema: &Map<String, Value>, value: &DeValue<'_>) -> bool {
    let Some(expected) = schema.get("type").and_then(Value::as_str) else { return true };
    let found = type_name(value);
    expected == found || (expected == "number" && found == "integer")
}

/// JSON schema's name of the type.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) | DeValue::Datetime(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}
