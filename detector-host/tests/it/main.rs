mod admission;
mod cache;
mod guest;
mod hostile;
mod loader;
mod scene;
