//! Every mistake under `tests/config/mistakes` beside the exact text that it produces.

use super::{Random, assert_is_current, files, parse, root};
use crate::config::{Mistake, TextFile, Texts, diagnostic, load};

const FOLDER: &str = "tests/config/mistakes";

#[test]
fn every_mistake_prints_the_text_that_stands_beside_it() {
    let mistakes = files(FOLDER, "toml");
    assert!(mistakes.len() >= 45, "only {} mistakes", mistakes.len());
    for (name, path) in &mistakes {
        let refused = match load(path) {
            Ok(_) => panic!("{name}.toml is accepted"),
            Err(refused) => refused,
        };
        assert_is_current(&path.with_extension("txt"), &without_folder(&refused.render(false)));
    }
    let texts: Vec<String> = files(FOLDER, "txt").into_iter().map(|(name, _)| name).collect();
    let names: Vec<String> = mistakes.into_iter().map(|(name, _)| name).collect();
    assert_eq!(texts, names, "a text without its mistake");
}

/// The folder differs from machine to machine.
fn without_folder(printed: &str) -> String {
    printed.replace(&format!("{}/", root().join(FOLDER).display()), "")
}

#[test]
fn every_mistake_but_those_of_the_whole_file_has_a_line_a_column_and_a_remedy() {
    for (name, path) in files(FOLDER, "toml") {
        for diagnostic in load(&path).unwrap_err().items {
            let has_place = diagnostic.line > 0 && diagnostic.column > 0 && diagnostic.span.is_some();
            assert!(has_place || diagnostic.message.contains("the configuration has no"), "{diagnostic}");
            let says_how =
                diagnostic.help.is_some() || diagnostic.message.contains("must ") || diagnostic.message.contains("; ");
            assert!(says_how, "{name}: {diagnostic}");
        }
    }
}

#[test]
fn no_printed_text_holds_a_secret_from_the_file() {
    for (name, path) in files(FOLDER, "toml") {
        let refused = load(&path).unwrap_err();
        for printed in [refused.render(false), refused.render(true), format!("{refused:?}"), refused.to_string()] {
            for secret in ["sk-proj", "hunter2", "my-very-secret-key"] {
                assert!(!printed.contains(secret), "{name}: {printed}");
            }
        }
    }
}

#[test]
fn colours_are_printed_only_when_asked_for() {
    let refused = parse("listen = []", "x.toml", &root()).unwrap_err();
    assert!(!refused.render(false).contains('\x1b'));
    assert!(refused.render(true).contains('\x1b'));
}

#[test]
fn a_file_full_of_mistakes_prints_some_and_counts_all() {
    let mut text = String::from("[[listen]]\naddress = \"127.0.0.1:1\"\n[limits]\n");
    for number in 0..1_500 {
        text.push_str(&format!("unknown_{number} = 1\n"));
    }
    let refused = parse(&text, "x.toml", &root()).unwrap_err();
    assert_eq!(refused.items.len(), diagnostic::KEPT_MAX);
    assert_eq!(refused.dropped, 500);
    let printed = refused.render(false);
    assert_eq!(printed.matches("unknown key").count(), diagnostic::SHOWN_MAX);
    assert!(printed.ends_with("1500 mistakes; the first 50 are shown\n"), "{printed}");
}

#[test]
fn syntax_errors_that_follow_from_one_another_are_cut_off() {
    let refused = parse(&"a b\n".repeat(20), "x.toml", &root()).unwrap_err();
    assert_eq!(refused.items.len(), 3);
    assert!(refused.items.iter().all(|item| item.mistake == Mistake::Syntax));
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let text = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let refused = parse(&text, "x.toml", &root()).unwrap_err();
    assert_eq!(refused.items.first().map(|item| item.mistake), Some(Mistake::Syntax));
}

/// So many damaged texts are read; the seed of each is its number.
const DAMAGED: u64 = 500;

#[test]
fn no_text_makes_the_loader_or_its_messages_panic() {
    let texts: Vec<String> = files("examples", "toml")
        .into_iter()
        .chain(files(FOLDER, "toml"))
        .map(|(_, path)| std::fs::read_to_string(path).unwrap())
        .collect();
    for seed in 0..DAMAGED {
        let mut random = Random(seed);
        let mut characters: Vec<char> = random.choose(&texts).chars().collect();
        for _ in 0..=random.below(5) {
            let at = random.below(characters.len());
            let new = *random.choose(&[
                '"', '\'', '[', ']', '{', '}', '=', '.', ',', '#', '\n', '\r', '\t', '\\', '\0', 'ü', '漢', '\u{202e}',
                '\u{feff}',
            ]);
            match random.below(4) {
                0 => drop(characters.drain(at..(at + random.below(40)).min(characters.len()))),
                1 => characters[at] = new,
                2 => characters.insert(at, new),
                _ => characters.truncate(at.max(1)),
            }
            characters.push('\n');
        }
        let text: String = characters.into_iter().collect();
        if let Err(refused) = parse(&text, "x.toml", &root().join("examples")) {
            assert!(!refused.items.is_empty(), "seed {seed}");
            assert!(!refused.render(true).is_empty() && !refused.render(false).is_empty(), "seed {seed}");
        }
        // The same text in two files that are included: everything in it is a mistake, or is there twice.
        let listen = "[[listen]]\naddress = \"127.0.0.1:0\"";
        let files = [listen, text.trim_end(), text.as_str()].into_iter().enumerate().map(|(number, text)| TextFile {
            path: root().join(format!("examples/x{number}.toml")),
            text: text.to_owned(),
        });
        let texts = Texts { files: files.collect(), plugin_files: Default::default() };
        if let Err(refused) = crate::config::parse(&texts) {
            assert!(!refused.render(true).is_empty() && !refused.render(false).is_empty(), "seed {seed}");
        }
    }
}
