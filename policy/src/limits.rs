//! Limits of what one guest may use.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

/// What one guest may use. Over a limit an operation fails with the errno of
/// the real thing; it never waits.
///
/// ```
/// use capsock_policy::Limits;
///
/// let mut limits = Limits::default();
/// limits.sockets = 8;
/// limits.set("receive", "64KiB")?;
/// assert_eq!(limits.receive, 65536);
/// # Ok::<(), capsock_policy::LimitError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open sockets: 1,024, and never over 80 % of the process's descriptors
    /// (`RLIMIT_NOFILE`). One more is `EMFILE`.
    pub sockets: u32,
    /// Bytes that one receive returns at most: 1 MiB. A longer receive is cut
    /// to it, but for one that waits for all (`MSG_WAITALL`): what has come is
    /// kept until then, up to `memory` for all of them together.
    pub receive: u32,
    /// The longest queue of a listener: 1,024. A longer one is cut to it.
    pub backlog: u32,
    /// `SO_SNDBUF` and `SO_RCVBUF`, in bytes: 4 MiB. A larger one is cut to it.
    pub socket_buffer: u32,
    /// What both take over all sockets together, in bytes as the kernel counts
    /// them, beyond the 208 KiB each that it gives by itself: 64 MiB. A larger
    /// one is cut to what is left. For a listener it is for each connection that
    /// may wait in its queue.
    pub socket_buffers: u64,
    /// Files of Unix sockets that were made and not removed: 1,024. One more is
    /// `ENOSPC`.
    pub unix_paths: u32,
    /// Look-ups of names under way: 8, those included that took too long and
    /// were given up. One more is `EAI_AGAIN`.
    pub lookups: u32,
    /// Descriptors in one message: 8. To send more is `EINVAL`; what more comes
    /// is closed.
    pub descriptors: u32,
    /// How long one look-up may take: 5 s. After it, it is `EAI_AGAIN`.
    pub lookup_time: Duration,
    /// Answers that one look-up returns at most: 32. Further ones are left out.
    pub answers: u32,
    /// Requests of HTTP under way: 64, each until its response is read. One more is
    /// `connection-limit-reached`.
    pub http_requests: u32,
    /// Bytes of the header section of a request or a response of HTTP: 64 KiB. Of a response
    /// more is `HTTP-response-header-section-size`. To add more to one's own is
    /// `size-exceeded` in 0.3; in 0.2, which has no error for it, it traps.
    pub http_headers: u32,
    /// Bytes of the body of a request or a response of HTTP: 1 GiB. More is
    /// `HTTP-request-body-size` or `HTTP-response-body-size`.
    pub http_body: u64,
    /// How long a request of HTTP may take until it is connected, with the look-up of
    /// its host and TLS: 30 s. After it, it is `connection-timeout`. A guest may ask for
    /// less, here and in the two that follow.
    pub http_connect_time: Duration,
    /// How long until the response begins: 5 minutes. After it, it is
    /// `HTTP-response-timeout`.
    pub http_first_byte_time: Duration,
    /// How long between two parts of its body: 5 minutes. After it, it is
    /// `connection-read-timeout`.
    pub http_between_bytes_time: Duration,
    /// Of a server, connections that are open: 1,024. One more is closed.
    pub connections: u32,
    /// Of a server, connections from one address: 64. One more is closed.
    pub peer_connections: u32,
    /// Of a server, requests under way, for each service: 1,024. One more is status 503.
    pub requests: u32,
    /// Of a server, how long the head of a request may take, and a connection without any:
    /// 60 s.
    pub header_time: Duration,
    /// Of a server, how long a connection of HTTP/2 may say nothing: 60 s.
    pub idle_time: Duration,
    /// Of a server, how long a request may take until its instance is ended, on the clock:
    /// 30 s.
    pub request_time: Duration,
    /// Of a server, how long the instance of a request may compute: 1 s.
    pub request_cpu: Duration,
    /// Handles of sockets, files, pollables and the like: 4,096. One socket
    /// more is `EMFILE`; where an interface of WASI has no error for it, it
    /// traps. The embedder sets it with
    /// `ResourceTable::set_max_capacity` of wasmtime.
    pub handles: u32,
    /// Threads that have not ended, the first one included: 256. One more is
    /// `EAGAIN` of `pthread_create`. The embedder sees to it that a program which
    /// does not ask is ended, with the capacity of wasmtime's
    /// `Store::concurrent_resource_table`, in which a thread takes two places.
    pub threads: u32,
    /// Bytes of all memories and tables together: 256 MiB. To grow beyond it
    /// fails. The embedder sets it with a `MemoryLimiter` of `capsock-host`.
    pub memory: u64,
    /// Bytes that one call may copy into the host: 8 MiB. One more traps; the
    /// SDKs send up to 1 MiB a call. The embedder sets it with
    /// `Store::set_hostcall_fuel` of wasmtime.
    pub hostcall_fuel: u32,
    /// How long the guest may run, on the clock: without end. The embedder ends
    /// it.
    pub time: Option<Duration>,
    /// Bytes of the component itself: 256 MiB. The embedder sees to it, and to
    /// the two that follow.
    pub component: u64,
    /// How long it may take to compile the component, on the clock: 10 minutes.
    pub compile_time: Duration,
    /// Bytes of memory that compiling it may take, and of native code that it
    /// may result in: 4 GiB.
    pub compile_memory: u64,
    /// How long the guest may compute before others have a turn: 10 ms. The
    /// embedder sees to it, with
    /// `Store::epoch_deadline_async_yield_and_update` of wasmtime.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        sockets: 1024,
        receive: 1 << 20,
        backlog: 1024,
        socket_buffer: 4 << 20,
        socket_buffers: 64 << 20,
        unix_paths: 1024,
        lookups: 8,
        descriptors: 8,
        lookup_time: Duration::from_secs(5),
        answers: 32,
        http_requests: 64,
        http_headers: 64 << 10,
        http_body: 1 << 30,
        http_connect_time: Duration::from_secs(30),
        http_first_byte_time: Duration::from_secs(5 * 60),
        http_between_bytes_time: Duration::from_secs(5 * 60),
        connections: 1024,
        peer_connections: 64,
        requests: 1024,
        header_time: Duration::from_secs(60),
        idle_time: Duration::from_secs(60),
        request_time: Duration::from_secs(30),
        request_cpu: Duration::from_secs(1),
        handles: 4096,
        threads: 256,
        memory: 256 << 20,
        hostcall_fuel: 8 << 20,
        time: None,
        component: 256 << 20,
        compile_time: Duration::from_secs(10 * 60),
        compile_memory: 4 << 30,
        tick: Duration::from_millis(10),
    };

    /// The defaults of a server's instances, of which there are many.
    pub const SERVE: Self = Self {
        sockets: 8,
        receive: 64 << 10,
        backlog: 128,
        socket_buffer: 256 << 10,
        socket_buffers: 2 << 20,
        unix_paths: 8,
        lookups: 2,
        http_requests: 8,
        handles: 256,
        memory: 32 << 20,
        hostcall_fuel: 1 << 20,
        ..Self::DEFAULT
    };

    /// Sets the limit of this name, as a command line or a policy file has it.
    ///
    /// A name is a field's, with dashes. A size is a number and a unit such as
    /// `KiB`, `MiB`, `kB` or `MB`, or bytes without one; a time is `500ms`, `5s`
    /// or `1h 30m`.
    ///
    /// # Errors
    /// Where no limit has the name, or the value is none of the limit's kind
    /// or out of its range. The limits are as they were.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LimitError> {
        let known = |entry: &Entry<'_>| entry.name == name;
        let Some(entry) = self.entries().into_iter().find(known) else {
            return Err(LimitError::unknown(name));
        };
        let unusable = |expected| LimitError {
            name: name.to_owned(),
            kind: Kind::Value {
                value: value.to_owned(),
                expected,
            },
        };
        entry.slot.set(value).map_err(unusable)
    }

    /// Each limit: its name, its value as [`Limits::set`] takes it, and what it
    /// means.
    pub fn list(&self) -> impl Iterator<Item = (&'static str, String, &'static str)> {
        let mut copy = self.clone();
        let list = copy
            .entries()
            .map(|entry| (entry.name, entry.slot.text(), entry.meaning));
        list.into_iter()
    }

    /// The one table of names, kinds and meanings.
    fn entries(&mut self) -> [Entry<'_>; 32] {
        let entry = |name, slot, meaning| Entry {
            name,
            slot,
            meaning,
        };
        // A receive of nothing would look like the end of the stream.
        let some = |field| Slot::Count { field, least: 1 };
        let any = |field| Slot::Count { field, least: 0 };
        [
            entry(
                "sockets",
                any(&mut self.sockets),
                "open sockets, at most 80 % of RLIMIT_NOFILE",
            ),
            entry(
                "handles",
                any(&mut self.handles),
                "handles of sockets, files, pollables and the like",
            ),
            entry(
                "threads",
                some(&mut self.threads),
                "threads that have not ended, the first one included",
            ),
            entry(
                "receive",
                Slot::Size {
                    field: &mut self.receive,
                    least: 1,
                },
                "bytes that one receive returns",
            ),
            entry("backlog", any(&mut self.backlog), "the queue of a listener"),
            entry(
                "socket-buffer",
                Slot::Size {
                    field: &mut self.socket_buffer,
                    least: 0,
                },
                "bytes of SO_SNDBUF and SO_RCVBUF",
            ),
            entry(
                "socket-buffers",
                Slot::Memory(&mut self.socket_buffers),
                "bytes of both over all sockets, beyond the kernel's own",
            ),
            entry(
                "unix-paths",
                any(&mut self.unix_paths),
                "files of Unix sockets that were made and not removed",
            ),
            entry(
                "descriptors",
                any(&mut self.descriptors),
                "descriptors in one message",
            ),
            entry(
                "lookups",
                any(&mut self.lookups),
                "look-ups of names under way",
            ),
            entry(
                "lookup-time",
                Slot::Time(&mut self.lookup_time),
                "time of one look-up",
            ),
            entry("answers", some(&mut self.answers), "answers of one look-up"),
            entry(
                "http-requests",
                any(&mut self.http_requests),
                "requests of HTTP under way",
            ),
            entry(
                "http-headers",
                Slot::Size {
                    field: &mut self.http_headers,
                    least: 0,
                },
                "bytes of the headers of a request or response",
            ),
            entry(
                "http-body",
                Slot::Memory(&mut self.http_body),
                "bytes of the body of a request or response",
            ),
            entry(
                "http-connect-time",
                Slot::Time(&mut self.http_connect_time),
                "time of connecting for a request, look-up and TLS included",
            ),
            entry(
                "http-first-byte-time",
                Slot::Time(&mut self.http_first_byte_time),
                "time until a response begins",
            ),
            entry(
                "http-between-bytes-time",
                Slot::Time(&mut self.http_between_bytes_time),
                "time between two parts of a response's body",
            ),
            entry(
                "connections",
                any(&mut self.connections),
                "connections of a server",
            ),
            entry(
                "peer-connections",
                any(&mut self.peer_connections),
                "connections of a server from one address",
            ),
            entry(
                "requests",
                any(&mut self.requests),
                "requests of a service under way",
            ),
            entry(
                "header-time",
                Slot::Time(&mut self.header_time),
                "time that the head of a request may take",
            ),
            entry(
                "idle-time",
                Slot::Time(&mut self.idle_time),
                "time that a connection of HTTP/2 may say nothing",
            ),
            entry(
                "request-time",
                Slot::Time(&mut self.request_time),
                "time of a request, on the clock",
            ),
            entry(
                "request-cpu",
                Slot::Time(&mut self.request_cpu),
                "time that a request may compute",
            ),
            entry(
                "memory",
                Slot::Memory(&mut self.memory),
                "bytes of all memories and tables",
            ),
            entry(
                "hostcall-fuel",
                Slot::Size {
                    field: &mut self.hostcall_fuel,
                    least: 1,
                },
                "bytes that one call copies into the host",
            ),
            entry(
                "time",
                Slot::End(&mut self.time),
                "time of the whole run, on the clock",
            ),
            entry(
                "component",
                Slot::Memory(&mut self.component),
                "bytes of the component itself",
            ),
            entry(
                "compile-time",
                Slot::Time(&mut self.compile_time),
                "time of compiling it, on the clock",
            ),
            entry(
                "compile-memory",
                Slot::Memory(&mut self.compile_memory),
                "bytes that compiling it takes",
            ),
            entry(
                "tick",
                Slot::Time(&mut self.tick),
                "time of computing before others have a turn",
            ),
        ]
    }
}

