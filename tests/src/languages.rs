//! The example plugins in other languages, built by their own toolchains as their READMEs say.
//!
//! Once for each state of their sources: components and what the gateway compiles of them stay in cargo's output folder, so that only
//! the first run of the tests takes a minute.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::parts;
use crate::readme::blocks;

/// One example under `examples/plugins`.
pub struct Language {
    /// The folder in cargo's output.
    name: &'static str,
    folder: &'static str,
    /// What the build writes.
    component: &'static str,
    /// The words with which the command in its README begins that builds it.
    command: &'static str,
    tools: fn() -> PathBuf,
    /// A line that is put behind another one: file, the other line, and the new one.
    change: Option<[&'static str; 3]>,
    /// One thread builds, the others wait.
    building: Mutex<()>,
}

pub static JAVASCRIPT: Language = Language {
    name: "javascript",
    folder: "javascript",
    component: "query-rules.wasm",
    command: "npm run build",
    tools: parts::javascript_tools,
    change: None,
    building: Mutex::new(()),
};

/// The same with a mistake: the query `throw` meets an exception that nobody catches.
pub static JAVASCRIPT_THAT_THROWS: Language = Language {
    name: "javascript-that-throws",
    folder: "javascript",
    component: "query-rules.wasm",
    command: "npm run build",
    tools: parts::javascript_tools,
    change: Some([
        "query-rules.js",
        "  onHead() {\n",
        "    if (query() === \"throw\") throw new Error(\"a mistake of its author\");\n",
    ]),
    building: Mutex::new(()),
};

pub static PYTHON: Language = Language {
    name: "python",
    folder: "python",
    component: "mask-json.wasm",
    command: "componentize-py",
    tools: parts::python_tools,
    change: None,
    building: Mutex::new(()),
};

impl Language {
    /// The component's file, built unless it is there already.
    ///
    /// # Panics
    /// If a tool is missing or fails.
    pub fn component(&self) -> PathBuf {
        let _building = self.building.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let sources = self.sources();
        let place = languages().join(self.name);
        let component = place.join(self.component);
        let stamp = place.join("built-from.txt");
        let state = format!("{:016x}", self.state(&sources).expect("the sources of the example"));
        if component.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == state) {
            return component;
        }
        drop(fs::remove_dir_all(&place));
        copy(&sources, &place).expect("a copy of the example");
        if let Some([file, after, line]) = self.change {
            let file = place.join(file);
            let text = fs::read_to_string(&file).expect("a source");
            assert!(text.contains(after), "no {after:?} in {}", file.display());
            fs::write(&file, text.replace(after, &format!("{after}{line}"))).expect("a source");
        }
        let tools = (self.tools)();
        let command = self.build_command(&sources);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path))).expect("a PATH");
        let output = Command::new("sh").args(["-euc", &command]).current_dir(&place).env("PATH", path).output();
        let output = output.expect("a shell");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && component.is_file(), "{command}\n{}", String::from_utf8_lossy(&said));
        fs::write(stamp, state).expect("the stamp");
        component
    }

    /// Where it stands in the repository.
    pub fn sources(&self) -> PathBuf {
        root().join("examples/plugins").join(self.folder)
    }

    /// As it stands in the README.
    fn build_command(&self, sources: &Path) -> String {
        let readme = fs::read_to_string(sources.join("README.md")).expect("the README of the example");
        let blocks: String = blocks(&readme, "console").into_iter().map(|block| block.text).collect();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines = blocks.replace("\\\n", " ").lines().map(words).collect::<Vec<_>>().into_iter();
        let found = lines.find(|line| format!("{line} ").starts_with(&format!("{} ", self.command)));
        found.unwrap_or_else(|| panic!("the README of {} does not say {:?}", self.folder, self.command))
    }

    fn state(&self, sources: &Path) -> io::Result<u64> {
        let mut hasher = DefaultHasher::new();
        (self.build_command(sources), self.change).hash(&mut hasher);
        for folder in [sources, &sources.join("wit"), &root().join("wit/v0.1")] {
            for file in files(folder)? {
                fs::read(file)?.hash(&mut hasher);
            }
        }
        Ok(hasher.finish())
    }
}

/// The folder `data_dir` of a gateway of the tests, with the compiled code of all earlier ones.
pub fn data_dir(folder: &Path) -> PathBuf {
    let code = languages().join("code");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&code).expect("a folder for compiled code");
    let data = folder.join("data");
    fs::create_dir(&data).expect("the data directory");
    symlink(code, data.join("code")).expect("a link");
    data
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the sources")
}

fn languages() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps").join("languages")
}

/// With the contract in place of the link to it.
fn copy(sources: &Path, place: &Path) -> io::Result<()> {
    let contract = place.join("wit/deps/sluicegate-plugin");
    fs::create_dir_all(&contract)?;
    for (from, to) in
        [(sources, place), (&sources.join("wit"), &place.join("wit")), (&root().join("wit/v0.1"), &contract)]
    {
        for file in files(from)? {
            fs::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Its files, without those of its folders and without what a build by hand has left there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_none_or(|extension| extension != "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
