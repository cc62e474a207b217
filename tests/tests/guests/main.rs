//! Hostile plugins: refused at load with a sentence that helps, or failing in a way that only their own request notices.

mod asker;
mod brute;
mod chooser;
mod clerk;
mod clumsy;
mod editor;
mod future;
mod giant;
mod gossip;
mod held;
mod hostile;
mod keeper;
mod liar;
mod marker;
mod scribe;
mod smallest;
mod stranger;
mod support;

macro_rules! has_a_test {
    ($guest:ident) => {
        #[expect(unused_imports, reason = "a guest without a test of its name must not compile")]
        use self::$guest as _;
    };
}

sluicegate_tests::for_each_guest!(has_a_test);
