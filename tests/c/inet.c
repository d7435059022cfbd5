/* Addresses as text, TCP, and errors of sockets. */
#include "say.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

void text(void) {
    static const struct { int family; const char *text; } addresses[] = {
        {AF_INET, "127.0.0.1"}, {AF_INET, "255.255.255.255"}, {AF_INET, "1.2.3"}, {AF_INET, "1.2.3.256"},
        {AF_INET, " 1.2.3.4"}, {AF_INET, ""}, {AF_INET6, "::"}, {AF_INET6, "::1"}, {AF_INET6, "2001:db8::a:0:0:1"},
        {AF_INET6, "::ffff:1.2.3.4"}, {AF_INET6, "fe80::1%1"}, {AF_INET6, ":::"}, {AF_INET6, "1:2:3:4:5:6:7:8"},
        {AF_INET6, "1:2:3:4:5:6:7:8:9"},
    };
    for (size_t at = 0; at < sizeof addresses / sizeof *addresses; at++) {
        unsigned char bytes[16];
        char printed[INET6_ADDRSTRLEN] = "";
        int read = inet_pton(addresses[at].family, addresses[at].text, bytes);
        if (read == 1)
            inet_ntop(addresses[at].family, bytes, printed, sizeof printed);
        printf("inet_pton(%s) = %d %s\n", addresses[at].text, read, printed);
    }
    char printed[8];
    unsigned char bytes[4] = {192, 168, 100, 200};
    SAY(inet_pton(12345, "::1", bytes));
    SAY(inet_ntop(AF_INET, bytes, printed, sizeof printed) ? 0 : -1);
    SAY(inet_ntop(12345, bytes, printed, sizeof printed) ? 0 : -1);
    struct in_addr address;
    SAY(inet_aton("10.1.2.3", &address));
    printf("inet_ntoa = %s\n", inet_ntoa(address));
    IS(inet_addr("127.0.0.1") == htonl(INADDR_LOOPBACK));
    IS(inet_addr("nonsense") == INADDR_NONE);
    SAY(htons(0x1234) == 0x3412);
}

void tcp(int family) {
    struct sockaddr_storage address = loopback(family, 0), peer;
    socklen_t length = size_of_family(family), size;
    char buffer[64];
    int server, client, accepted;
    GET(server, socket(family, SOCK_STREAM, 0));
    SAY(getsockname(server, (struct sockaddr *)&peer, (size = sizeof peer, &size)));
    say_address("before bind", &peer, size);
    SAY(bind(server, (struct sockaddr *)&address, length));
    SAY(listen(server, 4));
    SAY(getsockname(server, (struct sockaddr *)&peer, (size = sizeof peer, &size)));
    say_address("listener", &peer, size);
    address = loopback(family, port_of(server));
    GET(client, socket(family, SOCK_STREAM, IPPROTO_TCP));
    SAY(getpeername(client, (struct sockaddr *)&peer, (size = sizeof peer, &size)));
    SAY(connect(client, (struct sockaddr *)&address, length));
    SAY(connect(client, (struct sockaddr *)&address, length));
    GET(accepted, accept4(server, (struct sockaddr *)&peer, (size = sizeof peer, &size), SOCK_CLOEXEC));
    say_address("peer", &peer, size);
    SAY(getpeername(client, (struct sockaddr *)&peer, (size = sizeof peer, &size)));
    say_address("client's peer", &peer, size);
    SAY(getpeername(client, (struct sockaddr *)&peer, (size = 4, &size)));
    printf("the whole length is %u\n", (unsigned)size);

    SAY(send(client, "hello", 5, 0));
    SAY(recv(accepted, buffer, 2, MSG_PEEK));
    SAY(recv(accepted, buffer, 2, 0));
    SAY(recv(accepted, buffer, sizeof buffer, MSG_DONTWAIT));
    SAY(recv(accepted, buffer, sizeof buffer, MSG_DONTWAIT));
    SAY(write(accepted, "0123456789", 10));
    SAY(recv(client, buffer, 10, MSG_WAITALL));
    SAY(memcmp(buffer, "0123456789", 10));
    SAY(send(client, "abc", 3, MSG_MORE));
    SAY(send(client, "def", 3, MSG_NOSIGNAL));
    SAY(recv(accepted, buffer, 6, MSG_WAITALL));
    struct iovec parts[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}};
    SAY(writev(client, parts, 3));
    char one[3], two[3];
    struct iovec rooms[2] = {{one, 3}, {two, 3}};
    SAY(readv(accepted, rooms, 2));
    SAY(memcmp(one, "abc", 3) || memcmp(two, "def", 3));
    SAY(writev(client, parts, 0));
    SAY(writev(client, parts, -1));
    SAY(recvfrom(client, buffer, 1, MSG_DONTWAIT, (struct sockaddr *)&peer, (size = sizeof peer, &size)));
    SAY(sendto(client, "x", 1, 0, NULL, 0));
    SAY(recvfrom(accepted, buffer, 1, 0, (struct sockaddr *)&peer, (size = sizeof peer, &size)));
    SAY(read(accepted, buffer, 0));
    SAY(recv(accepted, buffer, 0, MSG_DONTWAIT));
    SAY(write(client, "", 0));
    SAY(send(client, "xyz", 3, 0));
    SAY(recv(accepted, buffer, 0, 0));
    SAY(recv(accepted, buffer, 3, MSG_WAITALL));

    SAY(shutdown(client, SHUT_WR));
    SAY(read(accepted, buffer, sizeof buffer));
    SAY(send(client, "x", 1, MSG_NOSIGNAL));
    SAY(write(accepted, "still", 5));
    SAY(read(client, buffer, sizeof buffer));
    SAY(shutdown(accepted, SHUT_RDWR));
    SAY(read(client, buffer, sizeof buffer));
    SAY(shutdown(client, 7));
    SAY(close(accepted));
    SAY(close(client));
    SAY(close(client));
    SAY(close(server));
}

