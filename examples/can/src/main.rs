//! Python's two CAN examples: `can raw INTERFACE` answers each frame, `can bcm
//! INTERFACE` has the broadcast manager send one every 100 ms.
//!
//! ```console
//! $ capsock run --allow-raw can://vcan0 can.wasm raw vcan0
//! ```
//!
//! Needs a kernel with CAN, and an interface: `ip link add vcan0 type vcan`,
//! `ip link set vcan0 up`.

use capsock_guest::*;

/// `struct can_frame`: identifier, length, padding, data.
const FRAME: usize = 16;

fn build_can_frame(can_id: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = can_id.to_ne_bytes().to_vec();
    frame.extend([data.len() as u8, 0, 0, 0]);
    frame.extend(data);
    frame.resize(FRAME, 0);
    frame
}

fn dissect_can_frame(frame: &[u8]) -> Option<(u32, u8, &[u8])> {
    let can_id = u32::from_ne_bytes(frame.get(..4)?.try_into().ok()?);
    let length = *frame.get(4)?;
    Some((can_id, length, frame.get(8..)?.get(..length.into())?))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "raw", interface] => Ok(raw(interface)?),
        [_, "bcm", interface] => Ok(broadcast_manager(interface)?),
        _ => Err("usage: can raw|bcm INTERFACE".into()),
    }
}

fn raw(interface: &str) -> Result<()> {
    // create a raw socket and bind it to the interface
    let s = Socket::with_proto(AF_CAN, SOCK_RAW, CAN_RAW)?;
    s.bind((interface,))?;
    loop {
        let (frame, _addr) = s.recvfrom(FRAME)?;
        if let Some((can_id, can_dlc, data)) = dissect_can_frame(&frame) {
            println!("Received: can_id={can_id:x}, can_dlc={can_dlc:x}, data={data:?}");
        }
        for answer in [frame, build_can_frame(0x01, b"\x01\x02\x03")] {
            if s.send(&answer).is_err() {
                println!("Error sending CAN frame");
            }
        }
    }
}

/// `struct bcm_msg_head` (linux/can/bcm.h), then the frames.
fn broadcast_manager(interface: &str) -> Result<()> {
    const TX_SETUP: u32 = 1;
    const SETTIMER: u32 = 0x0001;
    const STARTTIMER: u32 = 0x0002;
    let s = Socket::with_proto(AF_CAN, SOCK_DGRAM, CAN_BCM)?;
    s.connect((interface,))?;
    let mut message = Vec::new();
    // No frames at the first interval; its count and both intervals are longs.
    message.extend(
        [TX_SETUP, SETTIMER | STARTTIMER, 0, 0]
            .map(u32::to_ne_bytes)
            .concat(),
    );
    message.extend([0i64, 0, 0, 100_000].map(i64::to_ne_bytes).concat());
    message.extend([0x123u32, 1].map(u32::to_ne_bytes).concat());
    message.extend(build_can_frame(0x123, b"capsock"));
    s.send(&message)?;
    println!("sending a frame every 100 ms; press ^C to end");
    loop {
        let (notice, _addr) = s.recvfrom(4096)?;
        println!("the broadcast manager tells {} bytes", notice.len());
    }
}
