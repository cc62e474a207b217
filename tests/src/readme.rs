//! The commands of a README, for a test to run them.

/// One fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins, counted from 1.
    pub line: usize,
    pub text: String,
}

/// The blocks fenced by three backquotes and exactly `word`: `sh` for commands to run. A further word, as in `sh no-test`, says
/// that a block is only to be read; so does another word in place of `sh`, such as `console`.
pub fn blocks(markdown: &str, word: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, Block)> = None;
    for (number, line) in markdown.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(words)) => Some((words.trim() == word, Block { line: number + 1, text: String::new() })),
            (Some((is_tested, block)), Some("")) => {
                blocks.extend(is_tested.then_some(block));
                None
            }
            (Some((is_tested, mut block)), _) => {
                block.text.push_str(line);
                block.text.push('\n');
                Some((is_tested, block))
            }
            (None, None) => None,
        };
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_plain_sh_are_commands_to_run() {
        let markdown = "# A\n```sh\ncargo a\n\ncargo b\n```\ntext\n```console\n$ no\n```\n```sh no-test\nno\n```\n  ```sh\nlast\n  ```\n```toml\n```\n";
        let found = blocks(markdown, "sh");
        let expected = [(2, "cargo a\n\ncargo b\n"), (14, "last\n")];
        assert_eq!(found, expected.map(|(line, text)| Block { line, text: text.to_owned() }));
    }
}
