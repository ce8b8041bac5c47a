//! Fork, exec, credentials, tracing: where a process comes from and what it became.

use super::{Step, Structure, ancestors};
use crate::graph::{Graph, ProcessState};
use crate::history::HistoryError;
use tracewell_model::{Detail, FileKind, NodeAttrs, NodeKey, Reason, Str};

impl Structure {
    /// The child is what its parent is, until it runs something else.
    pub(super) fn forked(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((child, _)) = step.object else { return Ok(None) };
        let parent = graph.hot(step.inserted.subject).clone();
        let Some(parent_process) = parent.role.process() else { return Ok(None) };
        graph.change(child, |state| {
            if let (
                NodeAttrs::Process { exe, cmdline, uid, container, environment, .. },
                NodeAttrs::Process {
                    exe: from_exe,
                    cmdline: from_cmdline,
                    uid: from_uid,
                    container: from_container,
                    environment: from_environment,
                    ..
                },
            ) = (&mut state.attrs, &parent.attrs)
            {
                *exe = exe.take().or_else(|| from_exe.clone());
                *cmdline = cmdline.take().or_else(|| from_cmdline.clone());
                *uid = uid.or(*from_uid);
                *container = container.take().or_else(|| from_container.clone());
                *environment = environment.take().or_else(|| from_environment.clone());
            }
            let Some(process) = state.role.process_mut() else { return };
            if process.exited {
                // The source reuses its ids: this is another life, seen incompletely. It stays marked as ended, so that
                // nothing of it is taken for a repetition of the life before.
                *process = ProcessState { exited: true, ..ProcessState::default() };
                state.incomplete = true;
            }
            process.parent = Some(step.subject);
            process.parent_exe = parent.exe().cloned();
            process.subject = None;
            process.exe_file = process.exe_file.or(parent_process.exe_file);
            process.server = if parent_process.serves { Some(step.subject) } else { parent_process.server };
            process.was_root |= parent_process.was_root;
            process.logged_in = parent_process.logged_in;
            process.n_since_exec = parent_process.n_since_exec;
        });
        let Some(process) = graph.process_mut(step.inserted.subject) else { return Ok(None) };
        process.n_children = process.n_children.saturating_add(1);
        Ok(process.input_socket.map(|socket| Reason::CommandsFromSocket { socket }))
    }

    pub(super) fn executed(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Vec<Reason>, HistoryError> {
        let Some((file, file_key)) = step.object else { return Ok(Vec::new()) };
        let fact = match self.ran_unlinked(graph, step) {
            Some(fact) => Some(fact),
            None => self.ran_own_write(graph, step)?,
        };
        let path = graph.hot(file).path().cloned();
        let (new_cmdline, new_environment) = match &step.event.detail {
            Detail::Exec { cmdline, environment } => (cmdline.clone(), environment.clone()),
            _ => (None, None),
        };
        graph.change(step.inserted.subject, |state| {
            let mut is_root = false;
            if let NodeAttrs::Process { exe, cmdline, uid, environment, .. } = &mut state.attrs {
                if path.is_some() {
                    *exe = path;
                }
                (*cmdline, *environment) = (new_cmdline, new_environment);
                is_root = *uid == Some(0);
            }
            if let Some(process) = state.role.process_mut() {
                process.exe_file = Some(file_key);
                process.n_since_exec = 0;
                process.was_root = is_root;
                process.input_socket = None;
                process.subject = None;
                (process.bytes_read, process.bytes_sent) = (0, 0);
            }
        });
        let served = self.serves_network(graph, step)?;
        Ok(served.into_iter().chain(fact).collect())
    }

    pub(super) fn loaded(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        match self.ran_unlinked(graph, step) {
            Some(fact) => Ok(Some(fact)),
            None => self.ran_own_write(graph, step),
        }
    }

    /// A gain of user 0 that no set-user-id executable explains: those act before the first event after exec.
    pub(super) fn changed_credentials(
        &self,
        graph: &mut Graph,
        step: &Step<'_>,
    ) -> Result<Option<Reason>, HistoryError> {
        let Detail::Credentials { uid: to_uid } = step.event.detail else { return Ok(None) };
        let for_server = match self.server_of(graph, step) {
            Some((server, exe)) => exe.is_some() && exe_of(graph, server)? == exe,
            None => false,
        };
        Ok(graph.change(step.inserted.subject, |state| {
            let NodeAttrs::Process { uid, .. } = &mut state.attrs else { return None };
            let before = uid.replace(to_uid);
            let process = state.role.process_mut()?;
            let was_root = process.was_root;
            process.was_root |= to_uid == 0;
            process.logged_in |= for_server && before == Some(0) && to_uid != 0;
            let from_uid = before.filter(|&uid| uid != 0)?;
            let gained = to_uid == 0 && !was_root && process.n_since_exec > 0;
            gained.then_some(Reason::GainedPrivilege { from_uid, to_uid })
        }))
    }

    pub(super) fn traced(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((_, target)) = step.object.filter(|&(_, target)| target != step.subject) else { return Ok(None) };
        let is_child = ancestors(graph, target)?.contains(&step.subject);
        Ok((!is_child).then_some(Reason::EnteredProcess { target }))
    }

    fn ran_unlinked(&self, graph: &Graph, step: &Step<'_>) -> Option<Reason> {
        let (file, key) = step.object?;
        let state = graph.hot(file);
        let in_memory = matches!(state.attrs, NodeAttrs::File { kind: FileKind::Memory, .. });
        (in_memory || state.role.file()?.unlinked).then_some(Reason::RanUnlinked { file: key })
    }

    /// The file was written by this process, by an ancestor, or by a sibling under the same server.
    fn ran_own_write(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((file, key)) = step.object else { return Ok(None) };
        let Some(writer) = graph.hot(file).role.file().and_then(|file| file.writer) else { return Ok(None) };
        let server = graph.hot(step.inserted.subject).role.process().and_then(|process| process.server);
        let same_server = match graph.state(writer)? {
            Some(state) => server.is_some() && state.role.process().and_then(|process| process.server) == server,
            None => false,
        };
        let own = same_server || writer == step.subject || ancestors(graph, step.subject)?.contains(&writer);
        Ok(own.then_some(Reason::RanOwnWrite { file: key, writer }))
    }

    /// Runs another program than the server that it descends from.
    fn serves_network(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        let Some((server, exe)) = self.server_of(graph, step) else { return Ok(None) };
        let server_exe = exe_of(graph, server)?;
        Ok((exe != server_exe).then_some(Reason::ServesNetwork { server }))
    }

    fn server_of(&self, graph: &Graph, step: &Step<'_>) -> Option<(NodeKey, Option<Str>)> {
        let state = graph.hot(step.inserted.subject);
        let server = state.role.process()?.server.filter(|&server| server != step.subject)?;
        Some((server, state.exe().cloned()))
    }

    /// The server above a process that runs another program than the server does.
    pub(super) fn foreign_server(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<NodeKey>, HistoryError> {
        let Some((server, exe)) = self.server_of(graph, step) else { return Ok(None) };
        Ok((exe_of(graph, server)? != exe).then_some(server))
    }
}

fn exe_of(graph: &mut Graph, process: NodeKey) -> Result<Option<Str>, HistoryError> {
    Ok(graph.state(process)?.and_then(|state| state.exe().cloned()))
}
