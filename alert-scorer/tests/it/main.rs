//! Invented stories, weighed, compared and told.

mod same;
mod score;
mod sketch;
mod tell;
