//! The one door to the site loop for everything that is not a datagram: bounded, with a bell.

use holdfast_config::Config;
use holdfast_core::abuse::offence::Offence;
use holdfast_core::command::{Command, Reply};
use holdfast_core::media::order::MediaEdge;
use holdfast_core::peer::resolve::{Answer, Question};
use holdfast_core::sip::flow::Flow;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

use crate::streams::Accepted;
use crate::tls::News;

/// Messages waiting for the loop: about a second of a very busy box.
pub const INBOX_MAX: usize = 16_384;
/// How long a task pauses before it tries a full inbox again.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// What can come through the door.
#[derive(Debug)]
pub enum Inbound {
    /// A framed SIP message of a connection.
    Received {
        /// Its connection.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A connection was accepted.
    Accepted(Accepted),
    /// A connection is over that was retired; what goes to its peer has taken another since.
    Unused(Flow),
    /// A connection is over or was never made.
    FlowBroken(Flow),
    /// A connection of ours turned out to be closed by the other side while these were written to
    /// it; they may go once more, over a new one.
    WrittenInVain {
        /// The connection.
        flow: Flow,
        /// What was written, in order.
        messages: Vec<Vec<u8>>,
    },
    /// The media plane reports.
    Media(MediaEdge),
    /// A person orders, and waits for the answer.
    Command {
        /// The order.
        command: Command,
        /// Where the answer goes.
        reply: oneshot::Sender<Reply>,
    },
    /// What a name means.
    Resolved {
        /// The question.
        question: Question,
        /// What came of it.
        answer: Answer,
    },
    /// Somebody did something wrong that no message tells.
    Offended {
        /// The way it came.
        flow: Flow,
        /// What.
        what: Offence,
    },
    /// A look at the certificates has found something.
    Certificates(News),
    /// A new configuration.
    Configured(Arc<Config>),
    /// End the loop.
    Stop,
}

/// The outer side of the door; cheap to clone.
#[derive(Clone, Debug)]
pub struct Inbox {
    sender: SyncSender<(Instant, Inbound)>,
    bell: Arc<EventFd>,
}

/// The loop's side of the door.
#[derive(Debug)]
pub struct InboxReader {
    receiver: Receiver<(Instant, Inbound)>,
    bell: Arc<EventFd>,
}

/// A new door.
///
/// # Errors
/// When the kernel has no descriptor left.
pub fn inbox() -> io::Result<(Inbox, InboxReader)> {
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    let bell = Arc::new(EventFd::from_value_and_flags(0, flags)?);
    let (sender, receiver) = sync_channel(INBOX_MAX);
    Ok((Inbox { sender, bell: Arc::clone(&bell) }, InboxReader { receiver, bell }))
}

impl Inbox {
    /// Wakes the loop without an item: something that it looks at by itself has changed.
    pub fn ring(&self) {
        // A bell that already rings (EAGAIN) rings.
        let _ = self.bell.write(1);
    }

    /// Puts one item in without waiting.
    ///
    /// # Errors
    /// Gives the item back when the door is full or the loop is gone.
    pub fn try_push(&self, item: Inbound) -> Result<(), Box<Inbound>> {
        match self.sender.try_send((Instant::now(), item)) {
            Ok(()) => {
                self.ring();
                Ok(())
            }
            Err(TrySendError::Full((_, item)) | TrySendError::Disconnected((_, item))) => {
                Err(Box::new(item))
            }
        }
    }

    /// Puts one item in, waiting while the door is full: back-pressure on the connection that
    /// brings it. An item for a loop that is gone is dropped with it.
    pub async fn push(&self, item: Inbound) {
        // Also while the door is full it waits.
        let mut item = (Instant::now(), item);
        loop {
            match self.sender.try_send(item) {
                Ok(()) => {
                    self.ring();
                    return;
                }
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => item = back,
            }
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }
}

impl InboxReader {
    /// Takes the next item and says how long it has waited; `None` when there is none now.
    pub fn take(&self) -> Option<(Inbound, Duration)> {
        // Nothing comes also when nobody is left to push.
        self.receiver.try_recv().ok().map(|(came, item)| (item, came.elapsed()))
    }

    /// Rings again: there is more than was taken.
    pub fn ring(&self) {
        let _ = self.bell.write(1); // as Inbox::ring
    }

    /// Silences the bell; to be called before the door is emptied, so that no ring is lost.
    pub fn silence(&self) {
        let _ = self.bell.read(); // EAGAIN: it did not ring
    }
}

impl AsFd for InboxReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
