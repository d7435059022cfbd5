/* What comes over a Unix socket beside files: the ends of pipes, in the program's
   numbers. `taken NAME`: an abstract one. */
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int count, char **arguments) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (count != 2)
        return 2;
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", arguments[1]);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(arguments[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), ends[2];
    if (connect(fd, (struct sockaddr *)&address, length) < 0)
        return 1;
    char byte, buffer[16] = "", control[CMSG_SPACE(sizeof ends)];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, 0) != 1 || message.msg_flags & MSG_CTRUNC)
        return 1;
    memcpy(ends, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof ends);
    struct stat status;
    struct pollfd polled[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLOUT}};
    printf("%d %d\n", ends[0], ends[1]);
    printf("%d\n", fstat(ends[0], &status) == 0 && S_ISFIFO(status.st_mode));
    printf("%d %d\n", (fcntl(ends[0], F_GETFL) & O_ACCMODE) == O_RDONLY, (fcntl(ends[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
    printf("%d\n", poll(polled, 2, 0));
    printf("%d\n", polled[0].revents == 0 && polled[1].revents == POLLOUT);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    printf("%d\n", (int)read(ends[0], buffer, sizeof buffer));
    fcntl(ends[0], F_SETFL, 0);
    printf("%d %d\n", (int)write(ends[0], "x", 1), (int)read(ends[1], buffer, 1));
    printf("%d\n", (int)write(ends[1], "from C", 6));
    /* The peer answers by the other pipe. */
    printf("%d\n", poll(polled, 1, -1));
    printf("%d %s\n", (int)read(ends[0], buffer, sizeof buffer), buffer);
    printf("%d\n", (int)read(ends[0], buffer, sizeof buffer));
    printf("%d\n", lseek(ends[0], 0, SEEK_CUR) < 0);
    return close(ends[0]) || close(ends[1]) || close(fd);
}
