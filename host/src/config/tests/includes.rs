//! What a configuration in several files means, and what is said when one of them is of no use.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::{Folder, root};
use crate::config::{
    Config, Diagnostics, FOLDER_ENTRIES_MAX, INCLUDED_FILES_MAX, Mistake, PathMatch, TEXT_BYTES_MAX, Texts, load, parse,
};

const LISTEN: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\n";

/// A main file that includes the items.
fn main(folder: &Folder, items: &[&str]) -> PathBuf {
    folder.file("main.toml", format!("include = {items:?}\n{LISTEN}"))
}

/// An upstream and a route to it, both of this name.
fn route(name: &str) -> String {
    format!(
        "[upstreams.{name}]\nurl = \"http://127.0.0.1:1\"\n[[routes]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"{name}\"\n"
    )
}

fn route_names(config: &Config) -> Vec<&str> {
    config.routes.iter().map(|route| route.name.as_str()).collect()
}

/// The only mistake, in one line, without the folder.
fn only_mistake(folder: &Folder, refused: &Diagnostics) -> String {
    assert_eq!(refused.items.len(), 1, "{refused}");
    refused.items[0].to_string().replace(&format!("{}/", folder.path().display()), "")
}

fn refused(folder: &Folder, items: &[&str]) -> String {
    only_mistake(folder, &load(&main(folder, items)).unwrap_err())
}

#[test]
fn the_example_in_several_files_is_one_configuration() {
    let config = load(&root().join("examples/includes.toml")).unwrap();
    assert_eq!(route_names(&config), ["search", "shop"]);
    assert_eq!(config.keys.keys().collect::<Vec<_>>(), ["search-1", "shop-1"]);
    let shop = &config.routes[1].chain;
    assert_eq!(shop.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["api-key", "shop-limits"]);
    assert_eq!(config.routes[0].upstreams[0].credential.as_deref(), Some("search"));
}

#[test]
fn files_are_taken_in_the_order_of_their_paths_behind_the_main_file() {
    let folder = Folder::new();
    folder.file("z.toml", route("z"));
    folder.file("routes/b.toml", route("b"));
    folder.file("routes/a.toml", route("a"));
    let path =
        folder.file("main.toml", format!("include = [\"z.toml\", \"routes/*.toml\"]\n{LISTEN}{}", route("main")));
    assert_eq!(route_names(&load(&path).unwrap()), ["main", "a", "b", "z"]);
}

#[test]
fn relative_paths_in_an_included_file_start_from_the_folder_of_the_main_file() {
    let folder = Folder::new();
    folder.file("plugin.wasm", "");
    folder.file("deep/er/x.toml", "[plugins.mine]\nfile = \"plugin.wasm\"\n");
    assert!(load(&main(&folder, &["deep/er/x.toml"])).is_ok());
}

#[test]
fn a_pattern_without_a_match_is_fine_and_a_plain_path_without_a_file_is_not() {
    let folder = Folder::new();
    assert!(load(&main(&folder, &["none/*.toml", "*/x.toml"])).is_ok());
    assert_eq!(refused(&folder, &["none/x.toml"]), "main.toml:1:12: `none/x.toml` does not exist");
}

#[test]
fn a_pattern_may_stand_for_folders_and_passes_over_files_hidden_files_and_folders() {
    let folder = Folder::new();
    folder.file("teams/b/routes.toml", route("b"));
    folder.file("teams/a/routes.toml", route("a"));
    folder.file("teams/a/other.toml", "not = [toml");
    folder.file("teams/.git/routes.toml", "not = [toml");
    folder.file("teams/.#x.toml", "not = [toml");
    folder.file("teams/README.md", "");
    folder.file("teams/folder.toml/x", "");
    let config = load(&main(&folder, &["teams/*/routes.toml", "teams/*.toml"])).unwrap();
    assert_eq!(route_names(&config), ["a", "b"]);
}

#[test]
fn no_file_counts_twice_whatever_it_is_called() {
    let folder = Folder::new();
    folder.file("a.toml", route("a"));
    symlink("a.toml", folder.path().join("b.toml")).unwrap();
    symlink("main.toml", folder.path().join("c.toml")).unwrap();
    let config = load(&main(&folder, &["*.toml", "a.toml", "./a.toml", "main.toml"])).unwrap();
    assert_eq!(route_names(&config), ["a"]);
}

