/* lookups NAME ADDRESS: all look-ups of a name server that says nothing, a thread
   each, and another thread that goes on meanwhile. */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static const char *name;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int ended;

static void *by_getaddrinfo(void *none) {
    struct addrinfo *found;
    getaddrinfo(name, NULL, NULL, &found);
    ended++;
    return none;
}

static void *by_gethostbyname(void *none) {
    gethostbyname(name);
    ended++;
    return none;
}

static void *by_gethostbyname2(void *none) {
    gethostbyname2(name, AF_INET6);
    ended++;
    return none;
}

static void *by_gethostbyaddr(void *none) {
    gethostbyaddr(&address.sin_addr, sizeof address.sin_addr, AF_INET);
    ended++;
    return none;
}

static void *by_getnameinfo(void *none) {
    char host[100];
    getnameinfo((struct sockaddr *)&address, sizeof address, host, sizeof host, NULL, 0, NI_NAMEREQD);
    ended++;
    return none;
}

int main(int count, char **arguments) {
    void *(*all[])(void *) = {by_getaddrinfo, by_gethostbyname, by_gethostbyname2, by_gethostbyaddr, by_getnameinfo};
    if (count != 3 || !inet_aton(arguments[2], &address.sin_addr))
        return 2;
    name = arguments[1];
    for (unsigned at = 0; at < sizeof all / sizeof *all; at++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, all[at], NULL))
            return 1;
    }
    for (int at = 0; at < 20; at++)
        usleep(1000);
    printf("went on beside %d look-ups\n", (int)(sizeof all / sizeof *all) - ended);
    fflush(stdout);
    _exit(0);
}
