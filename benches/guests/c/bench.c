/* The programs that are measured, on the C SDK: some of those of bench-sdk. */
#include "common.h"
#include <sys/un.h>

static int connected_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        err(1, "%s", path);
    return fd;
}

static void echo_datagrams(int fd, size_t size) {
    char *buffer = malloc(size);
    ssize_t count;
    send(fd, "hello", 5, 0);
    while ((count = recv(fd, buffer, size, 0)) >= 0 && !(count == 1 && buffer[0] == 'q'))
        send(fd, buffer, (size_t)count, 0);
}

static void sink(int fd, size_t size, size_t batch) {
    char *buffer = malloc(size);
    size_t left = batch;
    ssize_t count;
    while ((count = recv(fd, buffer, size < left ? size : left, 0)) > 0) {
        left -= (size_t)count;
        if (left == 0) {
            send_all(fd, "x", 1);
            left = batch;
        }
    }
}

static void source(int fd, size_t size, size_t batch) {
    char *data = malloc(size), byte;
    memset(data, 'x', size);
    while (recv(fd, &byte, 1, 0) > 0)
        for (size_t left = batch; left > 0; left -= size < left ? size : left)
            send_all(fd, data, size < left ? size : left);
}

int main(int count, char **words) {
    const char *program = count > 2 ? words[1] : "", *to = count > 2 ? words[2] : "";
    size_t size = count > 3 ? (size_t)atol(words[3]) : 0, batch = count > 4 ? (size_t)atol(words[4]) : 0;
    if (strcmp(program, "echo-tcp") == 0)
        echo(connected(SOCK_STREAM, to), size);
    else if (strcmp(program, "echo-unix") == 0)
        echo(connected_unix(to), size);
    else if (strcmp(program, "echo-udp") == 0)
        echo_datagrams(connected(SOCK_DGRAM, to), size);
    else if (strcmp(program, "sink") == 0)
        sink(connected(SOCK_STREAM, to), size, batch);
    else if (strcmp(program, "source") == 0)
        source(connected(SOCK_STREAM, to), size, batch);
    else if (strcmp(program, "mutex") == 0)
        repeat(connected(SOCK_STREAM, to), lock_and_unlock);
    else
        errx(1, "no program %s", program);
    return 0;
}
