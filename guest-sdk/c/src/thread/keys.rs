//! Thread-specific data: pthread_key_create(3).

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use crate::errno::{Errno, Result};
use crate::memory;
use crate::thread::{number, scheduler};

/// PTHREAD_KEYS_MAX
const MOST: usize = 128;
/// PTHREAD_DESTRUCTOR_ITERATIONS
const ROUNDS: usize = 4;

type Destructor = unsafe extern "C" fn(*mut c_void);

/// A key that is in use, and its place's turn: a value of an older turn is none.
#[derive(Clone, Copy)]
struct Key {
    turn: u32,
    is_used: bool,
    destructor: Option<Destructor>,
}

thread_local! {
    static KEYS: RefCell<Vec<Key>> = const { RefCell::new(Vec::new()) };
}

/// The values of one thread.
#[derive(Default)]
pub(crate) struct Values(RefCell<Vec<(u32, *mut c_void)>>);

impl Values {
    /// Calls the destructors of what is not null, as long as they set new values,
    /// but four times at most.
    pub(crate) fn drop_all(&self) {
        for _round in 0..ROUNDS {
            let mut is_any = false;
            let count = self.0.borrow().len();
            for place in 0..count {
                let (turn, value) = self.0.borrow()[place];
                let key = key(place).ok().filter(|key| key.turn == turn);
                let Some(destructor) = key.and_then(|key| key.destructor) else {
                    continue;
                };
                if !value.is_null() {
                    self.0.borrow_mut()[place].1 = null_mut();
                    is_any = true;
                    // SAFETY: the program gave it for its values.
                    unsafe { destructor(value) };
                }
            }
            if !is_any {
                break;
            }
        }
    }
}

/// EINVAL where it is none, or was deleted.
fn key(place: usize) -> Result<Key> {
    KEYS.with_borrow(|keys| keys.get(place).copied())
        .filter(|key| key.is_used)
        .ok_or(Errno::EINVAL)
}

/// pthread_key_create(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_key_create(
    made: *mut u32,
    destructor: Option<Destructor>,
) -> c_int {
    let place = KEYS.with_borrow_mut(|keys| {
        let free = keys.iter().position(|key| !key.is_used);
        let place = match free {
            Some(place) => place,
            None if keys.len() < MOST => {
                keys.push(Key {
                    turn: 0,
                    is_used: false,
                    destructor: None,
                });
                keys.len() - 1
            }
            None => return Err(Errno::EAGAIN),
        };
        keys[place] = Key {
            turn: keys[place].turn + 1,
            is_used: true,
            destructor,
        };
        Ok(place as u32)
    });
    // SAFETY: as pthread_key_create(3) says.
    number(place.and_then(|place| unsafe { memory::put(made, place) }))
}

/// pthread_key_delete(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_key_delete(place: u32) -> c_int {
    number(key(place as usize).map(|_key| {
        KEYS.with_borrow_mut(|keys| keys[place as usize].is_used = false);
    }))
}

/// pthread_setspecific(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_setspecific(place: u32, value: *mut c_void) -> c_int {
    number(key(place as usize).map(|key| {
        let me = scheduler::current();
        let mut values = me.specific.0.borrow_mut();
        let place = place as usize;
        if values.len() <= place {
            values.resize(place + 1, (0, null_mut()));
        }
        values[place] = (key.turn, value);
    }))
}

/// pthread_getspecific(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_getspecific(place: u32) -> *mut c_void {
    let place = place as usize;
    let Ok(key) = key(place) else {
        return null_mut();
    };
    let value = scheduler::with_current(|me| me.specific.0.borrow().get(place).copied());
    match value {
        Some((turn, value)) if turn == key.turn => value,
        _ => null_mut(),
    }
}
