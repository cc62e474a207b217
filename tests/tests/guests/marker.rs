//! The guest that marks all that passes.

use sluicegate_tests::soak::Book;
use sluicegate_tests::soak::client::Client;
use sluicegate_tests::soak::config::State;
use sluicegate_tests::soak::upstream::ScriptedUpstream;

#[tokio::test]
async fn a_mark_that_stands_in_the_file_is_found_on_all_ways() {
    let upstream = ScriptedUpstream::start().await;
    let state = State { mark: 73, ..State::default() };
    let gateway = state.start_gateway(&upstream.url());
    let book = Book::default();
    let mut client = Client::connect(gateway.address()).await.unwrap();
    client.get(&book).await.unwrap();
    client.post(&book, 70_000).await.unwrap();
    assert_eq!(book.states(), [state, state]);
}
