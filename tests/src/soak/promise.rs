//! The table at the end of a run: what is promised, what was found.

#[derive(Debug, Default)]
pub struct Promises(Vec<Promise>);

#[derive(Debug)]
struct Promise {
    name: String,
    figure: String,
    limit: String,
    holds: bool,
}

impl Promises {
    pub fn add(&mut self, name: impl Into<String>, figure: impl ToString, limit: impl ToString, holds: bool) {
        let (figure, limit) = (figure.to_string(), limit.to_string());
        self.0.push(Promise { name: name.into(), figure, limit, holds });
    }

    /// As Markdown, to be pasted into the docs.
    pub fn table(&self) -> String {
        let mut table = "| promise | figure | limit | |\n|---|---:|---:|---|\n".to_owned();
        for Promise { name, figure, limit, holds } in &self.0 {
            let word = if *holds { "ok" } else { "BROKEN" };
            table += &format!("| {name} | {figure} | {limit} | {word} |\n");
        }
        table
    }

    pub fn all_hold(&self) -> bool {
        self.0.iter().all(|promise| promise.holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_stands_out_and_counts() {
        let mut promises = Promises::default();
        promises.add("kept", 1, 2, true);
        assert!(promises.all_hold());
        promises.add("not kept", "3 KiB", "2 KiB", false);
        assert!(!promises.all_hold());
        assert!(promises.table().ends_with("| kept | 1 | 2 | ok |\n| not kept | 3 KiB | 2 KiB | BROKEN |\n"));
    }
}
