//! The rows of records that wait to be believed.

use crate::graph::row::{
    read_addr, read_file_kind, read_op, read_process_ref, read_protocol, read_text, write_addr, write_process_ref,
    write_text,
};
use crate::history::{HistoryError, RowReader, RowWriter};
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileRef, FindingRecord, FindingSeverity, HostId, Inode, LossCause, LossRecord,
    Mode, Object, ProcessRecord, Record, SocketRef, Uuid,
};

/// Techniques of one finding, more than the pipeline takes of one.
const TECHNIQUES_MAX: u64 = 64;

type Read<T> = Result<T, HistoryError>;

/// Writes a record that has a time; of any other nothing is written but that.
pub fn write_record(row: &mut RowWriter<'_>, record: &Record) {
    match record {
        Record::Process(process) => {
            row.u64(1);
            row.u64(process.time.0);
            write_process_ref(row, &process.process);
            row.option(process.parent.as_ref(), write_process_ref);
            [&process.exe, &process.cmdline, &process.container].into_iter().for_each(|text| write_text(row, text));
            row.option(process.uid, |row, uid| row.u64(uid.into()));
        }
        Record::Event(event) => {
            row.u64(2);
            row.u64(event.time.0);
            write_process_ref(row, &event.subject);
            row.u64(event.op as u64);
            write_object(row, &event.object);
            write_detail(row, &event.detail);
            row.u64(event.amount_bytes);
            row.u64(event.count.into());
            row.u64(event.errno.into());
            row.u64(event.flags.0.into());
        }
        Record::Tick { time, .. } => {
            row.u64(3);
            row.u64(time.0);
        }
        Record::Loss(loss) => {
            row.u64(4);
            row.u64(loss.time.0);
            row.u64(loss.cause as u64);
            row.u64(loss.n_events);
        }
        Record::Finding(found) => {
            row.u64(5);
            row.u64(found.time.0);
            write_process_ref(row, &found.process);
            write_object(row, &found.object);
            [&found.detector, &found.title, &found.reason].into_iter().for_each(|text| row.text(text));
            row.u64(found.severity as u64);
            let techniques = &found.techniques[..found.techniques.len().min(TECHNIQUES_MAX as usize)];
            row.u64(techniques.len() as u64);
            techniques.iter().for_each(|technique| row.text(technique));
        }
        Record::Host(_) | Record::Checkpoint(_) | Record::History(_) => row.u64(0),
    }
}

/// Reads what [`write_record`] wrote.
///
/// # Errors
/// When it is not the row of a record that has a time.
pub fn read_record(row: &mut RowReader<'_>, host: HostId) -> Read<Record> {
    let kind = row.u64()?;
    let time = EventNs(row.u64()?);
    Ok(match kind {
        1 => Record::Process(ProcessRecord {
            host,
            time,
            process: read_process_ref(row)?,
            parent: row.option(read_process_ref)?,
            exe: read_text(row)?,
            cmdline: read_text(row)?,
            container: read_text(row)?,
            uid: row.option(RowReader::u32)?,
        }),
        2 => Record::Event(Event {
            host,
            time,
            subject: read_process_ref(row)?,
            op: read_op(row)?,
            object: read_object(row)?,
            detail: read_detail(row)?,
            amount_bytes: row.u64()?,
            count: row.u32()?,
            errno: row.u32()?,
            flags: EventFlags(row.u8()?),
        }),
        3 => Record::Tick { host, time },
        4 => Record::Loss(LossRecord { host, time, cause: read_cause(row)?, n_events: row.u64()? }),
        5 => {
            let (process, object) = (read_process_ref(row)?, read_object(row)?);
            let [detector, title, reason] = [row.text()?, row.text()?, row.text()?].map(Into::into);
            let severity = read_severity(row)?;
            let n_techniques = row.at_most(TECHNIQUES_MAX)?;
            let techniques = (0..n_techniques).map(|_| Ok(row.text()?.into())).collect::<Read<_>>()?;
            Record::Finding(FindingRecord {
                host,
                time,
                process,
                object,
                detector,
                severity,
                title,
                reason,
                techniques,
            })
        }
        other => return Err(row.corrupt(format!("a record of kind {other}"))),
    })
}