void errors(void) {
    int port, server = listener(AF_INET, &port), fd, pair[2];
    struct sockaddr_storage address = loopback(AF_INET, port);
    socklen_t length = sizeof(struct sockaddr_in), size;
    char buffer[8];
    SAY(socket(AF_INET, 77, 0));
    SAY(socket(999, SOCK_STREAM, 0));
    SAY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
    SAY(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    SAY(bind(-1, (struct sockaddr *)&address, length));
    SAY(bind(999, (struct sockaddr *)&address, length));
    SAY(listen(1, 1));
    GET(fd, socket(AF_INET, SOCK_STREAM, 0));
    SAY(bind(fd, (struct sockaddr *)&address, 3));
    SAY(bind(fd, (struct sockaddr *)&address, length));
    struct sockaddr_storage other = loopback(AF_INET6, port);
    SAY(connect(fd, (struct sockaddr *)&other, sizeof(struct sockaddr_in6)));
    SAY(connect(fd, (struct sockaddr *)&address, 3));
    SAY(recv(fd, buffer, sizeof buffer, 0));
    SAY(send(fd, "x", 1, MSG_NOSIGNAL));
    SAY(shutdown(fd, SHUT_WR));
    SAY(accept(fd, NULL, NULL));
    SAY(getpeername(fd, (struct sockaddr *)&address, (size = sizeof address, &size)));
    SAY(getsockopt(fd, SOL_SOCKET, SO_TYPE, buffer, NULL));
    SAY(close(server));
    address = loopback(AF_INET, port);
    SAY(connect(fd, (struct sockaddr *)&address, length));
    SAY(close(fd));
    GET(fd, socket(AF_INET, SOCK_DGRAM, 0));
    SAY(listen(fd, 1));
    SAY(accept(fd, NULL, NULL));
    SAY(send(fd, "x", 1, 0));
    SAY(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, 3));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(isatty(fd));
    SAY(ftruncate(fd, 0));
    SAY(pread(fd, buffer, 1, 0));
    SAY(fcntl(999, F_GETFL));
    SAY(ioctl(999, FIONREAD, &port));
    SAY(read(999, buffer, 1));
    SAY(write(-1, buffer, 1));
    SAY(close(-1));
    SAY(close(fd));
    connection(AF_INET, pair);
    struct linger linger = {1, 0};
    SAY(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    SAY(close(pair[0]));
    struct pollfd wait = {pair[1], POLLIN, 0};
    poll(&wait, 1, 2000);
    SAY(read(pair[1], buffer, sizeof buffer));
    SAY(write(pair[1], "x", 0));
    SAY(send(pair[1], "x", 1, MSG_NOSIGNAL));
    close(pair[1]);
}

void nonblocking(void) {
    int port, server = listener(AF_INET, &port), client, accepted, value;
    socklen_t size;
    struct sockaddr_storage address = loopback(AF_INET, port);
    static char large[1 << 16];
    SAY(fcntl(server, F_GETFL) & O_NONBLOCK);
    SAY(fcntl(server, F_SETFL, fcntl(server, F_GETFL) | O_NONBLOCK));
    IS(fcntl(server, F_GETFL) & O_NONBLOCK);
    IS((fcntl(server, F_GETFL) & O_ACCMODE) == O_RDWR);
    SAY(accept(server, NULL, NULL));
    GET(client, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    SAY(connect(client, (struct sockaddr *)&address, sizeof(struct sockaddr_in)));
    struct pollfd wait = {client, POLLOUT, 0};
    SAY(poll(&wait, 1, 2000));
    IS(wait.revents == POLLOUT);
    SAY(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, (size = sizeof value, &size)));
    printf("SO_ERROR %d\n", value);
    wait = (struct pollfd){server, POLLIN, 0};
    SAY(poll(&wait, 1, 2000));
    GET(accepted, accept4(server, NULL, NULL, SOCK_NONBLOCK));
    IS(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    SAY(read(accepted, large, sizeof large));
    SAY(ioctl(accepted, FIONREAD, &value));
    printf("FIONREAD %d\n", value);
    SAY(write(client, "12345", 5));
    wait = (struct pollfd){accepted, POLLIN, 0};
    SAY(poll(&wait, 1, 2000));
    SAY(ioctl(accepted, FIONREAD, &value));
    printf("FIONREAD %d\n", value);
    value = 0;
    SAY(ioctl(accepted, FIONBIO, &value));
    SAY(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    value = 1;
    SAY(ioctl(accepted, FIONBIO, &value));
    SAY(read(accepted, large, sizeof large));
    SAY(read(accepted, large, sizeof large));
    /* Until the buffers are full. */
    while (write(client, large, sizeof large) > 0)
        ;
    printf("full: %s\n", errno_name(errno));
    wait = (struct pollfd){client, POLLOUT, 0};
    SAY(poll(&wait, 1, 0));
    close(accepted);
    close(client);
    close(server);
    /* A connect that nobody listens for. */
    GET(client, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    int refused = connect(client, (struct sockaddr *)&address, sizeof(struct sockaddr_in));
    printf("refused: %s\n", refused && (errno == EINPROGRESS || errno == ECONNREFUSED) ? "yes" : "no");
    if (errno == EINPROGRESS) {
        wait = (struct pollfd){client, POLLOUT, 0};
        poll(&wait, 1, 2000);
        getsockopt(client, SOL_SOCKET, SO_ERROR, &value, (size = sizeof value, &size));
        errno = value;
    }
    printf("connect: %s\n", errno_name(errno));
    close(client);
}
