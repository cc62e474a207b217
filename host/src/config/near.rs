//! What a mistyped word was probably meant to be.

/// So many candidates are looked at: a long list of names must not make a refusal slow.
const CANDIDATES_MAX: usize = 1_000;

/// The one of `known` that is nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // A third of the letters may differ: `upstrem` is near `upstream`, `plugin` is not near `origin`.
    let allowed = (word.chars().count() / 3).max(1);
    let distance = |candidate: &str| {
        // The unit at the end of a key is often forgotten: `timeout` is near `timeout_ms`.
        match candidate.strip_prefix(&word).is_some_and(|rest| word.len() > 2 && rest.starts_with('_')) {
            true => 1,
            false if candidate.len().abs_diff(word.len()) > allowed => usize::MAX,
            false => distance(&word, &candidate.to_lowercase()),
        }
    };
    let candidates = known.into_iter().take(CANDIDATES_MAX).map(|candidate| (distance(candidate), candidate));
    candidates
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, nearest)| nearest)
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_previous: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    let mut last_left = None;
    for (row, left) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut last_right = None;
        for (column, &right) in right.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&previous, column) + usize::from(left != right);
            let mut cost = replaced.min(at(&previous, column + 1) + 1).min(at(&current, column) + 1);
            if last_left == Some(right) && last_right == Some(left) && column > 0 {
                cost = cost.min(at(&before_previous, column - 1).saturating_add(1));
            }
            current.push(cost);
            last_right = Some(right);
        }
        before_previous = std::mem::replace(&mut previous, current);
        last_left = Some(left);
    }
    previous.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_finds_its_neighbour() {
        let known = ["upstream", "upstreams", "timeout_ms", "name"];
        assert_eq!(nearest("upstrem", known), Some("upstream"));
        assert_eq!(nearest("UPSTREAMS", known), Some("upstreams"));
        assert_eq!(nearest("timeuot_ms", known), Some("timeout_ms"));
        assert_eq!(nearest("naem", known), Some("name"));
        assert_eq!(nearest("timeout", known), Some("timeout_ms"));
    }

    #[test]
    fn only_the_first_candidates_are_looked_at() {
        let names: Vec<String> = (0..=CANDIDATES_MAX).map(|number| format!("far-away-{number}")).collect();
        let known = |skipped: usize| names.iter().skip(skipped).map(String::as_str).chain(["upstream"]);
        assert_eq!(nearest("upstrem", known(2)), Some("upstream"));
        assert_eq!(nearest("upstrem", known(0)), None);
    }

    #[test]
    fn a_word_far_from_all_finds_none() {
        assert_eq!(nearest("colour", ["upstream", "name"]), None);
        assert_eq!(nearest("plugin", ["origin"]), None);
        assert_eq!(nearest("", ["upstream"]), None);
    }
}
