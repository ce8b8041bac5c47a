mod history;
mod opening;
