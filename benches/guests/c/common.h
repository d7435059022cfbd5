/* What both programs have: a connection, an echo, and a mutex. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in endpoint(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    char host[64];
    if (!colon || colon - text >= (long)sizeof host)
        errx(1, "an address without a port: %s", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        errx(1, "no address: %s", host);
    return address;
}

static int connected(int kind, const char *text) {
    struct sockaddr_in address = endpoint(text);
    int fd = socket(AF_INET, kind, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        err(1, "%s", text);
    if (kind == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, data, length, 0);
        if (sent < 0)
            err(1, "send");
        data += sent;
        length -= (size_t)sent;
    }
}

static void echo(int fd, size_t size) {
    char *buffer = malloc(size);
    ssize_t count;
    while ((count = recv(fd, buffer, size, 0)) > 0)
        send_all(fd, buffer, (size_t)count);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t counter;

static void lock_and_unlock(uint64_t times) {
    for (; times > 0; times--) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
}

/* So often as each request says. */
static void repeat(int fd, void (*act)(uint64_t)) {
    uint64_t times;
    while (recv(fd, &times, sizeof times, MSG_WAITALL) == sizeof times) {
        act(times);
        send_all(fd, "x", 1);
    }
}
