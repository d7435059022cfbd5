/* UDP, and messages with ancillary data. */
#include "say.h"
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

static int bound(int family, int *port) {
    struct sockaddr_storage address = loopback(family, 0);
    int fd = socket(family, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size_of_family(family))) {
        perror("bound");
        exit(1);
    }
    *port = port_of(fd);
    return fd;
}

void udp(int family) {
    int port, other, receiver = bound(family, &port), sender = bound(family, &other);
    struct sockaddr_storage to = loopback(family, port), from;
    socklen_t length = size_of_family(family), size;
    char buffer[32];
    SAY(sendto(sender, "datagram", 8, 0, (struct sockaddr *)&to, length));
    SAY(recvfrom(receiver, buffer, sizeof buffer, MSG_PEEK, NULL, NULL));
    SAY(recvfrom(receiver, buffer, sizeof buffer, 0, (struct sockaddr *)&from, (size = sizeof from, &size)));
    say_address("from", &from, size);
    SAY(sendto(sender, "", 0, 0, (struct sockaddr *)&to, length));
    SAY(recv(receiver, buffer, sizeof buffer, 0));
    SAY(sendto(sender, "a longer one", 12, 0, (struct sockaddr *)&to, length));
    SAY(recv(receiver, buffer, 4, 0));
    SAY(recv(receiver, buffer, 4, MSG_DONTWAIT));
    SAY(sendto(sender, "a longer one", 12, 0, (struct sockaddr *)&to, length));
    SAY(recv(receiver, buffer, 4, MSG_TRUNC));
    SAY(sendto(sender, "none of it", 10, 0, (struct sockaddr *)&to, length));
    SAY(recv(receiver, buffer, 0, 0));
    SAY(recv(receiver, buffer, 0, MSG_DONTWAIT));
    SAY(connect(sender, (struct sockaddr *)&to, length));
    SAY(send(sender, "connected", 9, 0));
    SAY(read(receiver, buffer, sizeof buffer));
    struct iovec parts[2] = {{"one", 3}, {"two", 3}};
    SAY(writev(sender, parts, 2));
    char first[2], second[10];
    struct iovec rooms[2] = {{first, 2}, {second, 10}};
    SAY(readv(receiver, rooms, 2));
    SAY(memcmp(first, "on", 2) || memcmp(second, "etwo", 4));
    static char large[70000];
    SAY(send(sender, large, sizeof large, 0));
    SAY(getpeername(sender, (struct sockaddr *)&from, (size = sizeof from, &size)));
    say_address("peer", &from, size);
    SAY(shutdown(sender, SHUT_RDWR));
    SAY(close(receiver));
    SAY(close(sender));
    /* Nobody is at the port any more. */
    GET(sender, socket(family, SOCK_DGRAM, 0));
    SAY(connect(sender, (struct sockaddr *)&to, length));
    SAY(send(sender, "x", 1, 0));
    struct pollfd wait = {sender, POLLIN, 0};
    SAY(poll(&wait, 1, 1000));
    SAY(recv(sender, buffer, 1, 0));
    close(sender);
}

void messages(void) {
    int port, other, receiver = bound(AF_INET, &port), sender = bound(AF_INET, &other);
    struct sockaddr_storage to = loopback(AF_INET, port), from;
    char first[4], second[16];
    struct iovec parts[2] = {{"abcd", 4}, {"efgh", 4}}, rooms[2] = {{first, 4}, {second, 16}};
    struct msghdr out = {.msg_name = &to, .msg_namelen = sizeof(struct sockaddr_in), .msg_iov = parts, .msg_iovlen = 2};
    struct msghdr in = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = rooms, .msg_iovlen = 2};
    SAY(sendmsg(sender, &out, 0));
    SAY(recvmsg(receiver, &in, 0));
    say_address("from", &from, in.msg_namelen);
    printf("flags %x, control %u\n", in.msg_flags, (unsigned)in.msg_controllen);
    SAY(memcmp(second, "efgh", 4));
    SAY(sendmsg(sender, &out, 0));
    in.msg_iovlen = 1;
    SAY(recvmsg(receiver, &in, 0));
    IS(in.msg_flags == MSG_TRUNC);
    SAY(sendmsg(sender, &out, 0));
    SAY(recvmsg(receiver, &in, MSG_TRUNC));
    SAY(recvmsg(receiver, &in, MSG_DONTWAIT));
    SAY(sendmsg(999, &out, 0));
    SAY(recvmsg(1, &in, 0));

    struct mmsghdr many[3];
    memset(many, 0, sizeof many);
    for (int at = 0; at < 3; at++) {
        many[at].msg_hdr = out;
        many[at].msg_hdr.msg_iovlen = at % 2 + 1;
    }
    SAY(sendmmsg(sender, many, 3, 0));
    printf("lengths %u %u %u\n", many[0].msg_len, many[1].msg_len, many[2].msg_len);
    char room[3][16];
    struct iovec each[3] = {{room[0], 16}, {room[1], 16}, {room[2], 16}};
    for (int at = 0; at < 3; at++)
        many[at].msg_hdr = (struct msghdr){.msg_iov = &each[at], .msg_iovlen = 1};
    struct timespec time = {1, 0};
    SAY(recvmmsg(receiver, many, 3, 0, &time));
    printf("lengths %u %u %u\n", many[0].msg_len, many[1].msg_len, many[2].msg_len);
    SAY(recvmmsg(receiver, many, 3, MSG_DONTWAIT, NULL));
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)));
    SAY(recvmmsg(receiver, many, 3, MSG_WAITFORONE, NULL));

    /* On a stream. */
    int pair[2];
    connection(AF_INET, pair);
    out.msg_name = NULL;
    out.msg_namelen = 0;
    in = (struct msghdr){.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = rooms, .msg_iovlen = 2};
    SAY(sendmsg(pair[0], &out, MSG_NOSIGNAL));
    SAY(recvmsg(pair[1], &in, 0));
    printf("name %u\n", (unsigned)in.msg_namelen);
}

