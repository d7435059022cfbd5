/* Unix sockets, and what they pass on. */
#include "say.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

static socklen_t named(struct sockaddr_un *address, const char *name) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", directory, name);
    return sizeof *address;
}

void unix_stream(void) {
    struct sockaddr_un address;
    struct sockaddr_storage told;
    socklen_t length = named(&address, "stream.sock"), size;
    int server, client, accepted, pair[2];
    char buffer[16];
    GET(server, socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(bind(server, (struct sockaddr *)&address, length));
    SAY(listen(server, 4));
    SAY(getsockname(server, (struct sockaddr *)&told, (size = sizeof told, &size)));
    say_address("listener", &told, size);
    IS(size == offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path) + 1);
    GET(client, socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(connect(client, (struct sockaddr *)&address, length));
    GET(accepted, accept(server, (struct sockaddr *)&told, (size = sizeof told, &size)));
    say_address("peer", &told, size);
    SAY(getpeername(client, (struct sockaddr *)&told, (size = sizeof told, &size)));
    say_address("client's peer", &told, size);
    SAY(write(client, "local", 5));
    SAY(read(accepted, buffer, sizeof buffer));
    SAY(close(client));
    SAY(read(accepted, buffer, sizeof buffer));
    SAY(send(accepted, "x", 1, MSG_NOSIGNAL));
    SAY(close(accepted));
    GET(client, socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(bind(client, (struct sockaddr *)&address, length));
    SAY(close(server));
    SAY(connect(client, (struct sockaddr *)&address, length));
    SAY(unlink(address.sun_path));
    SAY(connect(client, (struct sockaddr *)&address, length));
    SAY(unlink(address.sun_path));
    SAY(close(client));

    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path + 1, 40, "capsock-c-%s", strrchr(directory, '/') + 1);
    length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1);
    GET(server, socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(bind(server, (struct sockaddr *)&address, length));
    SAY(getsockname(server, (struct sockaddr *)&told, (size = sizeof told, &size)));
    IS(size == length);
    SAY(listen(server, 1));
    GET(client, socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(connect(client, (struct sockaddr *)&address, length));
    SAY(close(client));
    SAY(close(server));

    SAY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    printf("%d %d\n", pair[0], pair[1]);
    SAY(write(pair[0], "pair", 4));
    SAY(read(pair[1], buffer, sizeof buffer));
    SAY(read(pair[1], buffer, sizeof buffer));
    SAY(shutdown(pair[0], SHUT_WR));
    SAY(read(pair[1], buffer, sizeof buffer));
    SAY(getsockname(pair[0], (struct sockaddr *)&told, (size = sizeof told, &size)));
    say_address("pair", &told, size);
    struct stat status;
    SAY(fstat(pair[0], &status));
    IS(S_ISSOCK(status.st_mode));
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 99, pair));
    SAY(socketpair(AF_UNIX, 99, 0, pair));
}

void unix_datagram(void) {
    struct sockaddr_un address, other;
    struct sockaddr_storage told;
    socklen_t length = named(&address, "datagram.sock"), size;
    int receiver, sender, pair[2];
    char buffer[16];
    GET(receiver, socket(AF_UNIX, SOCK_DGRAM, 0));
    SAY(bind(receiver, (struct sockaddr *)&address, length));
    GET(sender, socket(AF_UNIX, SOCK_DGRAM, 0));
    SAY(sendto(sender, "unnamed", 7, 0, (struct sockaddr *)&address, length));
    SAY(recvfrom(receiver, buffer, sizeof buffer, 0, (struct sockaddr *)&told, (size = sizeof told, &size)));
    printf("length %u\n", (unsigned)size);
    named(&other, "sender.sock");
    SAY(bind(sender, (struct sockaddr *)&other, length));
    SAY(sendto(sender, "named", 5, 0, (struct sockaddr *)&address, length));
    SAY(recvfrom(receiver, buffer, sizeof buffer, 0, (struct sockaddr *)&told, (size = sizeof told, &size)));
    say_address("from", &told, size);
    close(receiver);
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&address, length));
    struct stat status;
    SAY(stat(address.sun_path, &status));
    IS(S_ISSOCK(status.st_mode));
    SAY(lstat(address.sun_path, &status));
    IS(S_ISSOCK(status.st_mode));
    SAY(fstatat(AT_FDCWD, address.sun_path, &status, AT_SYMLINK_NOFOLLOW));
    IS(S_ISSOCK(status.st_mode));
    SAY(unlink(address.sun_path));
    SAY(sendto(sender, "x", 1, 0, (struct sockaddr *)&address, length));
    close(sender);
    SAY(unlink(other.sun_path));
    SAY(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    SAY(send(pair[0], "", 0, 0));
    SAY(send(pair[0], "cut", 3, 0));
    SAY(recv(pair[1], buffer, sizeof buffer, 0));
    SAY(recv(pair[1], buffer, 2, 0));
    SAY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    SAY(send(pair[0], "one", 3, MSG_EOR));
    SAY(send(pair[0], "two", 3, 0));
    SAY(recv(pair[1], buffer, sizeof buffer, 0));
    SAY(recv(pair[1], buffer, sizeof buffer, 0));
    SAY(close(pair[0]));
    SAY(recv(pair[1], buffer, sizeof buffer, 0));
}

union rights {
    char bytes[CMSG_SPACE(3 * sizeof(int))];
    struct cmsghdr header;
};

