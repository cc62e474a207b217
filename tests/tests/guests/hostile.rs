//! The guest that does what a request tells it to.

mod answers;
mod load;
mod table;
