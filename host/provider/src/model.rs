//! The models on offer: pure functions from a question to texts, calls and vectors.

pub mod draw;
pub mod embedding;
pub mod sample;
pub mod story;
pub mod tools;

pub use story::STORY_WORDS_MAX;

/// What a model that refuses says.
pub const REFUSAL: &str = "I cannot help with that.";

/// What a model answers with, not counting the tools that it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// The last thing that it was told.
    Echo,
    /// A story of the length asked for, also in front of calls.
    Story,
    /// An echo that is thought over first.
    Think,
    /// A refusal.
    Refuse,
    /// Vectors only.
    Embed,
}

impl Model {
    pub const ALL: [Model; 5] = [Model::Echo, Model::Story, Model::Think, Model::Refuse, Model::Embed];

    pub fn named(name: &str) -> Option<Model> {
        Model::ALL.into_iter().find(|model| model.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Model::Echo => "echo-1",
            Model::Story => "story-1",
            Model::Think => "think-1",
            Model::Refuse => "refuse-1",
            Model::Embed => "embed-1",
        }
    }

    /// For the lists of vendors that have one.
    pub fn display_name(self) -> &'static str {
        match self {
            Model::Echo => "Echo 1",
            Model::Story => "Story 1",
            Model::Think => "Think 1",
            Model::Refuse => "Refuse 1",
            Model::Embed => "Embed 1",
        }
    }

    /// Seconds since 1970, as the list of models shows it.
    pub fn created(self) -> u64 {
        match self {
            Model::Echo => 1_700_000_000,
            Model::Story => 1_710_000_000,
            Model::Think => 1_720_000_000,
            Model::Refuse => 1_730_000_000,
            Model::Embed => 1_740_000_000,
        }
    }

    /// The same time as RFC 3339 writes it.
    pub fn created_at(self) -> &'static str {
        match self {
            Model::Echo => "2023-11-14T22:13:20Z",
            Model::Story => "2024-03-09T16:00:00Z",
            Model::Think => "2024-07-03T09:46:40Z",
            Model::Refuse => "2024-10-27T03:33:20Z",
            Model::Embed => "2025-02-19T21:20:00Z",
        }
    }

    pub fn reasons(self) -> bool {
        self == Model::Think
    }

    /// It answers conversations.
    pub fn converses(self) -> bool {
        self != Model::Embed
    }
}
