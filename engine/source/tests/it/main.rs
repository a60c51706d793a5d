//! The loader and the renderers: every refusal's text, every place found again, and hostile input.

mod anything;
mod differential;
mod hostile;
mod positions;
mod refusals;
mod render;
mod tree;
