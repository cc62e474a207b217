//! A text with places for variables: `{{name}}`.

/// Text and variables by turns.
#[derive(Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// By its number.
    Variable(usize),
}

impl Template {
    /// `number` knows a variable by its name. Errors say what is wrong, without the place.
    pub fn parse(text: &str, number: impl Fn(&str) -> Option<usize>) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((name, after)) = behind.split_once("}}") else {
                return Err("a `{{` has no `}}` behind it".to_owned());
            };
            let name = name.trim();
            let variable = number(name).ok_or_else(|| format!("`{name}` is no variable: name it under `variables`"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(variable));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    pub fn uses(&self, variable: usize) -> bool {
        self.0.contains(&Part::Variable(variable))
    }

    /// What stands in a value is text and nothing else: braces in it are not read again.
    pub fn fill(&self, values: &[String]) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Variable(number) => filled.push_str(values.get(*number).map_or("", String::as_str)),
            }
        }
        filled
    }
}
