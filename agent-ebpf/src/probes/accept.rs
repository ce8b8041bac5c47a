//! accept and accept4: the new socket is what they return.

use super::bind_listen::about_socket;
use tracewell_event_abi::head::Op;

super::handler!(accept, call => if call.ret < 0 { None } else { about_socket(Op::Accept, call.ret as u64) });
