//! Features, score, signature and explanation of alert graphs.
