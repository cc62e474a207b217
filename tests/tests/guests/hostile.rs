//! The guest that does what a request tells it to.

mod load;
mod table;
