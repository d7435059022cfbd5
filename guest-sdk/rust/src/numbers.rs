//! The constants that Python's `socket` module has as plain numbers, with
//! Linux's values on every host.

macro_rules! numbers {
    ($({ $doc:literal } $($name:ident: $type:ident = $value:literal;)*)*) => {
        $($(
            #[doc = $doc]
            pub const $name: $type = $value;
        )*)*

        /// Their names and values, for tests and for other languages' SDKs.
        #[doc(hidden)]
        pub const NUMBERS: &[(&str, i64)] = &[$($((stringify!($name), $name as i64),)*)*];
    };
}

numbers! {
    { "Options of the socket level: socket(7)." }
    SO_ACCEPTCONN: i32 = 30;
    SO_BINDTODEVICE: i32 = 25;
    SO_BROADCAST: i32 = 6;
    SO_DEBUG: i32 = 1;
    SO_DOMAIN: i32 = 39;
    SO_DONTROUTE: i32 = 5;
    SO_ERROR: i32 = 4;
    SO_INCOMING_CPU: i32 = 49;
    SO_J1939_ERRQUEUE: i32 = 4;
    SO_J1939_FILTER: i32 = 1;
    SO_J1939_PROMISC: i32 = 2;
    SO_J1939_SEND_PRIO: i32 = 3;
    SO_KEEPALIVE: i32 = 9;
    SO_LINGER: i32 = 13;
    SO_MARK: i32 = 36;
    SO_OOBINLINE: i32 = 10;
    SO_PASSCRED: i32 = 16;
    SO_PASSSEC: i32 = 34;
    SO_PEERCRED: i32 = 17;
    SO_PEERSEC: i32 = 31;
    SO_PRIORITY: i32 = 12;
    SO_PROTOCOL: i32 = 38;
    SO_RCVBUF: i32 = 8;
    SO_RCVLOWAT: i32 = 18;
    SO_RCVTIMEO: i32 = 20;
    SO_REUSEADDR: i32 = 2;
    SO_REUSEPORT: i32 = 15;
    SO_SNDBUF: i32 = 7;
    SO_SNDLOWAT: i32 = 19;
    SO_SNDTIMEO: i32 = 21;
    SO_TYPE: i32 = 3;
    SO_VM_SOCKETS_BUFFER_MAX_SIZE: i32 = 2;
    SO_VM_SOCKETS_BUFFER_MIN_SIZE: i32 = 1;
    SO_VM_SOCKETS_BUFFER_SIZE: i32 = 0;
    { "Levels of options: socket(7)." }
    SOL_ALG: i32 = 279;
    SOL_CAN_BASE: i32 = 100;
    SOL_CAN_RAW: i32 = 101;
    SOL_HCI: i32 = 0;
    SOL_IP: i32 = 0;
    SOL_RDS: i32 = 276;
    SOL_SOCKET: i32 = 1;
    SOL_TCP: i32 = 6;
    SOL_TIPC: i32 = 271;
    SOL_UDP: i32 = 17;
    { "Ancillary data: unix(7)." }
    SCM_CREDENTIALS: i32 = 2;
    SCM_J1939_DEST_ADDR: i32 = 1;
    SCM_J1939_DEST_NAME: i32 = 2;
    SCM_J1939_ERRQUEUE: i32 = 4;
    SCM_J1939_PRIO: i32 = 3;
    SCM_RIGHTS: i32 = 1;
    { "Protocols: ip(7)." }
    IPPROTO_AH: i32 = 51;
    IPPROTO_DSTOPTS: i32 = 60;
    IPPROTO_EGP: i32 = 8;
    IPPROTO_ESP: i32 = 50;
    IPPROTO_FRAGMENT: i32 = 44;
    IPPROTO_GRE: i32 = 47;
    IPPROTO_HOPOPTS: i32 = 0;
    IPPROTO_ICMP: i32 = 1;
    IPPROTO_ICMPV6: i32 = 58;
    IPPROTO_IDP: i32 = 22;
    IPPROTO_IGMP: i32 = 2;
    IPPROTO_IP: i32 = 0;
    IPPROTO_IPIP: i32 = 4;
    IPPROTO_IPV6: i32 = 41;
    IPPROTO_MPTCP: i32 = 262;
    IPPROTO_NONE: i32 = 59;
    IPPROTO_PIM: i32 = 103;
    IPPROTO_PUP: i32 = 12;
    IPPROTO_RAW: i32 = 255;
    IPPROTO_ROUTING: i32 = 43;
    IPPROTO_RSVP: i32 = 46;
    IPPROTO_SCTP: i32 = 132;
    IPPROTO_TCP: i32 = 6;
    IPPROTO_TP: i32 = 29;
    IPPROTO_UDP: i32 = 17;
    IPPROTO_UDPLITE: i32 = 136;
    { "Ports with a meaning." }
    IPPORT_RESERVED: i32 = 1024;
    IPPORT_USERRESERVED: i32 = 5000;
    { "IPv4 addresses in host order: ip(7)." }
    INADDR_ALLHOSTS_GROUP: u32 = 3758096385;
    INADDR_ANY: i32 = 0;
    INADDR_BROADCAST: u32 = 4294967295;
    INADDR_LOOPBACK: i32 = 2130706433;
    INADDR_MAX_LOCAL_GROUP: u32 = 3758096639;
    INADDR_NONE: u32 = 4294967295;
    INADDR_UNSPEC_GROUP: u32 = 3758096384;
    { "Options of IPv4: ip(7)." }
    IP_ADD_MEMBERSHIP: i32 = 35;
    IP_BIND_ADDRESS_NO_PORT: i32 = 24;
    IP_DEFAULT_MULTICAST_LOOP: i32 = 1;
    IP_DEFAULT_MULTICAST_TTL: i32 = 1;
    IP_DROP_MEMBERSHIP: i32 = 36;
    IP_HDRINCL: i32 = 3;
    IP_MAX_MEMBERSHIPS: i32 = 20;
    IP_MULTICAST_IF: i32 = 32;
    IP_MULTICAST_LOOP: i32 = 34;
    IP_MULTICAST_TTL: i32 = 33;
    IP_OPTIONS: i32 = 4;
    IP_RECVOPTS: i32 = 6;
    IP_RECVRETOPTS: i32 = 7;
    IP_RECVTOS: i32 = 13;
    IP_RETOPTS: i32 = 7;
    IP_TOS: i32 = 1;
    IP_TRANSPARENT: i32 = 19;
    IP_TTL: i32 = 2;
    { "Options of IPv6: ipv6(7)." }
    IPV6_CHECKSUM: i32 = 7;
    IPV6_DONTFRAG: i32 = 62;
    IPV6_DSTOPTS: i32 = 59;
    IPV6_HOPLIMIT: i32 = 52;
    IPV6_HOPOPTS: i32 = 54;
    IPV6_JOIN_GROUP: i32 = 20;
    IPV6_LEAVE_GROUP: i32 = 21;
    IPV6_MULTICAST_HOPS: i32 = 18;
    IPV6_MULTICAST_IF: i32 = 17;
    IPV6_MULTICAST_LOOP: i32 = 19;
    IPV6_NEXTHOP: i32 = 9;
    IPV6_PATHMTU: i32 = 61;
    IPV6_PKTINFO: i32 = 50;
    IPV6_RECVDSTOPTS: i32 = 58;
    IPV6_RECVHOPLIMIT: i32 = 51;
    IPV6_RECVHOPOPTS: i32 = 53;
    IPV6_RECVPATHMTU: i32 = 60;
    IPV6_RECVPKTINFO: i32 = 49;
    IPV6_RECVRTHDR: i32 = 56;
    IPV6_RECVTCLASS: i32 = 66;
    IPV6_RTHDR: i32 = 57;
    IPV6_RTHDRDSTOPTS: i32 = 55;
    IPV6_RTHDR_TYPE_0: i32 = 0;
    IPV6_TCLASS: i32 = 67;
    IPV6_UNICAST_HOPS: i32 = 16;
    IPV6_V6ONLY: i32 = 26;
    { "Options of TCP: tcp(7)." }
    TCP_CONGESTION: i32 = 13;
    TCP_CORK: i32 = 3;
    TCP_DEFER_ACCEPT: i32 = 9;
    TCP_FASTOPEN: i32 = 23;
    TCP_INFO: i32 = 11;
    TCP_KEEPCNT: i32 = 6;
    TCP_KEEPIDLE: i32 = 4;
    TCP_KEEPINTVL: i32 = 5;
    TCP_LINGER2: i32 = 8;
    TCP_MAXSEG: i32 = 2;
    TCP_NODELAY: i32 = 1;
    TCP_NOTSENT_LOWAT: i32 = 25;
    TCP_QUICKACK: i32 = 12;
    TCP_SYNCNT: i32 = 7;
    TCP_USER_TIMEOUT: i32 = 18;
    TCP_WINDOW_CLAMP: i32 = 10;
    { "Options of UDP-Lite: udplite(7)." }
    UDPLITE_RECV_CSCOV: i32 = 11;
    UDPLITE_SEND_CSCOV: i32 = 10;
    { "Errors of getaddrinfo(3)." }
    EAI_ADDRFAMILY: i32 = -9;
    EAI_AGAIN: i32 = -3;
    EAI_BADFLAGS: i32 = -1;
    EAI_FAIL: i32 = -4;
    EAI_FAMILY: i32 = -6;
    EAI_MEMORY: i32 = -10;
    EAI_NODATA: i32 = -5;
    EAI_NONAME: i32 = -2;
    EAI_OVERFLOW: i32 = -12;
    EAI_SERVICE: i32 = -8;
    EAI_SOCKTYPE: i32 = -7;
    EAI_SYSTEM: i32 = -11;
    { "Flags of getaddrinfo(3)." }
    AI_ADDRCONFIG: i32 = 32;
    AI_ALL: i32 = 16;
    AI_CANONNAME: i32 = 2;
    AI_NUMERICHOST: i32 = 4;
    AI_NUMERICSERV: i32 = 1024;
    AI_PASSIVE: i32 = 1;
    AI_V4MAPPED: i32 = 8;
    { "Flags of getnameinfo(3)." }
    NI_DGRAM: i32 = 16;
    NI_MAXHOST: i32 = 1025;
    NI_MAXSERV: i32 = 32;
    NI_NAMEREQD: i32 = 8;
    NI_NOFQDN: i32 = 4;
    NI_NUMERICHOST: i32 = 1;
    NI_NUMERICSERV: i32 = 2;
    { "Netlink protocols: netlink(7)." }
    NETLINK_CRYPTO: i32 = 21;
    NETLINK_DNRTMSG: i32 = 14;
    NETLINK_FIREWALL: i32 = 3;
    NETLINK_IP6_FW: i32 = 13;
    NETLINK_NFLOG: i32 = 5;
    NETLINK_ROUTE: i32 = 0;
    NETLINK_USERSOCK: i32 = 2;
    NETLINK_XFRM: i32 = 6;
    { "Packet types: packet(7)." }
    PACKET_BROADCAST: i32 = 1;
    PACKET_FASTROUTE: i32 = 6;
    PACKET_HOST: i32 = 0;
    PACKET_LOOPBACK: i32 = 5;
    PACKET_MULTICAST: i32 = 2;
    PACKET_OTHERHOST: i32 = 3;
    PACKET_OUTGOING: i32 = 4;
    { "CAN: linux/can.h." }
    CAN_BCM: i32 = 2;
    CAN_BCM_CAN_FD_FRAME: i32 = 2048;
    CAN_BCM_RX_ANNOUNCE_RESUME: i32 = 256;
    CAN_BCM_RX_CHANGED: i32 = 12;
    CAN_BCM_RX_CHECK_DLC: i32 = 64;
    CAN_BCM_RX_DELETE: i32 = 6;
    CAN_BCM_RX_FILTER_ID: i32 = 32;
    CAN_BCM_RX_NO_AUTOTIMER: i32 = 128;
    CAN_BCM_RX_READ: i32 = 7;
    CAN_BCM_RX_RTR_FRAME: i32 = 1024;
    CAN_BCM_RX_SETUP: i32 = 5;
    CAN_BCM_RX_STATUS: i32 = 10;
    CAN_BCM_RX_TIMEOUT: i32 = 11;
    CAN_BCM_SETTIMER: i32 = 1;
    CAN_BCM_STARTTIMER: i32 = 2;
    CAN_BCM_TX_ANNOUNCE: i32 = 8;
    CAN_BCM_TX_COUNTEVT: i32 = 4;
    CAN_BCM_TX_CP_CAN_ID: i32 = 16;
    CAN_BCM_TX_DELETE: i32 = 2;
    CAN_BCM_TX_EXPIRED: i32 = 9;
    CAN_BCM_TX_READ: i32 = 3;
    CAN_BCM_TX_RESET_MULTI_IDX: i32 = 512;
    CAN_BCM_TX_SEND: i32 = 4;
    CAN_BCM_TX_SETUP: i32 = 1;
    CAN_BCM_TX_STATUS: i32 = 8;
    CAN_EFF_FLAG: u32 = 2147483648;
    CAN_EFF_MASK: i32 = 536870911;
    CAN_ERR_FLAG: i32 = 536870912;
    CAN_ERR_MASK: i32 = 536870911;
    CAN_ISOTP: i32 = 6;
    CAN_J1939: i32 = 7;
    CAN_RAW: i32 = 1;
    CAN_RAW_FD_FRAMES: i32 = 5;
    CAN_RAW_FILTER: i32 = 1;
    CAN_RAW_JOIN_FILTERS: i32 = 6;
    CAN_RAW_LOOPBACK: i32 = 3;
    CAN_RAW_RECV_OWN_MSGS: i32 = 4;
    CAN_RTR_FLAG: i32 = 1073741824;
    CAN_SFF_MASK: i32 = 2047;
    { "J1939: linux/can/j1939.h." }
    J1939_EE_INFO_NONE: i32 = 0;
    J1939_EE_INFO_TX_ABORT: i32 = 1;
    J1939_FILTER_MAX: i32 = 512;
    J1939_IDLE_ADDR: i32 = 254;
    J1939_MAX_UNICAST_ADDR: i32 = 253;
    J1939_NLA_BYTES_ACKED: i32 = 1;
    J1939_NLA_PAD: i32 = 0;
    J1939_NO_ADDR: i32 = 255;
    J1939_NO_NAME: i32 = 0;
    J1939_NO_PGN: i32 = 262144;
    J1939_PGN_ADDRESS_CLAIMED: i32 = 60928;
    J1939_PGN_ADDRESS_COMMANDED: i32 = 65240;
    J1939_PGN_MAX: i32 = 262143;
    J1939_PGN_PDU1_MAX: i32 = 261888;
    J1939_PGN_REQUEST: i32 = 59904;
    { "TIPC: linux/tipc.h." }
    TIPC_ADDR_ID: i32 = 3;
    TIPC_ADDR_NAME: i32 = 2;
    TIPC_ADDR_NAMESEQ: i32 = 1;
    TIPC_CFG_SRV: i32 = 0;
    TIPC_CLUSTER_SCOPE: i32 = 2;
    TIPC_CONN_TIMEOUT: i32 = 130;
    TIPC_CRITICAL_IMPORTANCE: i32 = 3;
    TIPC_DEST_DROPPABLE: i32 = 129;
    TIPC_HIGH_IMPORTANCE: i32 = 2;
    TIPC_IMPORTANCE: i32 = 127;
    TIPC_LOW_IMPORTANCE: i32 = 0;
    TIPC_MEDIUM_IMPORTANCE: i32 = 1;
    TIPC_NODE_SCOPE: i32 = 3;
    TIPC_PUBLISHED: i32 = 1;
    TIPC_SRC_DROPPABLE: i32 = 128;
    TIPC_SUBSCR_TIMEOUT: i32 = 3;
    TIPC_SUB_CANCEL: i32 = 4;
    TIPC_SUB_PORTS: i32 = 1;
    TIPC_SUB_SERVICE: i32 = 2;
    TIPC_TOP_SRV: i32 = 1;
    TIPC_WAIT_FOREVER: i32 = -1;
    TIPC_WITHDRAWN: i32 = 2;
    TIPC_ZONE_SCOPE: i32 = 1;
    { "RDS: linux/rds.h." }
    RDS_CANCEL_SENT_TO: i32 = 1;
    RDS_CMSG_RDMA_ARGS: i32 = 1;
    RDS_CMSG_RDMA_DEST: i32 = 2;
    RDS_CMSG_RDMA_MAP: i32 = 3;
    RDS_CMSG_RDMA_STATUS: i32 = 4;
    RDS_CMSG_RDMA_UPDATE: i32 = 5;
    RDS_CONG_MONITOR: i32 = 6;
    RDS_FREE_MR: i32 = 3;
    RDS_GET_MR: i32 = 2;
    RDS_GET_MR_FOR_DEST: i32 = 7;
    RDS_RDMA_DONTWAIT: i32 = 16;
    RDS_RDMA_FENCE: i32 = 2;
    RDS_RDMA_INVALIDATE: i32 = 4;
    RDS_RDMA_NOTIFY_ME: i32 = 32;
    RDS_RDMA_READWRITE: i32 = 1;
    RDS_RDMA_USE_ONCE: i32 = 8;
    RDS_RECVERR: i32 = 5;
    { "Kernel cryptography: linux/if_alg.h." }
    ALG_OP_DECRYPT: i32 = 0;
    ALG_OP_ENCRYPT: i32 = 1;
    ALG_OP_SIGN: i32 = 2;
    ALG_OP_VERIFY: i32 = 3;
    ALG_SET_AEAD_ASSOCLEN: i32 = 4;
    ALG_SET_AEAD_AUTHSIZE: i32 = 5;
    ALG_SET_IV: i32 = 2;
    ALG_SET_KEY: i32 = 1;
    ALG_SET_OP: i32 = 3;
    ALG_SET_PUBKEY: i32 = 6;
    { "Vsock: vsock(7)." }
    VMADDR_CID_ANY: u32 = 4294967295;
    VMADDR_CID_HOST: i32 = 2;
    VMADDR_PORT_ANY: u32 = 4294967295;
    VM_SOCKETS_INVALID_VERSION: u32 = 4294967295;
    { "Vsock: vsock(7)." }
    IOCTL_VM_SOCKETS_GET_LOCAL_CID: i32 = 1977;
    { "Bluetooth protocols." }
    BTPROTO_HCI: i32 = 1;
    BTPROTO_L2CAP: i32 = 0;
    BTPROTO_RFCOMM: i32 = 3;
    BTPROTO_SCO: i32 = 2;
    { "Options of Bluetooth HCI." }
    HCI_DATA_DIR: i32 = 1;
    HCI_FILTER: i32 = 2;
    HCI_TIME_STAMP: i32 = 3;
    { "Bluetooth, by the headers of BlueZ." }
    BDADDR_BREDR: i32 = 0;
    BDADDR_LE_PUBLIC: i32 = 1;
    BDADDR_LE_RANDOM: i32 = 2;
    BT_CHANNEL_POLICY: i32 = 10;
    BT_CHANNEL_POLICY_BREDR_ONLY: i32 = 0;
    BT_CHANNEL_POLICY_BREDR_PREFERRED: i32 = 1;
    BT_CODEC: i32 = 19;
    BT_DEFER_SETUP: i32 = 7;
    BT_FLUSHABLE: i32 = 8;
    BT_FLUSHABLE_OFF: i32 = 0;
    BT_FLUSHABLE_ON: i32 = 1;
    BT_ISO_QOS: i32 = 17;
    BT_MODE: i32 = 15;
    BT_MODE_BASIC: i32 = 0;
    BT_MODE_ERTM: i32 = 1;
    BT_MODE_EXT_FLOWCTL: i32 = 4;
    BT_MODE_LE_FLOWCTL: i32 = 3;
    BT_MODE_STREAMING: i32 = 2;
    BT_PHY: i32 = 14;
    BT_PHY_BR_1M_1SLOT: i32 = 1;
    BT_PHY_BR_1M_3SLOT: i32 = 2;
    BT_PHY_BR_1M_5SLOT: i32 = 4;
    BT_PHY_EDR_2M_1SLOT: i32 = 8;
    BT_PHY_EDR_2M_3SLOT: i32 = 16;
    BT_PHY_EDR_2M_5SLOT: i32 = 32;
    BT_PHY_EDR_3M_1SLOT: i32 = 64;
    BT_PHY_EDR_3M_3SLOT: i32 = 128;
    BT_PHY_EDR_3M_5SLOT: i32 = 256;
    BT_PHY_LE_1M_RX: i32 = 1024;
    BT_PHY_LE_1M_TX: i32 = 512;
    BT_PHY_LE_2M_RX: i32 = 4096;
    BT_PHY_LE_2M_TX: i32 = 2048;
    BT_PHY_LE_CODED_RX: i32 = 16384;
    BT_PHY_LE_CODED_TX: i32 = 8192;
    BT_PKT_STATUS: i32 = 16;
    BT_POWER: i32 = 9;
    BT_POWER_FORCE_ACTIVE_OFF: i32 = 0;
    BT_POWER_FORCE_ACTIVE_ON: i32 = 1;
    BT_RCVMTU: i32 = 13;
    BT_SECURITY: i32 = 4;
    BT_SECURITY_FIPS: i32 = 4;
    BT_SECURITY_HIGH: i32 = 3;
    BT_SECURITY_LOW: i32 = 1;
    BT_SECURITY_MEDIUM: i32 = 2;
    BT_SECURITY_SDP: i32 = 0;
    BT_SNDMTU: i32 = 12;
    BT_VOICE: i32 = 11;
    BT_VOICE_CVSD_16BIT: i32 = 96;
    BT_VOICE_TRANSPARENT: i32 = 3;
    BT_VOICE_TRANSPARENT_16BIT: i32 = 99;
    HCI_CHANNEL_CONTROL: i32 = 3;
    HCI_CHANNEL_LOGGING: i32 = 4;
    HCI_CHANNEL_MONITOR: i32 = 2;
    HCI_CHANNEL_RAW: i32 = 0;
    HCI_CHANNEL_USER: i32 = 1;
    HCI_DEV_NONE: i32 = 65535;
    L2CAP_LM: i32 = 3;
    L2CAP_LM_AUTH: i32 = 2;
    L2CAP_LM_ENCRYPT: i32 = 4;
    L2CAP_LM_MASTER: i32 = 1;
    L2CAP_LM_RELIABLE: i32 = 16;
    L2CAP_LM_SECURE: i32 = 32;
    L2CAP_LM_TRUSTED: i32 = 8;
    SOL_BLUETOOTH: i32 = 274;
    SOL_L2CAP: i32 = 6;
    SOL_RFCOMM: i32 = 18;
    SOL_SCO: i32 = 17;
    { "Address families under their older name." }
    PF_CAN: i32 = 29;
    PF_PACKET: i32 = 17;
    PF_RDS: i32 = 21;
    { "Of Python 3.12 to 3.14." }
    ETHERTYPE_ARP: i32 = 2054;
    ETHERTYPE_IP: i32 = 2048;
    ETHERTYPE_IPV6: i32 = 34525;
    ETHERTYPE_VLAN: i32 = 33024;
    ETH_P_ALL: i32 = 3;
    IPV6_RECVERR: i32 = 25;
    IP_ADD_SOURCE_MEMBERSHIP: i32 = 39;
    IP_BLOCK_SOURCE: i32 = 38;
    IP_DROP_SOURCE_MEMBERSHIP: i32 = 40;
    IP_FREEBIND: i32 = 15;
    IP_PKTINFO: i32 = 8;
    IP_RECVERR: i32 = 11;
    IP_RECVORIGDSTADDR: i32 = 20;
    IP_RECVTTL: i32 = 12;
    IP_UNBLOCK_SOURCE: i32 = 37;
    NI_IDN: i32 = 32;
    SO_BINDTOIFINDEX: i32 = 62;
    TCP_CC_INFO: i32 = 26;
    TCP_FASTOPEN_CONNECT: i32 = 30;
    TCP_FASTOPEN_KEY: i32 = 33;
    TCP_FASTOPEN_NO_COOKIE: i32 = 34;
    TCP_INQ: i32 = 36;
    TCP_MD5SIG: i32 = 14;
    TCP_MD5SIG_EXT: i32 = 32;
    TCP_QUEUE_SEQ: i32 = 21;
    TCP_REPAIR: i32 = 19;
    TCP_REPAIR_OPTIONS: i32 = 22;
    TCP_REPAIR_QUEUE: i32 = 20;
    TCP_REPAIR_WINDOW: i32 = 29;
    TCP_SAVED_SYN: i32 = 28;
    TCP_SAVE_SYN: i32 = 27;
    TCP_THIN_DUPACK: i32 = 17;
    TCP_THIN_LINEAR_TIMEOUTS: i32 = 16;
    TCP_TIMESTAMP: i32 = 24;
    TCP_TX_DELAY: i32 = 37;
    TCP_ULP: i32 = 31;
    TCP_ZEROCOPY_RECEIVE: i32 = 35;
    CAN_RAW_ERR_FILTER: i32 = 2;
    SO_ORIGINAL_DST: i32 = 80;
    VMADDR_CID_LOCAL: i32 = 1;
    { "The longest queue of a listener that Linux allows by default: listen(2)." }
    SOMAXCONN: i32 = 4096;
}

/// Bluetooth: any device.
pub const BDADDR_ANY: &str = "00:00:00:00:00:00";
/// Bluetooth: the local device.
pub const BDADDR_LOCAL: &str = "00:00:00:FF:FF:FF";

/// Whether the platform has IPv6. The host's policy and its kernel decide
/// whether a guest can use it.
#[allow(non_upper_case_globals, reason = "Python's name")]
pub const has_ipv6: bool = true;
