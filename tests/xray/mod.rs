//! The X-ray: what it shows, and whether Wireshark agrees.

mod decoder;
mod tshark;
mod viewers;
mod wireshark;