static void say_control(struct msghdr *message) {
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
        int value = 0;
        unsigned length = item->cmsg_len - CMSG_LEN(0);
        memcpy(&value, CMSG_DATA(item), length < 4 ? length : 4);
        if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(item);
            printf("IP_PKTINFO %u, interface %d, %s\n", length, info->ipi_ifindex, inet_ntoa(info->ipi_addr));
        } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
            char printed[64];
            struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(item);
            inet_ntop(AF_INET6, &info->ipi6_addr, printed, sizeof printed);
            printf("IPV6_PKTINFO %u, interface %u, %s\n", length, (unsigned)info->ipi6_ifindex, printed);
        } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
            printf("SCM_TIMESTAMPNS, %s\n", ((struct timespec *)CMSG_DATA(item))->tv_sec > 1600000000 ? "now" : "not");
        } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR) {
            printf("IP_RECVERR %s\n", errno_name(value));
        } else {
            printf("control level %d type %d length %u value %d\n", item->cmsg_level, item->cmsg_type, length, value);
        }
    }
}

void packet_info(void) {
    int port, other, on = 1, receiver = bound(AF_INET, &port), sender = bound(AF_INET, &other);
    struct sockaddr_storage to = loopback(AF_INET, port);
    char data[16], control[256];
    struct iovec room = {data, sizeof data}, part = {"info", 4};
    struct msghdr in = {.msg_iov = &room, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    SAY(setsockopt(receiver, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
    SAY(setsockopt(receiver, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
    SAY(setsockopt(receiver, IPPROTO_IP, IP_RECVTOS, &on, sizeof on));
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)));
    SAY(recvmsg(receiver, &in, 0));
    say_control(&in);
    /* Too little room for all of it. */
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)));
    in.msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
    SAY(recvmsg(receiver, &in, 0));
    IS(in.msg_flags & MSG_CTRUNC);
    say_control(&in);
    /* The time to live of one message. */
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } hops = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL}};
    memcpy(CMSG_DATA(&hops.header), &(int){42}, sizeof(int));
    struct msghdr out = {.msg_name = &to, .msg_namelen = sizeof(struct sockaddr_in), .msg_iov = &part, .msg_iovlen = 1,
                         .msg_control = &hops, .msg_controllen = sizeof hops};
    SAY(sendmsg(sender, &out, 0));
    in.msg_controllen = sizeof control;
    SAY(recvmsg(receiver, &in, 0));
    say_control(&in);
    hops.header.cmsg_len = 3;
    SAY(sendmsg(sender, &out, 0));
    on = 0;
    setsockopt(receiver, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(receiver, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    setsockopt(receiver, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    on = 1;
    SAY(setsockopt(receiver, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)));
    in.msg_controllen = sizeof control;
    SAY(recvmsg(receiver, &in, 0));
    say_control(&in);
    close(receiver);
    /* What came of an earlier send. */
    SAY(setsockopt(sender, IPPROTO_IP, IP_RECVERR, &on, sizeof on));
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)));
    struct pollfd wait = {sender, 0, 0};
    SAY(poll(&wait, 1, 1000));
    in.msg_controllen = sizeof control;
    SAY(recvmsg(sender, &in, MSG_ERRQUEUE));
    IS(in.msg_flags & MSG_ERRQUEUE);
    say_control(&in);

    int receiver6 = bound(AF_INET6, &port), sender6 = bound(AF_INET6, &other);
    to = loopback(AF_INET6, port);
    SAY(setsockopt(receiver6, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on));
    SAY(setsockopt(receiver6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on));
    SAY(sendto(sender6, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in6)));
    in.msg_controllen = sizeof control;
    SAY(recvmsg(receiver6, &in, 0));
    say_control(&in);
}