static int pass(int over, int count, const int *fds) {
    union rights control;
    memset(&control, 0, sizeof control);
    struct iovec part = {"!", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    return sendmsg(over, &message, 0);
}

static int take(int over, int room, int *fds) {
    union rights control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room ? &control : NULL, .msg_controllen = room};
    int received = recvmsg(over, &message, 0);
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    int count = item ? (int)((item->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
    printf("received %d, %d descriptors, %s\n", received, count, message.msg_flags & MSG_CTRUNC ? "cut" : "whole");
    if (item)
        memcpy(fds, CMSG_DATA(item), count * sizeof(int));
    return count;
}

/* Files: each number is used as open(2) would have given it. */
static void use_file(int fd, int mode) {
    char buffer[16];
    struct stat status;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    SAY((fcntl(fd, F_GETFL) & O_ACCMODE) == mode);
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(read(fd, buffer, 3));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(lseek(fd, -2, SEEK_END));
    SAY(read(fd, buffer, sizeof buffer));
    SAY(read(fd, buffer, sizeof buffer));
    SAY(lseek(fd, -1, SEEK_SET));
    SAY(lseek(fd, 0, 99));
    SAY(pread(fd, buffer, 4, 2));
    SAY(fstat(fd, &status));
    IS(S_ISREG(status.st_mode));
    SAY(status.st_size);
    IS(status.st_ino != 0);
    SAY(poll(&polled, 1, 0));
    SAY(polled.revents);
    SAY(isatty(fd));
    SAY(ftruncate(fd, 9));
    SAY(pwrite(fd, "AB", 2, 1));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(write(fd, "w", 1));
    SAY(fsync(fd));
    SAY(lseek(fd, 0, SEEK_SET));
    memset(buffer, 0, sizeof buffer);
    SAY(read(fd, buffer, sizeof buffer));
    printf("%s\n", buffer);
    SAY(send(fd, "x", 1, 0));
    struct iovec parts[2] = {{buffer, 2}, {buffer + 2, 2}};
    SAY(lseek(fd, 1, SEEK_SET));
    SAY(readv(fd, parts, 2));
    SAY(writev(fd, parts, 2));
    SAY(preadv(fd, parts, 2, 0));
}

static void passed_files(const int *over) {
    char path[200], buffer[16] = {0};
    snprintf(path, sizeof path, "%s", in_directory("passed"));
    int taken[3], file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    SAY(write(file, "0123456789", 10));
    SAY(lseek(file, 4, SEEK_SET));
    int reading = open(path, O_RDONLY), writing = open(path, O_WRONLY);
    SAY(lseek(reading, 2, SEEK_SET));
    SAY(pass(over[0], 2, (int[]){file, reading}));
    SAY(take(over[1], CMSG_SPACE(2 * sizeof(int)), taken));
    use_file(taken[1], O_RDONLY);
    use_file(taken[0], O_RDWR);
    SAY(dup2(taken[1], 30));
    SAY(close(taken[1]));
    SAY(lseek(30, 1, SEEK_SET));
    FILE *stream = fdopen(30, "r");
    IS(stream && fgets(buffer, sizeof buffer, stream) != NULL);
    printf("%s\n", buffer);
    SAY(fclose(stream));
    SAY(fcntl(30, F_GETFD));
    SAY(pass(over[0], 1, &writing));
    SAY(take(over[1], CMSG_SPACE(sizeof(int)), taken + 1));
    SAY((fcntl(taken[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
    SAY(read(taken[1], buffer, 1));
    SAY(write(taken[1], "last", 4));
    /* One that came is passed on, from where it is. */
    SAY(lseek(taken[0], 3, SEEK_SET));
    SAY(pass(over[0], 1, taken));
    SAY(take(over[1], CMSG_SPACE(sizeof(int)), taken + 2));
    SAY(lseek(taken[2], 0, SEEK_CUR));
    SAY(read(taken[2], buffer, 1));
    printf("%c\n", buffer[0]);
    SAY(close(taken[0]));
    SAY(close(taken[1]));
    SAY(close(taken[2]));
    SAY(close(file));
    SAY(close(reading));
    SAY(close(writing));
    SAY(unlink(path));
}

void rights(void) {
    int over[2], passed[2], taken[3], port, server = listener(AF_INET, &port);
    char buffer[16];
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, over));
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, passed));
    SAY(pass(over[0], 1, &passed[0]));
    SAY(take(over[1], CMSG_SPACE(sizeof(int)), taken));
    printf("number %d\n", taken[0]);
    SAY(write(taken[0], "through", 7));
    SAY(read(passed[1], buffer, sizeof buffer));
    SAY(close(taken[0]));
    SAY(write(passed[0], "still", 5));
    SAY(read(passed[1], buffer, sizeof buffer));
    SAY(pass(over[0], 2, passed));
    SAY(take(over[1], CMSG_SPACE(2 * sizeof(int)), taken));
    SAY(pass(over[0], 2, passed));
    SAY(take(over[1], 0, taken));
    SAY(pass(over[0], 1, &server));
    SAY(take(over[1], CMSG_SPACE(sizeof(int)), taken));
    struct sockaddr_storage address = loopback(AF_INET, port);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    SAY(connect(client, (struct sockaddr *)&address, sizeof(struct sockaddr_in)));
    IS(accept(taken[0], NULL, NULL) >= 0);
    SAY(pass(over[0], 1, &(int){999}));

    passed_files(over);

    int on = 1;
    struct {
        struct cmsghdr header;
        struct ucred credentials;
        char padding[64];
    } control;
    char byte;
    struct iovec room = {&byte, 1};
    struct msghdr message = {.msg_iov = &room, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    SAY(setsockopt(over[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    SAY(write(over[0], "x", 1));
    SAY(recvmsg(over[1], &message, 0));
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    IS(item && item->cmsg_type == SCM_CREDENTIALS);
    IS(item && item->cmsg_len == CMSG_LEN(sizeof(struct ucred)));
}
