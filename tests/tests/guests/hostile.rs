//! The guest that does what a request tells it to.

mod cache;
mod limits;
mod load;
mod neighbours;
mod table;
