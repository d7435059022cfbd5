/* The echo client of Python's socket documentation, in C.
 *
 * echo-client [HOST [PORT]]: sends a greeting and prints what comes back. */
#include <err.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const char *host = argc > 1 ? argv[1] : "127.0.0.1", *port = argc > 2 ? argv[2] : "50007";
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error)
        errx(1, "%s: %s", host, gai_strerror(error));
    int connection = -1;
    for (struct addrinfo *each = found; each && connection < 0; each = each->ai_next) {
        connection = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (connection >= 0 && connect(connection, each->ai_addr, each->ai_addrlen)) {
            warn("%s port %s", host, port);
            close(connection);
            connection = -1;
        }
    }
    if (connection < 0)
        return 1;
    freeaddrinfo(found);

    const char greeting[] = "Hello, world";
    if (send(connection, greeting, strlen(greeting), 0) < 0)
        err(1, "send");
    shutdown(connection, SHUT_WR);
    char data[1024];
    ssize_t count;
    printf("Received ");
    while ((count = recv(connection, data, sizeof data, 0)) > 0)
        fwrite(data, 1, count, stdout);
    puts("");
    return count < 0;
}