/// A limit that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Unknown { nearest: &'static str },
    Value { value: String, expected: String },
}

impl LimitError {
    fn unknown(name: &str) -> Self {
        let likeness = |known: &&str| strsim::damerau_levenshtein(known, name);
        let known = Limits::default();
        let nearest = known.list().map(|(known, ..)| known).min_by_key(likeness);
        Self {
            name: name.to_owned(),
            kind: Kind::Unknown {
                nearest: nearest.unwrap_or_default(),
            },
        }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Unknown { nearest } => {
                write!(
                    f,
                    "there is no limit `{}`; the nearest is `{nearest}`",
                    self.name
                )
            }
            Kind::Value { value, expected } => {
                write!(
                    f,
                    "limit `{}`: expected {expected}, found `{value}`",
                    self.name
                )
            }
        }
    }
}

impl std::error::Error for LimitError {}

#[derive(Debug)]
struct Entry<'a> {
    name: &'static str,
    slot: Slot<'a>,
    meaning: &'static str,
}

/// A limit, by the kind of its value.
#[derive(Debug)]
enum Slot<'a> {
    Count {
        field: &'a mut u32,
        least: u32,
    },
    Size {
        field: &'a mut u32,
        least: u32,
    },
    Memory(&'a mut u64),
    Time(&'a mut Duration),
    /// `none` is without end.
    End(&'a mut Option<Duration>),
}

/// The word for no limit.
const NONE: &str = "none";

/// What a clock, and arithmetic on it, makes sense of.
const TIMES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl Slot<'_> {
    /// An error says what was expected.
    fn set(self, value: &str) -> Result<(), String> {
        match self {
            Self::Count { field, least } => {
                let count = value.parse().ok().filter(|count| *count >= least);
                *field = count.ok_or_else(|| format!("a number from {least} to {}", u32::MAX))?;
            }
            Self::Size { field, least } => {
                let size = size(value).and_then(|size| u32::try_from(size).ok());
                let expected =
                    || format!("a size from {least} to {} bytes, such as 64KiB", u32::MAX);
                *field = size.filter(|size| *size >= least).ok_or_else(expected)?;
            }
            Self::Memory(field) => {
                *field = size(value).ok_or("a size such as 64MiB")?;
            }
            Self::Time(field) => {
                *field = time(value).ok_or("a time from 1ms to 100years, such as 500ms or 5s")?;
            }
            Self::End(field) => {
                let expected = "none, or a time from 1ms to 100years, such as 500ms or 5s";
                *field = match value {
                    NONE => None,
                    value => Some(time(value).ok_or(expected)?),
                };
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        match self {
            Self::Count { field, .. } => field.to_string(),
            Self::Size { field, .. } => size_text(u64::from(**field)),
            Self::Memory(field) => size_text(**field),
            Self::Time(field) => humantime::format_duration(**field).to_string(),
            Self::End(None) => NONE.to_owned(),
            Self::End(Some(time)) => humantime::format_duration(*time).to_string(),
        }
    }
}

fn size(text: &str) -> Option<u64> {
    text.parse().ok().map(|ByteSize(size)| size)
}

/// Exactly; `ByteSize` itself would round.
fn size_text(size: u64) -> String {
    let units = [
        (bytesize::GIB, "GiB"),
        (bytesize::MIB, "MiB"),
        (bytesize::KIB, "KiB"),
    ];
    let exact = units
        .iter()
        .find(|(unit, _)| size > 0 && size.is_multiple_of(*unit));
    exact.map_or(size.to_string(), |(unit, name)| {
        format!("{}{name}", size / unit)
    })
}

fn time(text: &str) -> Option<Duration> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| TIMES.contains(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_by_its_name_and_printed_as_it_is_set() {
        let mut limits = Limits::default();
        for (name, value, printed) in [
            ("sockets", "0", "0"),
            ("handles", "17", "17"),
            ("receive", "64KiB", "64KiB"),
            ("backlog", "4294967295", "4294967295"),
            ("socket-buffer", "4M", "4000000"),
            ("socket-buffers", "5GiB", "5GiB"),
            ("unix-paths", "0", "0"),
            ("descriptors", "1", "1"),
            ("lookups", "2", "2"),
            ("lookup-time", "1500ms", "1s 500ms"),
            ("answers", "1", "1"),
            ("memory", "6 GiB", "6GiB"),
            ("hostcall-fuel", "1 MiB", "1MiB"),
            ("time", "1h 30m", "1h 30m"),
            ("component", "1 MB", "1000000"),
            ("compile-time", "90s", "1m 30s"),
            ("compile-memory", "1GiB", "1GiB"),
            ("tick", "1ms", "1ms"),
        ] {
            limits.set(name, value).expect(name);
            let now = limits
                .list()
                .find(|(listed, ..)| *listed == name)
                .expect(name);
            assert_eq!(now.1, printed, "{name}={value}");
        }
        let mut copy = Limits::default();
        assert_eq!(limits.list().count(), copy.entries().len());
        for (name, value, _meaning) in limits.list() {
            copy.set(name, &value).expect(name);
        }
        assert_eq!(copy, limits);
        limits.set("time", "none").expect("time");
        assert_eq!(limits.time, None);
    }

    #[test]
    fn a_limit_that_cannot_be_set_is_told_with_what_was_expected() {
        let mut limits = Limits::default();
        let told: Vec<String> = [
            ("socket", "1"),
            ("max_memory", "1"),
            ("", "1"),
            ("sockets", ""),
            ("sockets", "-1"),
            ("sockets", "4294967296"),
            ("sockets", "many"),
            ("receive", "0"),
            ("receive", "4GiB"),
            ("receive", "1Q"),
            ("memory", "lots"),
            ("answers", "0"),
            ("lookup-time", "5"),
            ("lookup-time", "0s"),
            ("tick", "0ms"),
            ("time", "never"),
            ("time", "1000years"),
        ]
        .map(|(name, value)| limits.set(name, value).expect_err(name).to_string())
        .into();
        assert_eq!(limits, Limits::default());
        insta::assert_snapshot!(told.join("\n"));
    }
}
