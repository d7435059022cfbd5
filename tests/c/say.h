/* Prints what calls do, in words that are the same natively and in a guest. */
#ifndef SAY_H
#define SAY_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char *errno_name(int number);

/* The call as it is written, its result, and errno where it failed. */
#define SAY(call)                                                                   \
    do {                                                                            \
        errno = 0;                                                                  \
        long long said = (long long)(call);                                         \
        printf("%s = %lld%s%s\n", #call, said, said == -1 ? " " : "",               \
               said == -1 ? errno_name(errno) : "");                                \
        fflush(stdout);                                                             \
    } while (0)

/* What a function of pthread.h returns. */
#define DO(call)                                                                    \
    do {                                                                            \
        int done = (call);                                                          \
        printf("%s = %s\n", #call, done ? errno_name(done) : "0");                  \
        fflush(stdout);                                                             \
    } while (0)

/* The same of what is no more than true or false. */
#define IS(condition) printf("%s: %s\n", #condition, (condition) ? "yes" : "no")

/* Keeps what a call returns, which has to be there. */
#define GET(variable, call)                                                         \
    do {                                                                            \
        errno = 0;                                                                  \
        (variable) = (call);                                                        \
        printf("%s = %s = %d%s%s\n", #variable, #call, (int)(variable),             \
               (int)(variable) == -1 ? " " : "",                                    \
               (int)(variable) == -1 ? errno_name(errno) : "");                     \
        fflush(stdout);                                                             \
    } while (0)

/* The loopback address of a family, with a port in host order. */
struct sockaddr_storage loopback(int family, int port);
socklen_t size_of_family(int family);
/* The port of a socket's own address, in host order. */
int port_of(int fd);
/* An address without its port, which is another each time. */
void say_address(const char *what, const struct sockaddr_storage *address, socklen_t length);
/* A listener on the loopback address, and a connection to it. */
int listener(int family, int *port);
void connection(int family, int pair[2]);

/* The directory for sockets and files: an argument. */
extern const char *directory;
const char *in_directory(const char *name);

void text(void);
void tcp(int family);
void errors(void);
void nonblocking(void);
void options(void);
void timeouts(void);
void udp(int family);
void messages(void);
void packet_info(void);
void unix_stream(void);
void unix_datagram(void);
void rights(void);
void polling(void);
void selecting(void);
void epolling(void);
void events(void);
void timers(void);
void pipes(void);
void duplicates(void);
void names(void);
void interfaces(void);
void files(void);
void opening(void);
void directories(void);
void error_texts(void);
void streams(void);
void sending_files(void);
void memory_files(void);
void signals(void);
void jumps(void);
void nameser(void);
void clocks(void);
void processors(void);
void mounts(void);
void threads(void);
void thread_data(void);
void canceling(void);
void exiting(void);
void thread_signals(void);
void locks(void);
void conditions(void);
void semaphores(void);
void c11(void);
void waits(void);
void alarms(void);
void locked_streams(void);

#endif