fn write_object(row: &mut RowWriter<'_>, object: &Object) {
    match object {
        Object::None => row.u64(0),
        Object::Process(process) => {
            row.u64(1);
            write_process_ref(row, process);
        }
        Object::File(file) => {
            row.u64(2);
            write_file(row, file);
        }
        Object::Socket(socket) => {
            row.u64(3);
            row.option(socket.uuid, |row, uuid| row.u128(uuid.0));
            row.option(socket.cookie, |row, (namespace, cookie)| {
                row.u64(namespace);
                row.u64(cookie);
            });
            row.u64(socket.opened);
            row.u64(socket.protocol as u64);
            row.option(socket.local, write_addr);
            row.option(socket.remote, write_addr);
            write_text(row, &socket.path);
        }
    }
}

fn read_object(row: &mut RowReader<'_>) -> Read<Object> {
    Ok(match row.u64()? {
        0 => Object::None,
        1 => Object::Process(read_process_ref(row)?),
        2 => Object::File(read_file(row)?),
        3 => Object::Socket(SocketRef {
            uuid: row.option(RowReader::u128)?.map(Uuid),
            cookie: row.option(|row| Ok((row.u64()?, row.u64()?)))?,
            opened: row.u64()?,
            protocol: read_protocol(row)?,
            local: row.option(read_addr)?,
            remote: row.option(read_addr)?,
            path: read_text(row)?,
        }),
        other => return Err(row.corrupt(format!("an object of kind {other}"))),
    })
}

fn write_file(row: &mut RowWriter<'_>, file: &FileRef) {
    row.option(file.uuid, |row, uuid| row.u128(uuid.0));
    row.option(file.inode, |row, inode| {
        row.u64(inode.dev);
        row.u64(inode.ino);
        row.u64(inode.generation.into());
    });
    write_text(row, &file.path);
    row.u64(file.kind as u64);
}

fn read_file(row: &mut RowReader<'_>) -> Read<FileRef> {
    Ok(FileRef {
        uuid: row.option(RowReader::u128)?.map(Uuid),
        inode: row.option(|row| Ok(Inode { dev: row.u64()?, ino: row.u64()?, generation: row.u32()? }))?,
        path: read_text(row)?,
        kind: read_file_kind(row)?,
    })
}

fn write_detail(row: &mut RowWriter<'_>, detail: &Detail) {
    match detail {
        Detail::None => row.u64(0),
        Detail::Exec { cmdline, environment } => {
            row.u64(1);
            write_text(row, cmdline);
            write_text(row, environment);
        }
        Detail::NewPath { path, replaced } => {
            row.u64(2);
            row.text(path);
            row.option(replaced.as_ref(), write_file);
        }
        Detail::Credentials { uid } => {
            row.u64(3);
            row.u64((*uid).into());
        }
        Detail::Signal { number } => {
            row.u64(4);
            row.u64((*number).into());
        }
        Detail::Mode { set, before } => {
            row.u64(5);
            row.u64(set.bits().into());
            row.option(*before, |row, before| row.u64(before.bits().into()));
        }
        Detail::Times { modified_ns } => {
            row.u64(6);
            row.u64(modified_ns.cast_unsigned());
        }
    }
}

fn read_detail(row: &mut RowReader<'_>) -> Read<Detail> {
    Ok(match row.u64()? {
        0 => Detail::None,
        1 => Detail::Exec { cmdline: read_text(row)?, environment: read_text(row)? },
        2 => Detail::NewPath { path: row.text()?.into(), replaced: row.option(read_file)? },
        3 => Detail::Credentials { uid: row.u32()? },
        4 => Detail::Signal { number: row.u32()? },
        5 => Detail::Mode { set: read_mode(row)?, before: row.option(read_mode)? },
        6 => Detail::Times { modified_ns: row.u64()?.cast_signed() },
        other => return Err(row.corrupt(format!("a detail of kind {other}"))),
    })
}

fn read_mode(row: &mut RowReader<'_>) -> Read<Mode> {
    Ok(Mode::of(row.at_most(Mode::BITS.into())? as u32))
}

fn read_severity(row: &mut RowReader<'_>) -> Read<FindingSeverity> {
    let severity = row.u64()?;
    let known = FindingSeverity::ALL.into_iter().find(|&known| known as u64 == severity);
    known.ok_or_else(|| row.corrupt(format!("a finding of severity {severity}")))
}

fn read_cause(row: &mut RowReader<'_>) -> Read<LossCause> {
    use LossCause::{Gap, MapFull, Oversize, RingFull, Throttled, Unknown};
    let cause = row.u64()?;
    let known = [RingFull, Throttled, Oversize, MapFull, Gap, Unknown].into_iter().find(|&known| known as u64 == cause);
    known.ok_or_else(|| row.corrupt(format!("a loss of cause {cause}")))
}
