//! A disk in memory whose power can be cut before any operation, with every kind of remains.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use super::disk::Disk;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Nothing: names and contents as at their last sync.
    OnlySynced,
    /// Everything, as if it had been synced just in time.
    Everything,
    /// New names, and zeros in place of contents.
    NamesAndZeros,
    /// The first half of what was written.
    FirstHalf,
    /// Zeros, then the second half of what was written: pages went out of order.
    SecondHalf,
}

impl Remains {
    pub const ALL: [Self; 5] = [
        Self::OnlySynced,
        Self::Everything,
        Self::NamesAndZeros,
        Self::FirstHalf,
        Self::SecondHalf,
    ];
}

#[derive(Clone, Default)]
struct Inode {
    content: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone, Default)]
struct State {
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    inodes: Vec<Inode>,
    /// Operations that change something, so far.
    operations: usize,
    /// The operation at which the power goes.
    cut_at: Option<usize>,
    /// Writes and syncs that still fail for lack of space.
    failures: usize,
    /// Syncs say that they are done and are not.
    lies: bool,
}

#[derive(Default)]
pub struct SimDisk(Mutex<State>);

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn operations(&self) -> usize {
        self.state().operations
    }

    /// Cuts the power at the `operation`th operation: a write is half done, anything else not.
    pub fn cut_at(&self, operation: usize) {
        self.state().cut_at = Some(operation);
    }

    /// Lets the next writes and syncs fail as on a full disk.
    pub fn fail(&self, failures: usize) {
        self.state().failures = failures;
    }

    /// From now on no sync does anything, so every byte written is at risk.
    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// The disk after the power came back: of what was written to each file and not synced, the
    /// first bytes, as many as `kept` says of the file and their number.
    pub fn after_torn_writes(&self, mut kept: impl FnMut(&str, usize) -> usize) -> Self {
        let state = self.state();
        let torn = state.names.iter().map(|(name, inode)| {
            let Inode { content, synced } = &state.inodes[*inode];
            assert!(content.starts_with(synced), "{name} grows only");
            let len = synced.len() + kept(name, content.len() - synced.len());
            (name.clone(), content[..len].to_vec())
        });
        Self::with(torn.collect())
    }

    /// The disk after the power came back.
    pub fn after_power_cut(&self, remains: Remains) -> Self {
        let state = self.state();
        let names = match remains {
            Remains::OnlySynced | Remains::FirstHalf => state.synced_names.clone(),
            Remains::Everything | Remains::NamesAndZeros | Remains::SecondHalf => {
                state.names.clone()
            }
        };
        let inodes = state.inodes.iter().map(|inode| {
            let content = left_of(inode, remains);
            Inode { synced: content.clone(), content }
        });
        Self(Mutex::new(State {
            synced_names: names.clone(),
            names,
            inodes: inodes.collect(),
            ..State::default()
        }))
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let content = |inode: usize| state.inodes[inode].content.clone();
        state.names.iter().map(|(name, inode)| (name.clone(), content(*inode))).collect()
    }

    /// A disk with these files, all synced.
    pub fn with(files: BTreeMap<String, Vec<u8>>) -> Self {
        let mut state = State::default();
        for (name, content) in files {
            state.names.insert(name, state.inodes.len());
            state.inodes.push(Inode { synced: content.clone(), content });
        }
        state.synced_names = state.names.clone();
        Self(Mutex::new(state))
    }

    /// Counts an operation; an error when there is no power for it.
    fn begin(&self) -> Result<MutexGuard<'_, State>, (MutexGuard<'_, State>, io::Error)> {
        let mut state = self.state();
        state.operations += 1;
        if state.cut_at.is_some_and(|cut| state.operations >= cut) {
            return Err((state, io::Error::other("no power")));
        }
        Ok(state)
    }
}

fn left_of(inode: &Inode, remains: Remains) -> Vec<u8> {
    let Inode { content, synced } = inode;
    if content.len() < synced.len() && remains != Remains::OnlySynced {
        return content.clone();
    }
    let same = content.iter().zip(synced).take_while(|(new, old)| new == old).count();
    let middle = same + (content.len() - same) / 2;
    let zeros = |from: usize, to: usize| vec![0; to - from];
    match remains {
        Remains::OnlySynced => synced.clone(),
        Remains::Everything => content.clone(),
        Remains::NamesAndZeros => [&content[..same], &zeros(same, content.len())].concat(),
        Remains::FirstHalf => content[..middle].to_vec(),
        Remains::SecondHalf => {
            [&content[..same], &zeros(same, middle), &content[middle..]].concat()
        }
    }
}

impl State {
    fn inode(&mut self, name: &str) -> &mut Inode {
        let next = self.inodes.len();
        let inode = *self.names.entry(name.to_owned()).or_insert(next);
        if inode == next {
            self.inodes.push(Inode::default());
        }
        &mut self.inodes[inode]
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).unwrap();
        let content = &mut self.inode(name).content;
        content.resize(content.len().max(offset + bytes.len()), 0);
        content[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn refuse(&mut self) -> bool {
        let refuses = self.failures > 0;
        self.failures -= usize::from(refuses);
        refuses
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn read_from(&self, name: &str, offset: u64) -> io::Result<Vec<u8>> {
        let state = self.state();
        let inode = state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let content = &state.inodes[*inode].content;
        Ok(content.get(usize::try_from(offset).unwrap()..).unwrap_or_default().to_vec())
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let half = &bytes[..bytes.len() / 2];
        let mut state = self.begin().map_err(|(mut state, why)| {
            if state.cut_at == Some(state.operations) {
                state.write(name, offset, half);
            }
            why
        })?;
        if state.refuse() {
            state.write(name, offset, half);
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.write(name, offset, bytes);
        Ok(())
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        let mut state = self.begin().map_err(|(_, why)| why)?;
        state.inode(name).content.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut state = self.begin().map_err(|(_, why)| why)?;
        if state.lies {
            return Ok(());
        }
        let refuses = state.refuse();
        let inode = state.inode(name);
        if refuses {
            // As Linux does: the dirty pages are dropped and the next sync would succeed.
            inode.content = inode.synced.clone();
            return Err(io::ErrorKind::StorageFull.into());
        }
        inode.synced = inode.content.clone();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.begin().map_err(|(_, why)| why)?;
        let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.begin().map_err(|(_, why)| why)?;
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.begin().map_err(|(_, why)| why)?;
        state.synced_names = state.names.clone();
        Ok(())
    }
}
