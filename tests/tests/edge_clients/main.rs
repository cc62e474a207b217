//! The gateway's edge as the clients know it that people have: curl, h2load, gRPC, a browser. A WebSocket library is in
//! `edge_out/upgrades.rs`, and the official clients of model providers are in `models/clients.rs`.

mod browser;
mod curl;
mod grpc;
mod h2load;
