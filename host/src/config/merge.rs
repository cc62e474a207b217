//! Makes one document of the main file and of those that it includes, each held against its own schema first.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Mistake, Report};
use super::schema::{INCLUDABLE, included_part, schema};
use super::shape::{self, Patterns, quoted};

/// How messages call what all files are together.
const WHOLE: &str = "the configuration";

/// What fits the schemas, as if it stood in one file. None when there is no file.
pub fn merge<'a>(documents: Vec<Spanned<DeTable<'a>>>, report: &mut Report) -> Option<Spanned<DeTable<'a>>> {
    let schema = schema();
    let mut patterns = Patterns::default();
    let mut documents = documents.into_iter();
    let mut main = documents.next()?;
    shape::check(WHOLE, &schema, &mut main, &mut patterns, report);
    if documents.len() == 0 {
        return Some(main);
    }
    let included_schema = included_part(schema.clone());
    for mut document in documents {
        refuse_what_belongs_into_the_main_file(&schema, document.get_mut(), report);
        shape::check(WHOLE, &included_schema, &mut document, &mut patterns, report);
        add(document.into_inner(), main.get_mut(), report);
    }
    Some(main)
}

fn refuse_what_belongs_into_the_main_file(schema: &Value, document: &mut DeTable<'_>, report: &mut Report) {
    let is_of_the_main_file = |name: &str| {
        !INCLUDABLE.contains(&name) && schema.get("properties").is_some_and(|keys| keys.get(name).is_some())
    };
    let (refused, kept): (Vec<_>, Vec<_>) =
        std::mem::take(document).into_iter().partition(|(key, _)| is_of_the_main_file(key.get_ref()));
    document.extend(kept);
    for (key, _) in refused {
        let help = match key.get_ref().as_ref() {
            "include" => "list the file there: a file that is included includes no other".to_owned(),
            _ => format!("move it to `{}`", report.source.name()),
        };
        let message = format!("{} belongs into the main file", quoted(key.get_ref()));
        report.add(Mistake::Shape, &key.span(), message).label("not in an included file").help(help);
    }
}

/// Lists are appended, tables of names are united.
fn add<'a>(from: DeTable<'a>, into: &mut DeTable<'a>, report: &mut Report) {
    for (section, node) in from {
        let Some(present) = into.get_mut(section.get_ref().as_ref()) else {
            into.insert(section, node);
            continue;
        };
        match (present.get_mut(), node.into_inner()) {
            (DeValue::Array(present), DeValue::Array(items)) => items.into_iter().for_each(|item| present.push(item)),
            (DeValue::Table(present), DeValue::Table(named)) => unite(section.get_ref(), named, present, report),
            // The schema has one type for each section.
            _ => drop(report.add(Mistake::Shape, &section.span(), "this cannot be understood here")),
        }
    }
}

fn unite<'a>(section: &str, named: DeTable<'a>, present: &mut DeTable<'a>, report: &mut Report) {
    for (name, value) in named {
        match present.get_key_value(name.get_ref().as_ref()) {
            Some((first, _)) => {
                let message = format!("`{section}.{}` stands in two files", name.get_ref());
                let found = report.add(Mistake::Relation, &name.span(), message);
                found.also(&first.span(), "first here").help("remove one of them, or give one another name");
            }
            None => drop(present.insert(name, value)),
        }
    }
}
