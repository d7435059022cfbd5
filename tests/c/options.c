/* getsockopt(2) and setsockopt(2). */
#include "say.h"
#include <net/if.h>
#include <sys/time.h>
#include <time.h>

static void number(int fd, const char *name, int level, int option, int value) {
    int before = -1, after = -1;
    socklen_t size = sizeof before;
    int got = getsockopt(fd, level, option, &before, &size);
    const char *got_error = got ? errno_name(errno) : "";
    int set = setsockopt(fd, level, option, &value, sizeof value);
    const char *set_error = set ? errno_name(errno) : "";
    getsockopt(fd, level, option, &after, &size);
    printf("%s: %d%s, set to %d: %s, then %d, length %u\n", name, before, got_error, value, set ? set_error : "ok", after, (unsigned)size);
}
#define NUMBER(fd, level, option, value) number(fd, #option, level, option, value)

void options(void) {
    int tcp, udp, udp6, tcp6;
    char bytes[64];
    socklen_t size;
    GET(tcp, socket(AF_INET, SOCK_STREAM, 0));
    GET(udp, socket(AF_INET, SOCK_DGRAM, 0));
    GET(tcp6, socket(AF_INET6, SOCK_STREAM, 0));
    GET(udp6, socket(AF_INET6, SOCK_DGRAM, 0));
    NUMBER(tcp, SOL_SOCKET, SO_REUSEADDR, 1);
    NUMBER(tcp, SOL_SOCKET, SO_REUSEPORT, 1);
    NUMBER(tcp, SOL_SOCKET, SO_KEEPALIVE, 1);
    NUMBER(tcp, SOL_SOCKET, SO_OOBINLINE, 1);
    NUMBER(tcp, SOL_SOCKET, SO_DONTROUTE, 1);
    NUMBER(udp, SOL_SOCKET, SO_BROADCAST, 1);
    NUMBER(tcp, SOL_SOCKET, SO_SNDBUF, 20000);
    NUMBER(tcp, SOL_SOCKET, SO_RCVBUF, 20000);
    NUMBER(tcp, SOL_SOCKET, SO_RCVLOWAT, 4);
    NUMBER(tcp, SOL_SOCKET, SO_PRIORITY, 3);
    NUMBER(tcp, SOL_SOCKET, SO_TYPE, 1);
    NUMBER(tcp, SOL_SOCKET, SO_DOMAIN, 1);
    NUMBER(tcp, SOL_SOCKET, SO_PROTOCOL, 1);
    NUMBER(udp6, SOL_SOCKET, SO_TYPE, 1);
    NUMBER(udp6, SOL_SOCKET, SO_DOMAIN, 1);
    NUMBER(udp6, SOL_SOCKET, SO_PROTOCOL, 1);
    NUMBER(tcp, SOL_SOCKET, SO_ACCEPTCONN, 1);
    NUMBER(tcp, SOL_SOCKET, SO_ERROR, 1);
    NUMBER(tcp, IPPROTO_TCP, TCP_NODELAY, 1);
    NUMBER(tcp, IPPROTO_TCP, TCP_CORK, 1);
    NUMBER(tcp, IPPROTO_TCP, TCP_KEEPIDLE, 77);
    NUMBER(tcp, IPPROTO_TCP, TCP_KEEPINTVL, 7);
    NUMBER(tcp, IPPROTO_TCP, TCP_KEEPCNT, 5);
    NUMBER(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, 1234);
    NUMBER(tcp, IPPROTO_TCP, TCP_SYNCNT, 3);
    NUMBER(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3);
    NUMBER(tcp, IPPROTO_TCP, TCP_KEEPCNT, -1);
    NUMBER(udp, IPPROTO_TCP, TCP_NODELAY, 1);
    NUMBER(udp, IPPROTO_IP, IP_TTL, 33);
    NUMBER(udp, IPPROTO_IP, IP_TTL, 256);
    NUMBER(udp, IPPROTO_IP, IP_TOS, 0x10);
    NUMBER(udp, IPPROTO_IP, IP_PKTINFO, 1);
    NUMBER(udp, IPPROTO_IP, IP_RECVTTL, 1);
    NUMBER(udp, IPPROTO_IP, IP_RECVTOS, 1);
    NUMBER(udp, IPPROTO_IP, IP_RECVERR, 1);
    NUMBER(udp, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    NUMBER(udp, IPPROTO_IP, IP_MULTICAST_TTL, 5);
    NUMBER(udp, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    NUMBER(tcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    NUMBER(udp6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    NUMBER(udp, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    NUMBER(udp, SOL_SOCKET, SO_TIMESTAMP, 1);

    struct linger linger = {0, 0};
    SAY(getsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, (size = sizeof linger, &size)));
    printf("linger %d %d %u\n", linger.l_onoff, linger.l_linger, (unsigned)size);
    linger = (struct linger){1, 9};
    SAY(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    SAY(getsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, (size = sizeof linger, &size)));
    printf("linger %d %d %u\n", linger.l_onoff, linger.l_linger, (unsigned)size);
    SAY(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, 4));

    struct timeval time = {0, 0};
    SAY(getsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &time, (size = sizeof time, &size)));
    printf("time %lld %lld\n", (long long)time.tv_sec, (long long)time.tv_usec);
    IS(size == sizeof time);
    time = (struct timeval){5, 250000};
    SAY(setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    SAY(getsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &time, (size = sizeof time, &size)));
    printf("time %lld\n", (long long)time.tv_sec);
    SAY(setsockopt(tcp, SOL_SOCKET, SO_SNDTIMEO, &time, 4));
    time = (struct timeval){5, 1000000};
    SAY(setsockopt(tcp, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));

    /* Lengths other than an int's. */
    unsigned char byte = 1;
    SAY(setsockopt(udp, IPPROTO_IP, IP_MULTICAST_LOOP, &byte, 1));
    SAY(setsockopt(udp, IPPROTO_IP, IP_MULTICAST_TTL, &byte, 1));
    SAY(setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &byte, 1));
    SAY(getsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, bytes, (size = 2, &size)));
    printf("length %u\n", (unsigned)size);
    SAY(getsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, bytes, (size = sizeof bytes, &size)));
    printf("length %u\n", (unsigned)size);
    SAY(getsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, bytes, (size = -1, &size)));
    SAY(setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
    SAY(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "nonsense", 8));

    struct ip_mreq group = {.imr_multiaddr.s_addr = inet_addr("239.1.2.3"), .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    SAY(setsockopt(udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
    SAY(setsockopt(udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
    SAY(setsockopt(udp, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group));
    SAY(setsockopt(udp, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group));
    SAY(setsockopt(udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, 4));
    struct group_req request = {.gr_interface = 1};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.gr_group;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = inet_addr("239.1.2.4");
    SAY(setsockopt(udp, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request));
    SAY(setsockopt(udp, IPPROTO_IP, MCAST_LEAVE_GROUP, &request, sizeof request));
    struct ipv6_mreq group6 = {.ipv6mr_interface = 1};
    inet_pton(AF_INET6, "ff15::1", &group6.ipv6mr_multiaddr);
    SAY(setsockopt(udp6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof group6));
    SAY(setsockopt(udp6, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &group6, sizeof group6));

    int pair[2];
    struct ucred peer;
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, (size = sizeof peer, &size)));
    printf("length %u, %s\n", (unsigned)size, peer.pid > 0 ? "a process" : "none");
    NUMBER(pair[0], SOL_SOCKET, SO_PASSCRED, 1);
    SAY(getsockopt(1, SOL_SOCKET, SO_TYPE, bytes, (size = sizeof bytes, &size)));
    SAY(setsockopt(999, SOL_SOCKET, SO_REUSEADDR, bytes, 4));
}

void timeouts(void) {
    int pair[2], port, server = listener(AF_INET, &port);
    char byte;
    struct timeval time = {0, 100000};
    connection(AF_INET, pair);
    SAY(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    SAY(recv(pair[0], &byte, 1, 0));
    clock_gettime(CLOCK_MONOTONIC, &end);
    long passed = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    IS(passed >= 90 && passed < 2000);
    SAY(read(pair[0], &byte, 1));
    SAY(write(pair[1], "x", 1));
    SAY(read(pair[0], &byte, 1));
    SAY(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    SAY(accept(server, NULL, NULL));
    SAY(setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    static char large[1 << 16];
    ssize_t sent;
    while ((sent = send(pair[1], large, sizeof large, 0)) == sizeof large)
        ;
    IS(sent > 0 || errno == EAGAIN);
    time = (struct timeval){0, 0};
    SAY(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    IS(read(pair[0], large, sizeof large) > 0);
}