#[test]
fn the_symlinks_of_a_kubernetes_volume_are_followed() {
    let folder = Folder::new();
    folder.file("routes/..2026_01_01/a.toml", route("a"));
    symlink("..2026_01_01", folder.path().join("routes/..data")).unwrap();
    symlink("..data/a.toml", folder.path().join("routes/a.toml")).unwrap();
    assert_eq!(route_names(&load(&main(&folder, &["routes/*.toml"])).unwrap()), ["a"]);
}

#[test]
fn a_text_can_stand_in_for_the_main_file_and_recorded_texts_need_no_disk() {
    let folder = Folder::new();
    let included = folder.file("a.toml", route("a"));
    let path = folder.file("main.toml", "this is not read");
    let texts = Texts::of(&path, format!("include = [\"a.toml\"]\n{LISTEN}")).unwrap();
    let recorded = serde_json::to_string(&texts).unwrap();
    std::fs::write(included, "changed = [").unwrap();
    let texts: Texts = serde_json::from_str(&recorded).unwrap();
    drop(folder);
    assert_eq!(route_names(&parse(&texts).unwrap()), ["a"]);
}

#[test]
fn a_mistake_behind_crlf_and_a_byte_order_mark_has_its_line_and_column() {
    for (text, place) in [
        ("\u{feff}[upstreams.a]\r\nurl = \"ftp://a\"\r\n", "a.toml:2:7"),
        ("\u{feff}colour = 1\r\n", "a.toml:1:1"),
        ("\u{feff}# é\n[upstreams.a]\nurl = 'http://a' # é\nx = é", "a.toml:4:5"),
    ] {
        let folder = Folder::new();
        folder.file("a.toml", text);
        let path = folder.file("main.toml", format!("\u{feff}include = ['a.toml']\n{LISTEN}").replace('\n', "\r\n"));
        let mistakes = load(&path).unwrap_err();
        let printed = mistakes.render(false);
        assert!(only_mistake(&folder, &mistakes).starts_with(&format!("{place}: ")), "{printed}");
        assert!(printed.contains(place) && !printed.contains(['\r', '\u{feff}']), "{printed:?}");
    }
}

#[test]
fn a_mistake_at_the_very_end_of_a_file_belongs_to_that_file() {
    let folder = Folder::new();
    folder.file("a.toml", "x = \"");
    folder.file("b.toml", "# fine");
    assert!(refused(&folder, &["*.toml"]).starts_with("a.toml:1:6: not valid TOML"));
}

#[test]
fn debug_output_shows_nothing_of_the_texts() {
    let texts = Texts::of(std::path::Path::new("x.toml"), "private".to_owned()).unwrap();
    let printed = format!("{texts:?}");
    assert!(printed.contains("x.toml (7 bytes)") && !printed.contains("private"), "{printed}");
}

#[test]
fn a_problem_that_a_plugin_reports_is_found_in_the_included_file() {
    let folder = Folder::new();
    let chain = "[[chains.c]]\nplugin = \"headers\"\n[chains.c.config]\na = [1, 2]\n";
    folder.file("a.toml", format!("{}chain = \"c\"\n", route("a")));
    folder.file("b.toml", format!("# é\n{chain}"));
    let config = load(&main(&folder, &["*.toml"])).unwrap();
    let place = &config.routes[0].chain[0].place;
    let problem = place.problem("/a/1", "m");
    assert_eq!((problem.line, problem.column), (5, 9));
    assert!(problem.file.ends_with("/b.toml") && problem.render(false).contains("a = [1, 2]"), "{problem}");
    assert!(place.entry_problem("m").to_string().contains("/b.toml:3:10: "));
    assert!(format!("{place:?}").contains("/b.toml"), "{place:?}");
}

#[test]
fn an_included_file_that_cannot_be_read_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.file("latin-1.toml", b"# one\n# two \xe4\n");
    symlink("loop.toml", folder.path().join("loop.toml")).unwrap();
    symlink("gone", folder.path().join("dangling.toml")).unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    for (item, said) in [
        ("latin-1.toml", "`latin-1.toml` is not UTF-8: see line 2"),
        ("loop.toml", "`loop.toml` cannot be read: Too many levels of symbolic links (os error 40)"),
        ("dang*.toml", "`dangling.toml` does not exist"),
        ("folder", "`folder` is a directory"),
        ("sock*", "`socket` is not a regular file"),
    ] {
        assert_eq!(refused(&folder, &[item]), format!("main.toml:1:12: {said}"));
    }
}

