use super::SensorError;
use super::error::bpf_error;
use aya::maps::{HashMap, Map, MapData};
use rustix::fs::{Mode, OFlags, open};
use rustix::thread::gettid;
use std::os::fd::AsFd;
use std::path::Path;
use tracewell_event_abi::body::FileId;
use zerocopy::FromBytes;

/// Asks the kernel which file a path means, generation included, which `stat` does not tell.
///
/// The path is opened with `O_PATH`, which reads nothing, waits for nobody and works for every kind of file; the program
/// for `open` sees that it is the agent and leaves the identity in a map.
pub struct Identifier(HashMap<MapData, u32, [u8; size_of::<FileId>()]>);

impl Identifier {
    fn new(map: Map) -> Result<Self, SensorError> {
        Ok(Self(HashMap::try_from(map).map_err(bpf_error("the map of identified files"))?))
    }

    /// Three that ask through the same map. Threads do not disturb each other.
    pub(super) fn three(map: Map) -> Result<[Self; 3], SensorError> {
        let Map::HashMap(map) = map else {
            return Err(SensorError::Object("its map of identified files is no hash map".into()));
        };
        let failed = "opening the map of identified files";
        let again = || {
            let again = map.fd().as_fd().try_clone_to_owned().map_err(bpf_error(failed))?;
            Self::new(Map::HashMap(MapData::from_fd(again).map_err(bpf_error(failed))?))
        };
        let (second, third) = (again()?, again()?);
        Ok([Self::new(Map::HashMap(map))?, second, third])
    }

    /// `None` if there is no such file, or if files are not watched.
    pub fn identify(&mut self, path: &Path, follow: bool) -> Option<FileId> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        open(path, flags, Mode::empty()).ok()?;
        let thread = gettid().as_raw_nonzero().get().cast_unsigned();
        let found = self.0.get(&thread, 0).ok()?;
        self.0.remove(&thread).ok()?;
        FileId::read_from_bytes(&found).ok()
    }
}
