//! The guest that does what a request tells it to.

mod answers;
mod cache;
mod limits;
mod load;
mod neighbours;
mod table;