#[test]
fn what_the_user_may_not_read_is_refused_with_that_reason() {
    let folder = Folder::new();
    let file = folder.file("secret/a.toml", route("a"));
    let close = |path: &std::path::Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    close(&file, 0);
    // Root reads everything.
    if std::fs::read(&file).is_ok() {
        return;
    }
    assert!(refused(&folder, &["secret/*.toml"]).ends_with("`secret/a.toml` may not be read"));
    close(file.parent().unwrap(), 0);
    let said = refused(&folder, &["secret/*.toml"]);
    close(file.parent().unwrap(), 0o700);
    assert!(said.contains("the folder `secret` cannot be read"), "{said}");
}

#[test]
fn as_many_files_as_the_limit_are_included_and_no_more() {
    let folder = Folder::new();
    for number in 0..INCLUDED_FILES_MAX {
        folder.file(&format!("x/{number}.toml"), route(&number.to_string()));
    }
    assert_eq!(load(&main(&folder, &["x/*"])).unwrap().routes.len(), INCLUDED_FILES_MAX);
    folder.file("x/one-more.toml", "");
    assert_eq!(refused(&folder, &["x/*"]), "main.toml:1:12: more than 256 files are included");
}

#[test]
fn the_texts_together_may_be_as_long_as_the_limit_and_no_longer() {
    let folder = Folder::new();
    let path = main(&folder, &["a.toml", "b.toml"]);
    let main_length = std::fs::metadata(&path).unwrap().len() as usize;
    folder.file("a.toml", "#".repeat(1_000));
    folder.file("b.toml", "#".repeat(TEXT_BYTES_MAX - main_length - 1_000));
    assert!(load(&path).is_ok());
    folder.file("a.toml", "#".repeat(1_001));
    let said = only_mistake(&folder, &load(&path).unwrap_err());
    assert_eq!(said, "main.toml:1:22: `b.toml` makes the configuration longer than 4 MiB");
    let long = Texts::of(&path, "#".repeat(TEXT_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(only_mistake(&folder, &long), "main.toml: the configuration file is longer than 4 MiB");
}

#[test]
fn patterns_look_at_a_limited_number_of_entries() {
    let folder = Folder::new();
    for number in 0..FOLDER_ENTRIES_MAX - 1 {
        folder.file(&format!("x/{number}"), "");
    }
    folder.file("x/a.toml", route("a"));
    assert!(load(&main(&folder, &["x/*.toml"])).is_ok());
    folder.file("y/b.toml", "");
    let said = refused(&folder, &["x/*.toml", "y/*.toml"]);
    assert_eq!(said, "main.toml:1:24: the folders that `include` looks through have more than 16384 entries");
}

#[test]
fn reading_refuses_only_what_cannot_be_read() {
    let folder = Folder::new();
    let path = folder.file("main.toml", "include = [\"none.toml\"]\n[");
    assert_eq!(Texts::read(&path).unwrap().files.len(), 1);
    assert_eq!(load(&path).unwrap_err().items[0].mistake, Mistake::Syntax);
    let path = folder.file("main.toml", format!("include = [1, \"\", \"a\\u0000b\"]\n{LISTEN}"));
    assert_eq!(load(&path).unwrap_err().items.len(), 3);
}

#[test]
fn no_texts_at_all_are_refused() {
    let texts = Texts { files: Vec::new(), plugin_files: Default::default() };
    assert_eq!(parse(&texts).unwrap_err().items.len(), 1);
}

#[test]
fn a_route_of_an_included_file_means_what_it_would_mean_in_the_main_file() {
    let folder = Folder::new();
    folder.file("a.toml", route("a"));
    let config = load(&main(&folder, &["a.toml"])).unwrap();
    assert_eq!(config.routes[0].matcher.path, PathMatch::Exact("/a".to_owned()));
    assert!(std::sync::Arc::ptr_eq(&config.routes[0].upstreams[0], &config.upstreams["a"]));
}
