//! Who wrote, renamed and removed which file.

use super::{Step, Structure, within};
use crate::graph::{FileState, Graph, Role};
use crate::history::HistoryError;
use tracewell_model::{Detail, NodeAttrs, NodeKey, Operation, Reason};

impl Structure {
    /// Remembers who touched a file: one process alone, or more.
    pub(super) fn touched(&self, graph: &mut Graph, step: &Step<'_>) {
        let Some((object, _)) = step.object else { return };
        let op = step.event.op;
        graph.change(object, |state| {
            if let Role::File(file) = &mut state.role {
                file.touched_by_more |= *file.sole_toucher.get_or_insert(step.subject) != step.subject;
                file.executed |= matches!(op, Operation::Exec | Operation::MapExecutable);
            }
        });
    }

    pub(super) fn written(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let before = self.set_writer(graph, step);
        Ok(self.changed_foreign(graph, step, before))
    }

    pub(super) fn renamed(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let before = self.set_writer(graph, step);
        if let (Some((object, _)), Detail::NewPath { path: new_path, .. }, Operation::Rename) =
            (step.object, &step.event.detail, step.event.op)
        {
            graph.change(object, |state| {
                if let NodeAttrs::File { path, .. } = &mut state.attrs {
                    *path = Some(new_path.clone());
                }
            });
        }
        Ok(self.changed_foreign(graph, step, before))
    }

    pub(super) fn unlinked(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((object, key)) = step.object else { return Ok(None) };
        let before = file_state(graph, step).cloned();
        let own_executable = self.is_own_executable(graph, step, key);
        graph.change(object, |state| {
            if let Role::File(file) = &mut state.role {
                file.unlinked = true;
            }
        });
        if own_executable {
            return Ok(Some(Reason::DeletedOwnExecutable { file: key }));
        }
        if before.as_ref().is_some_and(|file| is_temporary(file, step.subject)) {
            graph.collapse(object);
            return Ok(None);
        }
        let fact = self.changed_foreign(graph, step, before);
        Ok(fact)
    }

    /// By identity, or by path where the source gave the same file another identity.
    fn is_own_executable(&self, graph: &Graph, step: &Step<'_>, file: NodeKey) -> bool {
        let subject = graph.hot(step.inserted.subject);
        let exe_file = subject.role.process().and_then(|process| process.exe_file);
        let path = step.object.and_then(|(object, _)| graph.hot(object).path());
        exe_file == Some(file) || exe_file.is_some() && path.is_some() && path == subject.exe()
    }

    /// Makes the subject the writer of a file and returns what was known of the file before.
    fn set_writer(&self, graph: &mut Graph, step: &Step<'_>) -> Option<FileState> {
        let before = file_state(graph, step).cloned();
        let (object, _) = step.object?;
        graph.change(object, |state| {
            if let Role::File(file) = &mut state.role {
                file.writer = Some(step.subject);
                file.written = step.event.time;
                file.unlinked = false;
            }
        });
        before
    }

    /// Counts files that others made, or that stood before, within one minute.
    fn changed_foreign(&self, graph: &mut Graph, step: &Step<'_>, before: Option<FileState>) -> Option<Reason> {
        let is_foreign = before?.writer.is_none_or(|writer| writer != step.subject);
        if !is_foreign || !step.inserted.is_new || step.event.op == Operation::Create {
            return None;
        }
        let (now, max) = (step.event.time, self.parameters.mass_change_files);
        let process = graph.process_mut(step.inserted.subject)?;
        if !within(process.changed_since, now, self.parameters.mass_change_window_ns) {
            (process.changed_since, process.n_changed) = (now, 0);
        }
        process.n_changed += 1;
        (process.n_changed == max).then_some(Reason::MassChange { n_files: max })
    }
}

fn file_state<'a>(graph: &'a Graph, step: &Step<'_>) -> Option<&'a FileState> {
    graph.hot(step.object?.0).role.file()
}

/// Written by one process, touched by no other and never run: nothing can have passed through it.
fn is_temporary(file: &FileState, process: NodeKey) -> bool {
    file.writer == Some(process) && file.sole_toucher == Some(process) && !file.touched_by_more && !file.executed
}
