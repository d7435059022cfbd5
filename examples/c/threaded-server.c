/* A chat: what one client says, all others hear. A thread for each client.
 *
 * threaded-server [HOST [PORT]] */
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 100

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int clients[MOST], count;
static _Thread_local char name[32];

/* To all but the one that says it. */
static void tell(int speaker, const char *text, size_t length) {
    pthread_mutex_lock(&mutex);
    for (int at = 0; at < count; at++)
        if (clients[at] != speaker)
            send(clients[at], text, length, MSG_NOSIGNAL);
    pthread_mutex_unlock(&mutex);
}

static void *serve(void *argument) {
    int client = (int)(intptr_t)argument;
    char line[256], text[sizeof name + sizeof line + 2];
    FILE *lines = fdopen(dup(client), "r");
    snprintf(name, sizeof name, "%d", client);
    while (lines && fgets(line, sizeof line, lines)) {
        int length = snprintf(text, sizeof text, "%s: %s", name, line);
        tell(client, text, (size_t)length);
    }
    if (lines)
        fclose(lines);
    pthread_mutex_lock(&mutex);
    for (int at = 0; at < count; at++)
        if (clients[at] == client)
            clients[at] = clients[--count];
    pthread_mutex_unlock(&mutex);
    close(client);
    return NULL;
}

int main(int argc, char **argv) {
    const char *host = argc > 1 ? argv[1] : "127.0.0.1", *port = argc > 2 ? argv[2] : "50007";
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, port, &hints, &found), on = 1;
    if (error)
        errx(1, "%s: %s", host, gai_strerror(error));
    int server = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (server < 0)
        err(1, "socket");
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server, found->ai_addr, found->ai_addrlen) || listen(server, 16))
        err(1, "%s port %s", host, port);
    freeaddrinfo(found);

    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0)
            err(1, "accept");
        pthread_t thread;
        pthread_mutex_lock(&mutex);
        int is_room = count < MOST && pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) == 0;
        if (is_room) {
            pthread_detach(thread);
            clients[count++] = client;
        }
        pthread_mutex_unlock(&mutex);
        if (!is_room) {
            static const char full[] = "there is no room\n";
            send(client, full, sizeof full - 1, MSG_NOSIGNAL);
            close(client);
        }
    }
}
