mod admission;
mod guest;
mod hostile;
mod scene;
