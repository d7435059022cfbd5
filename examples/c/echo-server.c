/* The echo server of Python's socket documentation, in C.
 *
 * echo-server [HOST [PORT]] [--forever]: echoes one connection to its end; with
 * --forever one after the other. */
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const char *host = "127.0.0.1", *port = "50007";
    int forever = 0, given = 0;
    for (int at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--forever") == 0)
            forever = 1;
        else if (given++ == 0)
            host = argv[at];
        else
            port = argv[at];
    }

    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error)
        errx(1, "%s: %s", host, gai_strerror(error));
    int server = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (server < 0)
        err(1, "socket");
    int on = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server, found->ai_addr, found->ai_addrlen) || listen(server, 1))
        err(1, "%s port %s", host, port);
    freeaddrinfo(found);

    do {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int connection = accept(server, (struct sockaddr *)&peer, &length);
        if (connection < 0)
            err(1, "accept");
        char name[NI_MAXHOST], service[NI_MAXSERV];
        getnameinfo((struct sockaddr *)&peer, length, name, sizeof name, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV);
        printf("Connected by %s port %s\n", name, service);
        fflush(stdout);
        char data[1024];
        ssize_t count;
        while ((count = recv(connection, data, sizeof data, 0)) > 0) {
            if (send(connection, data, count, 0) != count)
                break;
        }
        close(connection);
    } while (forever);
    return 0;
}
